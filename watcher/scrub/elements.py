"""Elements as the header engine handles them: text out of raw bytes, and clean raw elements back.

Everything that leaves is a raw element in the source's own coding, so that writing copies bytes.
Text that is not plain ASCII becomes UTF-8, and the data set then says ISO_IR 192 (PS3.3
C.12.1.1.2): whatever the source declared, the output can be encoded and read.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from struct import Struct
from typing import Any

from watcher.dicom import charset
from watcher.dicom.names import BaseTag, Dataset, RawDataElement, Tag
from watcher.scrub.nested import Element, Item, Writer

CHARSET_VRS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})  # PS3.5 6.1.2.2
TEXT_VRS = CHARSET_VRS | {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR"}
_NUL_PADDED = frozenset({"UI", "OB", "UN"})
_NUMBERS = {
    "SS": "h",
    "US": "H",
    "SL": "l",
    "UL": "L",
    "SV": "q",
    "UV": "Q",
    "FL": "f",
    "FD": "d",
}
# PS3.5 6.2 without UN, which says that nobody knew.
KNOWN_VRS = TEXT_VRS | _NUMBERS.keys() | {"AT", "OB", "OD", "OF", "OL", "OV", "OW", "SQ"}
_CHARACTER_SET = Tag(0x00080005)

Clean = dict[int, RawDataElement]


class Coding:
    """How one file's elements are encoded, and whether its clean text needs UTF-8."""

    def __init__(self, dataset: Dataset) -> None:
        implicit, little = dataset.original_encoding
        self.implicit = bool(implicit)
        self.little = little is not False
        self.wide = False
        self._writer = Writer(self.implicit, self.little)

    def element(self, tag: BaseTag, vr: str, value: str | bytes) -> RawDataElement:
        """A clean element with this value, padded to an even length."""
        if isinstance(value, str):
            if not value.isascii():
                self.wide = True
            value = value.encode("utf-8", "replace")
        if len(value) % 2:
            value += b"\0" if vr in _NUL_PADDED else b" "
        return RawDataElement(tag, vr, len(value), value, 0, self.implicit, self.little)

    def sequence(self, tag: BaseTag, items: Iterable[Clean]) -> RawDataElement:
        """A clean sequence of clean items."""
        return self.element(tag, "SQ", self._writer.sequence(items))

    def same(self, element: Element, vr: str) -> RawDataElement | None:
        """An element of the source that stays as it is, in this coding; None if that cannot be."""
        if isinstance(element, RawDataElement):
            # Only inside a sequence that was wrongly written as UN: its numbers are the other way.
            if element.is_little_endian != self.little and vr not in TEXT_VRS:
                return None
            if vr == element.VR or (self.implicit and element.VR is None):
                return element
            return self.element(element.tag, vr, element.value or b"")
        value: Any = element.value
        if isinstance(value, bytes | None):
            return self.element(element.tag, vr, value or b"")
        many = value if isinstance(value, Iterable) else (value,)
        order = "<" if self.little else ">"
        if vr == "AT":
            pack = Struct(f"{order}HH").pack
            return self.element(
                element.tag, vr, b"".join(pack(each >> 16, each & 0xFFFF) for each in many)
            )
        pack = Struct(f"{order}{_NUMBERS[vr]}").pack
        return self.element(element.tag, vr, b"".join(pack(each) for each in many))

    def dataset(self, elements: Clean) -> Dataset:
        """A clean data set that can be written without conversion."""
        made = Dataset({element.tag: element for element in elements.values()})
        terms = charset_terms(elements.get(_CHARACTER_SET))
        # What pydicom will find declared, so that it sees nothing to convert.
        declared = list(charset.codecs(terms)) if terms else "iso8859"
        made.set_original_encoding(self.implicit, self.little, declared)
        return made


def text(element: Element, vr: str, encodings: tuple[str, ...]) -> str:
    """The value as text, several values with a backslash between them."""
    value: Any = element.value
    if value is None:
        return ""
    if isinstance(value, bytes):
        if vr in CHARSET_VRS:
            return charset.decode(value, encodings, vr == "PN")
        return value.decode("latin-1")
    if isinstance(value, str) or hasattr(value, "family_name") or not hasattr(value, "__iter__"):
        return str(value)
    return "\\".join(str(each) for each in value)


def numbers_of(element: Element) -> tuple[float, ...]:
    """The numbers of a raw element of a numeric VR; none where its bytes do not fit."""
    code, value = _NUMBERS.get(str(element.VR)), element.value
    if code is None or not isinstance(value, bytes) or not isinstance(element, RawDataElement):
        return ()
    one = Struct(("<" if element.is_little_endian else ">") + code)
    return tuple(n for (n,) in one.iter_unpack(value)) if len(value) % one.size == 0 else ()


def charset_terms(element: Element | None) -> tuple[str, ...]:
    """The values of Specific Character Set (0008,0005)."""
    if element is None or not element.value:
        return ()
    if isinstance(element.value, bytes):
        return _terms(element.value)
    return _terms(text(element, "CS", ()).encode("latin-1", "replace"))


@functools.lru_cache(maxsize=256)
def _terms(value: bytes) -> tuple[str, ...]:
    found = tuple(term.strip(" \0") for term in value.decode("latin-1").split("\\"))
    return found if any(found) else ()


@functools.cache
def _tag(keyword: str) -> BaseTag:
    return Tag(keyword)


def value_of(source: Item | Dataset, keyword: str, vr: str = "LO") -> str:
    """The value of a top-level Attribute as text without its padding; "" when it is not there."""
    tag = _tag(keyword)
    if tag not in source:
        return ""
    declared = source.get_item(_CHARACTER_SET) if _CHARACTER_SET in source else None
    return text(source.get_item(tag), vr, charset.codecs(charset_terms(declared))).strip(" \0")
