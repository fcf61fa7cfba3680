"""A DICOM Part 10 file in memory: its data set, and where its Pixel Data lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from pydicom.charset import convert_encodings, default_encoding
from pydicom.dataelem import RawDataElement, empty_value_for_VR
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag
from pydicom.uid import UID
from pydicom.values import convert_string

from watcher.dicom import dictionary
from watcher.dicom.elements import LONG_VRS, PIXEL_TAGS, SHORT_VRS, UNDEFINED, Element, corrupt
from watcher.dicom.quiet import LIBRARY_ERRORS, quiet
from watcher.dicom.walk import PixelSpan, Walk
from watcher.options import Limits

_CHARACTER_SET = BaseTag(0x00080005)
_VRS = {code: code.decode("ascii") for code in SHORT_VRS | LONG_VRS}
_EMPTY: dict[str | None, Any] = {
    vr: empty_value_for_VR(vr, raw=True) for vr in (*_VRS.values(), None)
}
_IMPLICIT_VR = {0x7FE00008: "OF", 0x7FE00009: "OD", 0x7FE00010: "OW"}  # PS3.5 A.1


@dataclass(frozen=True, slots=True)
class PixelElement:
    """Pixel Data (7FE0,0010), Float (7FE0,0008) or Double Float Pixel Data (7FE0,0009).

    `value` is a view of the element's value field in the source bytes. When `encapsulated`, it
    runs from the Basic Offset Table item to before the Sequence Delimitation Item (PS3.5 A.4), and
    `fragments` are the (start, end) of each item's value in it, the Basic Offset Table first.
    """

    tag: int
    vr: str
    value: memoryview
    encapsulated: bool
    fragments: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True, slots=True)
class Part10:
    """One parsed file. `dataset` has its `file_meta`, and every element but the Pixel Data."""

    dataset: Dataset
    pixels: PixelElement | None


def parse(buffer: memoryview, walk: Walk, limits: Limits) -> Part10:
    """Read the header of a file that was walked; its preamble is not kept.

    The data set's `file_meta` is the file's, with the transfer syntax that the walk found to hold.
    Elements of groups 0000 and 0002 inside the data set have no business there and are dropped.
    Raises RefusedError(CORRUPT) when pydicom cannot read it.
    """
    del limits  # the walk has enforced them
    try:
        with quiet():
            meta = _file_meta(buffer, walk)
            dataset = _as_walked(walk) or _as_pydicom_reads(walk)
    except LIBRARY_ERRORS:
        raise corrupt("header") from None
    dataset.file_meta = meta
    return Part10(dataset, _pixel_element(walk.data, walk.pixels) if walk.pixels else None)


def _as_walked(walk: Walk) -> Dataset | None:
    """The data set from the walk's own elements; None where one is not by the book.

    Three times as fast as reading the bytes again. A sequence of undefined length becomes one of
    defined length: whoever wants its items reads them from its bytes.
    """
    found: dict[BaseTag, RawDataElement] = {}
    implicit, little = not walk.coding.explicit, walk.coding.little
    data = bytes(walk.data[walk.start : walk.pixels.before if walk.pixels else walk.stop])
    for entry in walk.elements:
        if entry.tag >> 16 in (0, 2) or entry.tag in PIXEL_TAGS:
            continue
        vr = _vr(entry, implicit)
        if vr == "":
            return None
        stop = entry.end - 8 if entry.length == UNDEFINED else entry.end
        start = entry.value - walk.start
        if stop - walk.start <= len(data):
            value: bytes | None = data[start : stop - walk.start]
        else:
            value = bytes(walk.data[entry.value : stop])
        tag = BaseTag(entry.tag)
        found[tag] = RawDataElement(
            tag, vr, stop - entry.value, value or _EMPTY[vr], entry.value, implicit, little
        )
    made = Dataset(found)  # type: ignore[arg-type]
    made.set_original_encoding(implicit, little, _encoding(found, little))
    return made


def _vr(entry: Element, implicit: bool) -> str | None:
    """The VR as written, None where it is not written, "" where it takes pydicom to tell."""
    if entry.length == UNDEFINED:
        known = dictionary.vr(entry.tag) if implicit else entry.vr.decode("ascii", "replace")
        return "SQ" if known == "SQ" else ""
    return None if implicit else _VRS.get(entry.vr, "")


def _encoding(found: dict[BaseTag, RawDataElement], little: bool) -> str | list[str]:
    declared = found.get(_CHARACTER_SET)
    if declared is None:
        return default_encoding
    return convert_encodings(convert_string(declared.value or b"", little))


def _as_pydicom_reads(walk: Walk) -> Dataset:
    dataset = read_dataset(BytesIO(_header(walk)), not walk.coding.explicit, walk.coding.little)
    for entry in walk.elements:
        if entry.tag >> 16 in (0, 2) and entry.tag in dataset:
            del dataset[entry.tag]
    return dataset


def _file_meta(buffer: memoryview, walk: Walk) -> FileMetaDataset:
    """Group 0002 as the file has it, the transfer syntax corrected."""
    meta = FileMetaDataset()
    if walk.meta:
        start, stop = walk.meta[0].value, walk.meta[-1].end
        head = 8 if walk.meta[0].vr not in (b"OB", b"UN", b"UT") else 12
        meta.update(read_dataset(BytesIO(bytes(buffer[start - head : stop])), False, True))
    meta.TransferSyntaxUID = UID(walk.transfer_syntax)
    return meta


def _header(walk: Walk) -> bytes:
    """The data set's bytes without the pixel element."""
    if walk.pixels is None:
        return bytes(walk.data[walk.start : walk.stop])
    before = walk.data[walk.start : walk.pixels.before]
    return bytes(before) + bytes(walk.data[walk.pixels.after : walk.stop])


def _pixel_element(data: memoryview, span: PixelSpan) -> PixelElement:
    return PixelElement(
        span.tag,
        span.vr or _IMPLICIT_VR[span.tag],
        data[span.start : span.stop],
        span.encapsulated,
        tuple((start - span.start, stop - span.start) for start, stop in span.fragments),
    )
