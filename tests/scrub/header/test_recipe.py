"""Recipes are proven when they are loaded: deid fails open, the gateway does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.datadict import tag_for_keyword

from watcher.errors import ConfigError
from watcher.options import ScrubOptions
from watcher.scrub.recipe import load_recipe, read_lines

HEAD = "FORMAT dicom\n\n%header\n\n"


def recipe(folder: Path, body: str, head: str = HEAD) -> Path:
    path = folder / "site.recipe"
    path.write_text(head + body, encoding="utf-8")
    return path


def test_the_shipped_recipe_says_the_same_to_deid() -> None:
    loaded = load_recipe(ScrubOptions())
    theirs = [(each["action"], each["field"]) for each in loaded.deid.get_actions()]
    assert theirs == [(line.action, line.field) for line in loaded.lines]
    assert len(theirs) > 550
    assert loaded.loosened == ()


def test_a_sound_recipe_is_read(tmp_path: Path) -> None:
    path = recipe(tmp_path, "# ours\nREMOVE StudyDescription\nREPLACE StudyID NONE # not here\n")
    assert [(line.action, line.field, line.value) for line in read_lines(path)] == [
        ("REMOVE", "StudyDescription", ""),
        ("REPLACE", "StudyID", "NONE"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "# nothing but a comment\n",
        "REMOOVE StudyDescription\n",
        "remove StudyDescription\n",
        "REMOVE StudyDescriptoin\n",
        "REMOVE\n",
        "REMOVE StudyDescription # why\n",
        "REMOVE StudyDescription func:date\n",
        "BLANK StudyDescription NONE\n",
        "KEEP StudyDescription yes\n",
        "REPLACE StudyDescription\n",
        "REPLACE StudyDescription func:unknown\n",
        "REPLACE StudyDescription func:\n",
        "REPLACE StudyDescription var:name\n",
        "REPLACE StudyDate deid_func:jitter days=1\n",
        "REPLACE Rows 512\n",
        "REPLACE ReferencedImageSequence NONE\n",
        "REPLACE ReferencedImageSequence func:uid\n",
        'REPLACE (0019,"SIEMENS MR HEADER",0c) NONE\n',
        "ADD PatientComments func:clean_text\n",
        "JITTER StudyDate -5\n",
        "LABEL a label\n",
        "REMOVE selcet:VR:PN\n",
        "REMOVE values:names\n",
        "REMOVE fields:names\n",
    ],
)
def test_whatever_is_not_understood_stops_the_start(tmp_path: Path, body: str) -> None:
    with pytest.raises(ConfigError):
        read_lines(recipe(tmp_path, body))


@pytest.mark.parametrize(
    "head",
    [
        "",
        "FORMAT nifti\n\n%header\n\n",
        "FORMAT dicom\n\n%filter graylist\n\n",
        "FORMAT dicom\n\n%values names\n\n",
        "FORMAT dicom\n\n%haeder\n\n",
        "FORMAT dicom\n\n",
    ],
)
def test_anything_but_a_header_section_stops_the_start(tmp_path: Path, head: str) -> None:
    with pytest.raises(ConfigError):
        read_lines(recipe(tmp_path, "REMOVE StudyDescription\n", head))


def test_a_missing_or_unreadable_recipe_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        read_lines(tmp_path / "nowhere.recipe")
    with pytest.raises(ConfigError):
        read_lines(tmp_path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError):
        read_lines(tmp_path / "binary")


def test_an_error_says_where_but_never_quotes(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_lines(recipe(tmp_path, "REMOVE StudyID\nREMOVE Qorvinberg\n"))
    assert "line 6" in str(caught.value)
    assert "Qorvinberg" not in str(caught.value)


def load(folder: Path, body: str, *loosened: str) -> dict[str, str]:
    options = ScrubOptions(recipe=recipe(folder, body), loosened=loosened)
    loaded = load_recipe(options)
    assert loaded.loosened == loosened
    return {line.field: f"{line.action} {line.value}".strip() for line in loaded.lines}


@pytest.mark.parametrize(
    ("body", "field", "expected"),
    [
        ("REMOVE StudyDescription\n", "StudyDescription", "REMOVE"),
        ("BLANK (0008,1030)\n", "(0008,1030)", "BLANK"),
        ("REPLACE InstitutionName SITE 7\n", "InstitutionName", "REPLACE SITE 7"),
        ("REMOVE endswith:Description\n", "endswith:Description", "REMOVE"),
        ("ADD ImageComments none\n", "ImageComments", "ADD none"),
        ('REMOVE (0019,"SIEMENS MR HEADER",0c)\n', '(0019,"SIEMENS MR HEADER",0c)', "REMOVE"),
    ],
)
def test_a_site_may_be_stricter(tmp_path: Path, body: str, field: str, expected: str) -> None:
    lines = load(tmp_path, body)
    assert lines[field] == expected
    if body.startswith(("REMOVE", "BLANK")):
        assert "Description" not in field or "StudyDescription" not in lines or field[0] == "S"


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("KEEP InstitutionName", "InstitutionName"),
        ("KEEP contains:Physician", "contains:Physician"),
        ("KEEP Manufacturer", "Manufacturer"),
        ("KEEP SOPInstanceUID", "SOPInstanceUID"),
        ("REPLACE InstitutionName func:clean_text", "InstitutionName"),
        ("REPLACE PatientBirthDate func:date", "PatientBirthDate"),
        ("REPLACE StudyDate func:time", "StudyDate"),
        ('KEEP (0029,"SIEMENS CSA HEADER",10)', '(0029,"SIEMENS CSA HEADER",10)'),
    ],
)
def test_a_site_is_looser_only_where_the_settings_say_so(
    tmp_path: Path, line: str, field: str
) -> None:
    with pytest.raises(ConfigError, match="cleans less"):
        load(tmp_path, line + "\n")
    assert field in load(tmp_path, line + "\n", field)


def test_the_same_line_as_the_base_is_not_looser(tmp_path: Path) -> None:
    load(tmp_path, "REPLACE StudyDate func:date\n")


def test_a_permission_that_nothing_needs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not loosened"):
        load(tmp_path, "REMOVE StudyDescription\n", "InstitutionName")
    with pytest.raises(ConfigError):
        load_recipe(ScrubOptions(loosened=("InstitutionName",)))


@pytest.mark.parametrize(
    "line",
    [
        "REMOVE SOPInstanceUID",
        "BLANK StudyInstanceUID",
        "REPLACE SeriesInstanceUID 1.2.3",
        "REMOVE endswith:UID",
        "REMOVE ALL",
        "ADD SOPInstanceUID 1.2.3",
    ],
)
def test_a_site_cannot_take_away_the_uids_of_an_image(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError, match="every image needs"):
        load(tmp_path, line + "\n")


def test_every_combination_of_options_gives_a_sound_recipe() -> None:
    names = set()
    for dates in ("modified", "full", "removed"):
        for off in (True, False):
            options = ScrubOptions.model_validate(
                {"dates": dates, "keep_uids": off, "clean_descriptors": off}
            )
            loaded = load_recipe(options)
            names.add(loaded.name)
            fields = [line.tag for line in loaded.lines]
            assert len(fields) == len(set(fields))
            assert tag_for_keyword("PatientName") in fields
    assert len(names) == 6
