"""PS3.15 Table E.1-1, one row one test: what the default options make of each Attribute."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.scrub.header.conftest import Clean, instance
from watcher.options import ScrubOptions
from watcher.scrub.profile.generate import SHIPPED, recipe_text
from watcher.scrub.profile.resolve import Do, resolve
from watcher.scrub.profile.table import Row, rows, safe_private, unlisted

NAME = "Qorvinberg"
# As a modality might write it: something that identifies, and where there is room a clinical word.
VALUES: dict[str, Any] = {
    "AE": "QORVINBERG_AE",
    "AS": "045Y",
    "CS": "QORVINBERG",
    "DA": "20190711",
    "DS": "4711",
    "DT": "20190711093015",
    "IS": "4711",
    "LO": f"CHEST {NAME}",
    "LT": f"CHEST {NAME}",
    "OB": NAME.encode(),
    "PN": f"{NAME}^Zelda",
    "SH": NAME,
    "ST": f"CHEST {NAME}",
    "TM": "093015",
    "UC": f"CHEST {NAME}",
    "UI": "1.2.3.4.99",
    "UN": NAME.encode(),
    "UR": "http://qorvinberg.example/",
    "US": 4711,
    "UT": f"CHEST {NAME}",
}
SINGLE = [row for row in rows() if len(row.tag) == 8 and "x" not in row.tag and row.vr != "SQ"]
SEQUENCES = [row for row in rows() if row.vr == "SQ"]
IN_DATASET = [row for row in SINGLE if int(row.tag[:4], 16) > 4]
PSEUDONYMS = {"PatientID", "PatientName", "AccessionNumber"}


def planted(row: Row, value: Any) -> Dataset:
    """The attribute at the top, and again two sequences deep."""
    element = DataElement(int(row.tag, 16), row.vr, value)
    inner, outer = Dataset(), Dataset()
    inner.add(element)
    outer.PurposeOfReferenceCodeSequence = Sequence([inner])
    made = instance(AnatomicRegionSequence=Sequence([outer]))
    made.add(element)
    return made


def found(cleaned: Dataset, row: Row) -> list[DataElement | None]:
    inner = cleaned.AnatomicRegionSequence[0].PurposeOfReferenceCodeSequence[0]
    tag = int(row.tag, 16)
    return [each.get(tag) for each in (cleaned, inner)]


def test_the_table_is_whole() -> None:
    """621 rows, each once, with the keywords and VRs of the dictionary."""
    assert len(rows()) == 621
    assert len({row.tag for row in rows()}) == 621
    for row in SINGLE + SEQUENCES:
        assert row.keyword == keyword_for_tag(int(row.tag, 16))
        assert row.vr == dictionary_VR(int(row.tag, 16))


def test_the_rows_that_name_no_single_tag() -> None:
    special = {row.tag for row in rows()} - {row.tag for row in SINGLE + SEQUENCES}
    assert special == {"odd", "50xxxxxx", "60xx3000", "60xx4000"}


def test_the_shipped_recipe_is_up_to_date() -> None:
    """`python -m watcher.scrub.profile` renews it."""
    assert SHIPPED.read_text(encoding="utf-8") == recipe_text(ScrubOptions())


@pytest.mark.parametrize("row", IN_DATASET, ids=lambda row: row.keyword)
def test_row(row: Row, clean: Clean) -> None:
    """The original value is gone at every depth, unless the row itself lets it stay."""
    value = VALUES[row.vr]
    for element in found(clean(planted(row, value)), row):
        judge(row, value, element)


def judge(row: Row, value: Any, element: DataElement | None) -> None:
    options = row.options
    if row.keyword in PSEUDONYMS:
        assert element is not None
        assert NAME not in str(element.value)
    elif "modified-dates" in options and row.vr in {"DA", "DT", "TM", "SH"}:
        assert element is not None
        judge_time(row.vr, value, str(element.value))
    elif options.get("patient") == "K":
        assert element is not None
        assert element.value == ("" if row.vr in {"CS", "SH"} else value)
    elif "C" in {options.get("descriptors"), options.get("patient")} and row.vr != "OB":
        assert element is not None
        assert NAME not in str(element.value)
        assert "CHEST" in str(element.value) or "CHEST" not in str(value)
    else:
        judge_basic(row, value, element)


def judge_time(vr: str, before: str, after: str) -> None:
    if vr == "SH":
        assert after == ""  # no offset from UTC
    elif vr == "TM":
        assert after == before
    else:
        assert "1919" < after[:4] < "1940"  # 80 to 99 years before 2019
        assert after[8:] == before[8:]


def judge_basic(row: Row, value: Any, element: DataElement | None) -> None:
    """X removes, Z empties, D puts a dummy, U another UID; a choice does one of what it offers."""
    choice = set(row.basic.replace("*", "").split("/"))
    if element is None:
        assert "X" in choice
    elif element.is_empty:
        assert "Z" in choice
    else:
        assert choice & {"D", "U"}
        assert element.value != value
        assert NAME not in str(element.value)


@pytest.mark.parametrize("row", SEQUENCES, ids=lambda row: row.keyword)
def test_sequence_row(row: Row, clean: Clean) -> None:
    """Nothing of a name, an ID or a UID in its items comes through, whatever the row asks."""
    item = Dataset()
    item.PersonName = item.PatientName = item.ReferringPhysicianName = f"{NAME}^Zelda"
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "Q4711", "99LOCAL", NAME
    item.InstitutionName, item.TextValue, item.ReferencedSOPInstanceUID = NAME, NAME, "1.2.3.4.99"
    cleaned = clean(planted(row, Sequence([item])))
    for element in found(cleaned, row):
        choice = set(row.basic.replace("*", "").split("/"))
        cleans = "C" in row.options.values()
        if element is None:
            assert "X" in choice
            assert not cleans
        elif not element.value:
            assert "Z" in choice
            assert not cleans
        else:
            assert cleans or choice & {"D", "U"}
    assert NAME.lower() not in str(cleaned).lower()
    assert "1.2.3.4.99" not in str(cleaned)


@pytest.mark.parametrize(
    ("basic", "kind", "expected"),
    [
        ("X/Z", "3", Do.REMOVE),
        ("X/Z", "2", Do.EMPTY),
        ("X/Z", "2C", Do.EMPTY),
        ("X/D", "3", Do.REMOVE),
        ("X/D", "1", Do.DUMMY),
        ("X/D", "2", Do.DUMMY),
        ("Z/D", "2", Do.EMPTY),
        ("Z/D", "1C", Do.DUMMY),
        ("X/Z/D", "3", Do.REMOVE),
        ("X/Z/D", "2", Do.EMPTY),
        ("X/Z/D", "1", Do.DUMMY),
    ],
)
def test_a_choice_is_resolved_by_the_attributes_type(basic: str, kind: str, expected: Do) -> None:
    """PS3.15 Table E.1-1a: X/Z means removed unless a Type 2 Attribute must be there, and so on."""
    row = Row("00100099", "Test", "LO", basic, kind, {})
    assert resolve(row, ScrubOptions()).do is expected


OPTIONS = {
    "uids": {"keep_uids": True},
    "full-dates": {"dates": "full"},
    "device": {"keep_device_identity": True, "dates": "full"},
    "institution": {"keep_institution_identity": True},
    "patient": {"keep_patient_characteristics": True},
}


@pytest.mark.parametrize("option", OPTIONS)
def test_what_an_option_keeps_stays(option: str) -> None:
    """K in an option's column is an element that no line of the recipe changes.

    What describes the patient is looked at all the same: a name may have been typed there.
    """
    options = ScrubOptions.model_validate(OPTIONS[option])
    kept = [row for row in rows() if row.options.get(option) == "K"]
    assert kept
    for row in kept:
        looked_at = {"SQ": Do.ITEMS, "AS": Do.AGE}
        if option == "patient":
            looked_at |= {"CS": Do.CHECKED, "DS": Do.CHECKED, "SH": Do.TEXT}
        expected = looked_at.get(row.vr, Do.KEEP)
        assert resolve(row, options).do is expected


OFF = {
    "keep_patient_characteristics": False,
    "clean_descriptors": False,
    "clean_structured_content": False,
    "clean_graphics": False,
    "dates": "removed",
}


def test_without_options_the_basic_profile_remains() -> None:
    """Then only the basic column speaks: nothing of the table is kept, cleaned or shifted."""
    options = ScrubOptions.model_validate(OFF)
    allowed = {Do.REMOVE, Do.EMPTY, Do.DUMMY, Do.UID, Do.ITEMS}
    allowed |= {Do.PATIENT_ID, Do.PATIENT_NAME, Do.ACCESSION}
    assert {resolve(row, options).do for row in rows()} <= allowed


def test_safe_private_elements_hold_no_names_and_no_blobs() -> None:
    """PN, AE and binary values are on no list, and every group is odd."""
    vrs = {vr for allowed in safe_private().values() for vr in allowed}
    assert not vrs & {"PN", "AE", "OB", "OW", "UN", "UR"}
    assert all(group % 2 and creator for group, creator, _ in safe_private())
    assert len(safe_private()) > 2000


@pytest.mark.parametrize("kind", ["remove", "keep", "technical", "binary"])
def test_unlisted_keywords_exist_and_are_not_in_the_table(kind: str) -> None:
    listed = {row.keyword for row in rows()}
    assert unlisted(kind)
    for keyword in unlisted(kind):
        tag = tag_for_keyword(keyword)
        assert tag is not None
        assert dictionary_has_tag(tag)
        assert keyword not in listed
