"""A data set to bytes: raw elements are copied, anything else goes through pydicom.

Measured on a CT header of 258 elements: 0.5 ms when nearly all are raw in the coding that is
written, as the scrub room leaves them, and 3.4 ms through pydicom.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from struct import Struct, pack
from typing import Any

from pydicom.charset import convert_encodings
from pydicom.dataelem import RawDataElement, convert_raw_data_element
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element, write_dataset

from watcher.dicom.elements import LONG_VRS, SHORT_VRS, UNDEFINED, Coding, corrupt
from watcher.dicom.quiet import LIBRARY_ERRORS, quiet

_EXPLICIT = {True: Struct("<HH2sH").pack, False: Struct(">HH2sH").pack}
_EXPLICIT_LONG = {True: Struct("<HH2sHL").pack, False: Struct(">HH2sHL").pack}
_IMPLICIT = {True: Struct("<HHL").pack, False: Struct(">HHL").pack}
_CODES = {code.decode(): code for code in LONG_VRS | SHORT_VRS}
_FIRST = 0x00030000  # groups 0000 and 0002 belong to no data set
_LONG = frozenset(vr.decode() for vr in LONG_VRS)


@dataclass(frozen=True, slots=True)
class Change:
    """An element to be written instead of the data set's; None leaves it out."""

    tag: int
    vr: str
    value: int | str | None


def encode(
    dataset: Dataset, coding: Coding, changes: Sequence[Change], pixels: range
) -> tuple[bytes, bytes]:
    """The elements before and after the tags of `pixels`, which are left out.

    Group lengths, retired in PS3.5 7.2, are left out as well; `dataset` is not changed. Raises
    RefusedError(CORRUPT) for what cannot be encoded.
    """
    try:
        with quiet():
            return _copied(dataset, coding, changes, pixels) or _converted(
                dataset, coding, changes, pixels
            )
    except LIBRARY_ERRORS:
        raise corrupt("header cannot be encoded") from None


def element_header(tag: int, vr: str, length: int, coding: Coding) -> bytes:
    """Tag, VR and length, UNDEFINED included (PS3.5 7.1.2, 7.1.3)."""
    group, number = tag >> 16, tag & 0xFFFF
    if not coding.explicit:
        return _IMPLICIT[coding.little](group, number, length)
    code = _CODES.get(vr) or vr.encode("ascii")
    if vr in _LONG:
        return _EXPLICIT_LONG[coding.little](group, number, code, 0, length)
    return _EXPLICIT[coding.little](group, number, code, length)


def _copied(
    dataset: Dataset, coding: Coding, changes: Sequence[Change], pixels: range
) -> tuple[bytes, bytes] | None:
    """The two parts, element by element; None when the coding or the charset is another one."""
    charset = convert_encodings(dataset.get("SpecificCharacterSet") or "iso8859")
    read = dataset.original_character_set
    if ([read] if isinstance(read, str) else read) != charset:
        return None
    if dataset.original_encoding != (not coding.explicit, coding.little):
        return None
    made: dict[int, bytes] = {}
    for tag, element in dataset.items():
        number = int(tag)
        if number >= _FIRST and (number & 0xFFFF or number >> 16 <= 6):
            value = _own_bytes(element, coding)
            if value is None:
                made[number] = _by_library(element, coding, charset)
            else:
                made[number] = element_header(number, element.VR or "", len(value), coding) + value
    for change in changes:
        made.pop(change.tag, None)
        if change.value is not None:
            value = _value(change, coding)
            made[change.tag] = element_header(change.tag, change.vr, len(value), coding) + value
    plain = sorted(made.items())
    before = b"".join(data for tag, data in plain if tag < pixels.start)
    return before, b"".join(data for tag, data in plain if tag >= pixels.stop)


def _by_library(element: Any, coding: Coding, charset: list[str]) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = not coding.explicit, coding.little
    if element.VR is None:  # an implicit element in an explicit data set
        element = convert_raw_data_element(element, encoding=charset)
    write_data_element(buffer, element, charset)
    return bytes(buffer.getvalue())


def _converted(
    dataset: Dataset, coding: Coding, changes: Sequence[Change], pixels: range
) -> tuple[bytes, bytes]:
    """The two parts as pydicom writes them, converting values where it must."""
    lower, upper = dataset[_FIRST : pixels.start], dataset[pixels.stop :]
    for change in changes:
        _apply(change, lower)
    charset = lower.get("SpecificCharacterSet") or "iso8859"
    return _by_pydicom(lower, coding, "iso8859"), _by_pydicom(upper, coding, charset)


def _own_bytes(element: Any, coding: Coding) -> bytes | None:
    """The element's own bytes if they are what is to be written."""
    if type(element) is not RawDataElement or element.length == UNDEFINED:
        return None
    value = element.value or b""
    if element.is_little_endian != coding.little or element.is_implicit_VR == coding.explicit:
        return None
    if type(value) is not bytes or len(value) & 1:
        return None
    if coding.explicit and element.VR not in (_CODES if len(value) <= 0xFFFF else _LONG):
        return None
    return value


def _value(change: Change, coding: Coding) -> bytes:
    if isinstance(change.value, int):
        return pack("<H" if coding.little else ">H", change.value)
    text = str(change.value).encode("ascii")
    return text + b" " * (len(text) % 2)


def _apply(change: Change, dataset: Dataset) -> None:
    """Put a new element in place: those of a slice are shared with the whole."""
    if change.tag in dataset:
        del dataset[change.tag]
    if change.value is not None:
        dataset.add_new(change.tag, change.vr, change.value)


def _by_pydicom(dataset: Dataset, coding: Coding, charset: str | Iterable[str]) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = not coding.explicit, coding.little
    for tag in list(dataset.keys()) if coding.explicit else ():
        if dataset.get_item(tag).VR is None:  # implicit elements in an explicit data set
            dataset[tag]
    write_dataset(buffer, dataset, charset if isinstance(charset, str) else list(charset))
    return bytes(buffer.getvalue())
