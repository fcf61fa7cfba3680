"""The tree of a file: what the lean reader makes of sequences is what pydicom makes of them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pydicom.data
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag

from tests.scrub.header.conftest import file_of, instance, parsed
from watcher.scrub.nested import Item, Writer, items_of, tree

NAMES = (
    "reportsi.dcm",
    "rtplan.dcm",
    "rtstruct.dcm",
    "nested_priv_SQ.dcm",
    "priv_SQ.dcm",
    "UN_sequence.dcm",
    "liver_1frame.dcm",
    "examples_overlay.dcm",
    "test-SR.dcm",
    "dicomdirtests/DICOMDIR",
)
PACKAGED = Path(pydicom.data.__file__).parent / "test_files"


def places(item: Item | Dataset, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every element with its path: its bytes, or of a sequence the number of its items."""
    found: dict[BaseTag, Any] = {element.tag: element.value for element in item.values()}
    for tag, value in found.items():
        where, items = f"{path}/{tag}", value
        if isinstance(item, Dataset) and item[tag].VR == "SQ":
            items = item[tag].value
        if not isinstance(items, tuple | Sequence):
            yield where, value or b""
            continue
        yield where, len(items)
        for number, each in enumerate(items):
            yield from places(each, f"{where}[{number}]")


@pytest.mark.parametrize("name", NAMES)
def test_the_tree_holds_what_pydicom_reads(name: str) -> None:
    path = PACKAGED / name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = dict(places(tree(pydicom.dcmread(path, force=True))))
        theirs = dict(places(pydicom.dcmread(path, force=True)))
    assert ours == theirs


def items() -> Sequence:
    inner, outer = Dataset(), Dataset()
    inner.PatientName, inner.Rows, inner.TextValue = "A^B", 512, "x" * 70000
    outer.AnatomicRegionSequence = Sequence([inner, Dataset()])
    outer.KVP = "120"
    return Sequence([outer, inner])


@pytest.mark.parametrize(("implicit", "little"), [(False, True), (True, True), (False, False)])
@pytest.mark.parametrize("undefined", [False, True])
def test_what_is_written_reads_back(implicit: bool, little: bool, undefined: bool) -> None:
    """Sequences of defined and of undefined length, in every coding."""
    made = Dataset()
    made.ContentSequence = items()
    for sequence in (made["ContentSequence"], made.ContentSequence[0]["AnatomicRegionSequence"]):
        sequence.is_undefined_length = undefined
        for item in sequence.value:
            item.is_undefined_length_sequence_item = undefined
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = implicit, little
    write_dataset(buffer, made)
    source = pydicom.filereader.read_dataset(BytesIO(buffer.getvalue()), implicit, little)
    node = tree(source)[Tag("ContentSequence")]
    value = Writer(implicit, little).sequence(_plain(each) for each in items_of(node) or ())
    again = Dataset()
    again[0x0040A730] = RawDataElement(
        Tag(0x0040A730), "SQ", len(value), value, 0, implicit, little
    )
    assert again.ContentSequence == made.ContentSequence


def _plain(item: Item) -> dict[int, RawDataElement]:
    """The item with its sequences as bytes again, as the header engine makes them."""
    plain: dict[int, RawDataElement] = {}
    for tag, element in item.items():
        assert isinstance(element, RawDataElement)
        if element.VR == "SQ":
            little, implicit = True, False
            leaf = next((each for each in _leaves(item)), None)
            if leaf is not None:
                little, implicit = leaf.is_little_endian, leaf.is_implicit_VR
            value = Writer(implicit, little).sequence(_plain(i) for i in items_of(element) or ())
            element = element._replace(value=value)  # noqa: PLW2901
        plain[tag] = element
    return plain


def _leaves(item: Item) -> Iterator[RawDataElement]:
    for element in item.values():
        if isinstance(element, RawDataElement) and element.VR != "SQ":
            yield element


def test_bytes_that_are_no_sequence_are_none() -> None:
    element = RawDataElement(Tag(0x00091001), "UN", 6, b"nobody", 0, False, True)
    assert items_of(element) is None


def test_a_broken_sequence_does_not_break_the_file() -> None:
    """pydicom forgives it, or the walk has refused it before; the tree never raises its own."""
    made = instance(AnatomicRegionSequence=Sequence([Dataset()]))
    assert items_of(tree(parsed(file_of(made)).dataset)[Tag("AnatomicRegionSequence")])
