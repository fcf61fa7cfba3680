"""Elements as the header engine handles them: text out of raw bytes, and clean raw elements back.

Everything that leaves is a raw element in the source's own byte order, so that writing copies bytes.
Text that is not plain ASCII becomes UTF-8, and the data set then says ISO_IR 192 (PS3.3 C.12.1.1.2):
whatever the source declared, the output can be encoded and read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from watcher.dicom import charset
from watcher.dicom.names import BaseTag, DataElement, Dataset, RawDataElement, Sequence

CHARSET_VRS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})  # PS3.5 6.1.2.2
PLAIN_VRS = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR"})
TEXT_VRS = CHARSET_VRS | PLAIN_VRS
_NUL_PADDED = frozenset({"UI", "OB", "UN"})

Element = DataElement | RawDataElement


class Coding:
    """How one file's elements are encoded, and whether its clean text needs UTF-8."""

    def __init__(self, dataset: Dataset) -> None:
        implicit, little = dataset.original_encoding
        self.implicit = bool(implicit)
        self.little = little is not False
        self.wide = False

    def element(self, tag: BaseTag, vr: str, value: str | bytes) -> RawDataElement:
        """A clean element with this value, padded to an even length."""
        if isinstance(value, str):
            if not value.isascii():
                self.wide = True
            value = value.encode("utf-8", "replace")
        if len(value) % 2:
            value += b"\0" if vr in _NUL_PADDED else b" "
        return RawDataElement(tag, vr, len(value), value, 0, self.implicit, self.little)

    def sequence(self, tag: BaseTag, items: Iterable[Dataset]) -> DataElement:
        """A clean sequence of clean items."""
        return DataElement(tag, "SQ", Sequence(items))

    def dataset(self, elements: Mapping[BaseTag, Element]) -> Dataset:
        """A clean data set or item that can be written without conversion."""
        made = Dataset(dict(elements))
        made.set_original_encoding(self.implicit, self.little, ["iso8859"])
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


def charset_terms(element: Element | None) -> tuple[str, ...]:
    """The values of Specific Character Set (0008,0005)."""
    if element is None:
        return ()
    found = tuple(term.strip(" \0") for term in text(element, "CS", ()).split("\\"))
    return found if any(found) else ()
