"""The engine does what deid's DicomParser does with the same recipe, only faster."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pydicom.data
import pytest
from pydicom.dataset import Dataset, FileDataset

from watcher.dicom import dictionary
from watcher.dicom.names import Tag
from watcher.options import ScrubOptions
from watcher.scrub.elements import Coding, text
from watcher.scrub.functions import Function, Functions
from watcher.scrub.header import Header
from watcher.scrub.keys import CustomerKey
from watcher.scrub.nested import tree
from watcher.scrub.patient import Subject
from watcher.scrub.plan import ITEMS, KEEP, Plan, Step, Steps
from watcher.scrub.private import PrivateRules
from watcher.scrub.pseudonyms import Pseudonyms
from watcher.scrub.recipe import Recipe, load_recipe
from watcher.scrub.reference import through_deid

LARGEST = 400_000
PACKAGED = Path(pydicom.data.__file__).parent / "test_files"
FILES = sorted(path for path in PACKAGED.glob("*.dcm") if path.stat().st_size < LARGEST)
SITE = """FORMAT dicom
%header
REMOVE endswith:Comments
BLANK contains:Manufacturer
REPLACE select:VR:PN func:dummy
REMOVE select:group:0018
REPLACE StudyDescription SITE STUDY
REMOVE StudyID
ADD ImageComments none
"""


class RecipeOnly(Plan):
    """Without the rules for what the recipe does not say."""

    def _silent(self, tag: int, vr: str) -> Steps:
        del tag
        return (Step(ITEMS if vr == "SQ" else KEEP, "", "silent"),)


def readable(path: Path) -> tuple[FileDataset, FileDataset] | None:
    """Two copies of a file's header without what deid's language cannot say."""
    data = path.read_bytes()
    try:
        copies = [pydicom.dcmread(BytesIO(data), force=True) for _ in range(2)]
        for copy in copies:
            for tag in list(copy.keys()):
                if tag.group == 0x7FE0 or tag.element == 0:
                    del copy[tag]
            _without_private(copy)
    except (ValueError, NotImplementedError, OSError, AttributeError):
        return None
    return (copies[0], copies[1]) if len(copies[0]) else None


def _without_private(dataset: Dataset) -> None:
    for element in list(dataset):
        if element.tag.is_private:
            del dataset[element.tag]
        elif element.VR == "SQ":
            for item in element.value or ():
                _without_private(item)


def flat(dataset: Dataset, path: str = "") -> Iterator[tuple[str, Any]]:
    for element in dataset:
        where = f"{path}/{element.tag}"
        if element.VR == "SQ":
            yield where, len(element.value or ())
            for number, item in enumerate(element.value or ()):
                yield from flat(item, f"{where}[{number}]")
        elif isinstance(element.value, bytes) and element.VR != "UN":
            yield where, element.value
        else:
            yield where, text(element, element.VR, ("utf-8",)).rstrip(" \0")


def ours(
    source: Dataset, recipe: Recipe, options: ScrubOptions, functions: dict[str, Function]
) -> Dataset:
    plan, coding = RecipeOnly(recipe.lines, options), Coding(source)
    header = Header(plan, PrivateRules({}), functions, coding)
    found = header.clean(tree(source), ("iso8859",))
    for line in plan.additions:
        assert line.tag is not None
        found[Tag(line.tag)] = coding.element(Tag(line.tag), dictionary.vr(line.tag), line.value)
    if coding.wide:
        found[Tag(0x00080005)] = coding.element(Tag(0x00080005), "CS", "ISO_IR 192")
    return coding.dataset(found)


def same(path: Path, options: ScrubOptions) -> bool:
    copies = readable(path)
    if copies is None:
        return False
    recipe = load_recipe(options)
    names = Pseudonyms(CustomerKey("k", b"k" * 32))
    own = str(copies[0].get("PatientID") or "").strip()
    subject = Subject(own, own, "", "", "", "", "")
    functions = dict(Functions(names, subject, lambda value, _: value.upper()[:10].strip()).table())
    engine = dict(flat(ours(copies[0], recipe, options, functions)))
    deid = dict(flat(through_deid(copies[1], recipe, functions)))
    charset = "/(0008,0005)"
    engine.pop(charset, None)
    deid.pop(charset, None)
    assert engine == deid
    return True


def test_there_is_something_to_compare() -> None:
    assert len(FILES) > 60


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_shipped_recipe_does_what_deid_does(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not same(path, ScrubOptions()):
            pytest.skip("pydicom does not read it")


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "MR_small.dcm", "rtplan.dcm", "reportsi.dcm", "test-SR.dcm"]
)
def test_a_sites_patterns_do_what_deid_does(name: str, tmp_path: Path) -> None:
    site = tmp_path / "site.recipe"
    site.write_text(SITE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert same(PACKAGED / name, ScrubOptions(recipe=site))


@pytest.mark.parametrize("dates", ["full", "removed"])
def test_other_options_do_what_deid_does(dates: str) -> None:
    path = PACKAGED / "CT_small.dcm"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert same(path, ScrubOptions.model_validate({"dates": dates, "keep_uids": True}))
