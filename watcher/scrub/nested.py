"""A data set as a tree of plain elements: sequences parsed lean from bytes, and written back.

pydicom's own Sequence and Dataset objects cost more than everything else that is done to a nested
element, so they are only asked where a sequence is not written by the book (PS3.5 7.5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from struct import Struct
from typing import Any

from watcher.dicom import dictionary
from watcher.dicom.names import BaseTag, DataElement, Dataset, RawDataElement, Tag, quiet

Element = DataElement | RawDataElement

_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR"})
_LONG |= {b"UT", b"UV"}
_SHORT = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD


class Item(dict[int, Element]):
    """One data set or item: tag to element. The value of a sequence is a tuple of items."""

    file_meta: Dataset | None = None

    def get_item(self, tag: Any) -> Element:
        """The element, as pydicom's Dataset names this."""
        return self[tag if isinstance(tag, int) else Tag(tag)]

    def __contains__(self, tag: Any) -> bool:
        return dict.__contains__(self, tag if isinstance(tag, int) else Tag(tag))


class _OddError(Exception):
    """The bytes are no plain sequence: pydicom, which forgives more, shall read them."""


def tree(dataset: Dataset) -> Item:
    """The whole of a parsed file; the data set's own elements are not converted."""
    made = Item()
    for element in dataset.values():
        made[int(element.tag)] = _branch(dataset, element)
    made.file_meta = getattr(dataset, "file_meta", None)
    return made


def _branch(dataset: Dataset, element: Element) -> Element:
    vr = element.VR
    if vr is None or vr == "UN":
        vr = dictionary.vr(int(element.tag))
    if vr != "SQ":
        return element
    if isinstance(element, RawDataElement) and isinstance(element.value, bytes):
        try:
            reader = _Reader(element.value, element.is_implicit_VR, element.is_little_endian)
            return _sequence(element.tag, reader.whole())
        except _OddError:
            pass
    with quiet():
        items = dataset[element.tag].value or ()
    return _sequence(element.tag, (tree(item) for item in items))


def _sequence(tag: BaseTag, items: Iterable[Item]) -> RawDataElement:
    return RawDataElement(tag, "SQ", 0, tuple(items), 0, False, True)  # type: ignore[arg-type]


def items_of(element: Element) -> tuple[Item, ...] | None:
    """The items of a sequence in a tree; None for bytes that are no sequence after all.

    They are still bytes where only a table of private elements knows that this is a sequence.
    """
    value: Any = element.value
    if isinstance(value, tuple):
        return value
    if value is None or not isinstance(element, RawDataElement):
        return ()
    for implicit in (True, False):  # PS3.5 6.2.2: what is UN was implicit once
        try:
            return _Reader(value, implicit, element.is_little_endian).whole()
        except _OddError:
            continue
    return None


class _Reader:
    """Reads the items of one value field."""

    def __init__(self, data: bytes, implicit: bool, little: bool) -> None:
        self._data = data
        self._implicit = implicit
        self._little = little
        order = "<" if little else ">"
        self._head = Struct(f"{order}HHL").unpack_from
        self._short = Struct(f"{order}HH2sH").unpack_from
        self._length = Struct(f"{order}L").unpack_from

    def whole(self) -> tuple[Item, ...]:
        """The items of the whole value field. Raises _OddError."""
        return self.items(0, len(self._data))[0]

    def items(self, at: int, end: int, undefined: bool = False) -> tuple[tuple[Item, ...], int]:
        """The items from `at`, and where they end."""
        found: list[Item] = []
        while at + 8 <= end:
            group, element, length = self._head(self._data, at)
            tag, at = group << 16 | element, at + 8
            if tag == _END and undefined:
                return tuple(found), at
            if tag != _ITEM:
                raise _OddError
            stop = end if length == _UNDEFINED else at + length
            if stop > end:
                raise _OddError
            item, at = self._item(at, stop, length == _UNDEFINED)
            found.append(item)
        if at != end or undefined:
            raise _OddError
        return tuple(found), at

    def _item(self, at: int, end: int, undefined: bool) -> tuple[Item, int]:
        item = Item()
        while at + 8 <= end:
            group, element, length = self._head(self._data, at)
            tag = group << 16 | element
            if tag == _ITEM_END and undefined:
                return item, at + 8
            vr = ""
            if self._implicit:
                at += 8
            else:
                vr, at, length = self._explicit(at, end)
            at = self._element(item, tag, vr, at, length, end)
        if at != end or undefined:
            raise _OddError
        return item, at

    def _explicit(self, at: int, end: int) -> tuple[str, int, int]:
        """(VR, start of the value, its length)."""
        _, _, vr, length = self._short(self._data, at)
        if vr in _SHORT:
            return vr.decode("ascii"), at + 8, length
        if vr not in _LONG or at + 12 > end:
            raise _OddError
        return vr.decode("ascii"), at + 12, self._length(self._data, at + 8)[0]

    def _element(self, item: Item, tag: int, vr: str, at: int, length: int, end: int) -> int:
        """Put one element into the item; returns where the next one starts."""
        kind = vr if vr and vr != "UN" else dictionary.vr(tag)
        stop = at + length
        if length == _UNDEFINED:
            if kind != "SQ" or vr == "UN":  # PS3.5 6.2.2: such a UN is implicit
                raise _OddError
            items, stop = self.items(at, end, undefined=True)
        elif stop > end:
            raise _OddError
        elif kind != "SQ":
            value = self._data[at:stop]
            item[tag] = RawDataElement(
                BaseTag(tag), vr or None, length, value, 0, self._implicit, self._little
            )
            return stop
        elif vr == "UN":
            raise _OddError
        else:
            items, _ = self.items(at, stop)
        item[tag] = _sequence(BaseTag(tag), items)
        return stop


class Writer:
    """Writes clean elements as the bytes of an item, in one file's coding."""

    def __init__(self, implicit: bool, little: bool) -> None:
        self._implicit = implicit
        order = "<" if little else ">"
        self._head = Struct(f"{order}HHL").pack
        self._short = Struct(f"{order}HH2sH").pack
        self._long = Struct(f"{order}HH2sHL").pack

    def sequence(self, items: Iterable[Mapping[int, RawDataElement]]) -> bytes:
        """The value field of a sequence with these items, of defined lengths."""
        parts: list[bytes] = []
        for item in items:
            body = b"".join([self._element(item[tag]) for tag in sorted(item)])
            parts += (self._head(0xFFFE, 0xE000, len(body)), body)
        return b"".join(parts)

    def _element(self, element: RawDataElement) -> bytes:
        tag, value = int(element.tag), element.value or b""
        if self._implicit:
            return self._head(tag >> 16, tag & 0xFFFF, len(value)) + value
        vr = (element.VR or dictionary.vr(tag) or "UN").encode("ascii")
        if vr in _SHORT and len(value) <= 0xFFFF:
            return self._short(tag >> 16, tag & 0xFFFF, vr, len(value)) + value
        if vr not in _LONG:
            vr = b"UN"  # PS3.5 6.2.2: a value too long for its VR
        return self._long(tag >> 16, tag & 0xFFFF, vr, 0, len(value)) + value
