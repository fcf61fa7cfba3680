"""The grammar of a DICOM data set: elements, sequences, items, fragments (PS3.5 7.1 to 7.5, A.4).

Nothing here looks at a value; it only steps from length to length, so that a file's structure is
judged before any library touches it. It follows pydicom where writers stray: an explicit data set
may hold implicit elements and items, and UN of undefined length is a sequence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

from watcher.errors import DeferredError, RefusedError
from watcher.model import Reason
from watcher.options import Limits

UNDEFINED = 0xFFFFFFFF
PIXEL_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD

LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split(b" "))
SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split(b" "))
_FRAGMENT_VRS = frozenset({b"OB", b"OW", b"OF", b"OD", b"OL", b"OV"})
_ZERO_CHUNK = 1 << 20


class Element(NamedTuple):
    """A top-level element: tag, VR (empty when implicit), start and length of its value, its end.

    `length` may be UNDEFINED; `end` is where the next element starts.
    """

    tag: int
    vr: bytes
    value: int
    length: int
    end: int


@dataclass(frozen=True, slots=True)
class Coding:
    """How tags, VRs and lengths are written (PS3.5 7.1.2, 7.1.3, 7.3)."""

    explicit: bool
    little: bool


class _Headers(NamedTuple):
    explicit: Struct
    implicit: Struct
    long: Struct
    item: int


_LITTLE = _Headers(Struct("<HH2sH"), Struct("<HHL"), Struct("<L"), 0xE000FFFE)
_BIG = _Headers(Struct(">HH2sH"), Struct(">HHL"), Struct(">L"), ITEM)
_END = 0  # in the place of a value's start: no element here, the container ends


def truncated(place: str) -> DeferredError:
    """A file that ends too early may still be on its way."""
    return DeferredError(Reason.NOT_WHOLE, place)


def corrupt(place: str) -> RefusedError:
    """A structure that no further byte could heal."""
    return RefusedError(Reason.CORRUPT, place)


class Grammar:
    """Walks one buffer, counting elements, items and fragments against the limits.

    Raises DeferredError(NOT_WHOLE) where the buffer ends too early, and RefusedError(CORRUPT) or
    (OVER_LIMIT) where no further byte could help. `fragments` are the (start, end) of the values
    of the top-level pixel element's items, the Basic Offset Table first.
    """

    def __init__(self, data: memoryview, limits: Limits) -> None:
        self._data = data
        self._eof = len(data)
        self._limits = limits
        self._count = 0
        self._bounded = 0  # containers of defined length around the place we are at
        self.fragments: list[tuple[int, int]] = []

    def top(self, start: int, coding: Coding) -> tuple[list[Element], int]:
        """The top-level elements from `start`, and where they end; zeros behind are dropped."""
        found: list[Element] = []
        return found, self._dataset(start, self._eof, coding, 0, found)

    def step(
        self, pos: int, end: int, coding: Coding, depth: int = 0, delimited: bool = False
    ) -> Element:
        """Any one element, with what it nests; `value` is 0 where there is none."""
        tag, vr, value, length = self._header(pos, end, coding)
        if tag >> 16 == 0xFFFE:
            return self._delimiter(tag, pos, end, delimited)
        if tag == 0 and depth == 0 and self._zeros(pos):
            return Element(0, b"", _END, 0, pos)
        if length == UNDEFINED:
            after = self._undefined(tag, vr, value, end, coding, depth)
        else:
            after = value + length
            if after <= end and length and tag not in PIXEL_TAGS:
                self._nested(vr, value, after, coding, depth)
        return Element(tag, vr, value, length, after)

    def _dataset(
        self,
        pos: int,
        end: int,
        coding: Coding,
        depth: int,
        found: list[Element] | None = None,
        delimited: bool = False,
    ) -> int:
        """Step over elements to `end`, or past an Item Delimitation Item when `delimited`."""
        data, room, short_vrs = self._data, self._limits.elements, SHORT_VRS
        unpack = (_LITTLE if coding.little else _BIG).explicit.unpack_from
        explicit = coding.explicit
        while end - pos >= 8:
            group, element, vr, length = unpack(data, pos)
            if explicit and vr in short_vrs:
                entry = Element(group << 16 | element, vr, pos + 8, length, pos + 8 + length)
            else:
                entry = self.step(pos, end, coding, depth, delimited)
                if entry.value == _END:
                    return entry.end
            self._count += 1
            if entry.end > end or self._count > room:
                raise self._overrun(entry, end, coding, found)
            if found is not None:
                found.append(entry)
            pos = entry.end
        if pos == end and not delimited:
            return pos
        # In big endian a lone zero is the first half of the next group, not padding.
        if depth == 0 and coding.little and self._zeros(pos):
            return pos
        raise self._short()

    def _header(self, pos: int, end: int, coding: Coding) -> tuple[int, bytes, int, int]:
        """Tag, VR (empty when implicit), start of value, length (PS3.5 7.1.2, 7.1.3)."""
        headers = _LITTLE if coding.little else _BIG
        if coding.explicit:
            group, element, vr, length = headers.explicit.unpack_from(self._data, pos)
            tag = group << 16 | element
            if vr in LONG_VRS:
                if end - pos < 12:
                    raise self._short()
                return tag, vr, pos + 12, headers.long.unpack_from(self._data, pos + 8)[0]
            if b"AA" <= vr <= b"ZZ":
                return tag, vr, pos + 8, length
        group, element, length = headers.implicit.unpack_from(self._data, pos)
        return group << 16 | element, b"", pos + 8, length

    def _undefined(
        self, tag: int, vr: bytes, value: int, end: int, coding: Coding, depth: int
    ) -> int:
        """The end of an element of undefined length: encapsulated (A.4) or a sequence (7.5)."""
        if tag in PIXEL_TAGS:
            return self._fragments(value, end, coding, self.fragments if depth == 0 else None)
        if vr in _FRAGMENT_VRS:
            return self._fragments(value, end, coding, None)
        return self._items(value, end, coding, depth + 1, delimited=True)

    def _nested(self, vr: bytes, value: int, after: int, coding: Coding, depth: int) -> None:
        """Walk what a value of defined length nests.

        Without SQ the dictionary would decide. What starts like an item is counted as a sequence,
        so that the limits hold whatever a dictionary says, and left alone where it is none.
        """
        if vr == b"SQ":
            self._within(self._items, value, after, coding, depth + 1)
            return
        if vr not in (b"", b"UN") or after - value < 8:
            return
        headers = _LITTLE if coding.little else _BIG
        if headers.long.unpack_from(self._data, value)[0] != headers.item:
            return
        before = self._count
        try:
            self._within(self._items, value, after, coding, depth + 1)
        except DeferredError:
            self._count = before
        except RefusedError as error:
            if error.outcome.reason is Reason.OVER_LIMIT:
                raise
            self._count = before

    def _items(
        self, pos: int, end: int, coding: Coding, depth: int, delimited: bool = False
    ) -> int:
        """Step over the items of a sequence to `end` or past its delimiter (PS3.5 7.5)."""
        if depth > self._limits.depth:
            raise RefusedError(Reason.OVER_LIMIT, "depth")
        unpack = (_LITTLE if coding.little else _BIG).implicit.unpack_from
        while end - pos >= 8:
            group, element, length = unpack(self._data, pos)
            tag, body = group << 16 | element, pos + 8
            if tag == SEQUENCE_END and (delimited or body == end):
                return body
            if tag != ITEM:
                raise corrupt("sequence")
            self._add()
            inner = self._item_coding(body, coding)
            if length == UNDEFINED:
                pos = self._dataset(body, end, inner, depth, delimited=True)
            elif body + length > end:
                raise self._short()
            else:
                pos = self._within(self._dataset, body, body + length, inner, depth)
        if pos == end and not delimited:
            return pos
        raise self._short()

    def _within(
        self,
        walk: Callable[[int, int, Coding, int], int],
        start: int,
        end: int,
        coding: Coding,
        depth: int,
    ) -> int:
        """Walk a container of defined length, which lies in the buffer with all of it."""
        self._bounded += 1
        try:
            return walk(start, end, coding, depth)
        finally:
            self._bounded -= 1

    def _fragments(
        self, pos: int, end: int, coding: Coding, into: list[tuple[int, int]] | None
    ) -> int:
        """Step over encapsulated fragments, past the Sequence Delimitation Item (PS3.5 A.4)."""
        unpack = (_LITTLE if coding.little else _BIG).implicit.unpack_from
        while end - pos >= 8:
            group, element, length = unpack(self._data, pos)
            tag, body = group << 16 | element, pos + 8
            if tag == SEQUENCE_END:
                return body
            if tag != ITEM or length == UNDEFINED:
                raise corrupt("fragments")
            self._add()
            if body + length > end:
                raise self._short()
            if into is not None:
                into.append((body, body + length))
            pos = body + length
        raise self._short()

    def _delimiter(self, tag: int, pos: int, end: int, delimited: bool) -> Element:
        """The end of an item; a needless delimiter at the very end of a container is let pass."""
        if tag == ITEM_END and (delimited or pos + 8 == end):
            return Element(tag, b"", _END, 0, pos + 8)
        if tag == SEQUENCE_END and pos + 8 == end and not delimited:
            return Element(tag, b"", _END, 0, pos + 8)
        raise corrupt("delimiter")

    def _item_coding(self, body: int, coding: Coding) -> Coding:
        """Items of an explicit data set may be implicit (PS3.5 6.2.2 note 4): look at the VR."""
        vr = self._data[body + 4 : body + 6]
        if not coding.explicit or len(vr) < 2:
            return coding
        letters = 0x40 < vr[0] < 0x5B and 0x40 < vr[1] < 0x5B
        return coding if letters else Coding(False, coding.little)

    def _add(self) -> None:
        self._count += 1
        if self._count > self._limits.elements:
            raise RefusedError(Reason.OVER_LIMIT, "elements")

    def _overrun(
        self, entry: Element, end: int, coding: Coding, found: list[Element] | None
    ) -> DeferredError | RefusedError:
        """Too many elements, or a length past its container: of a whole file, or of one cut off?

        A prefix of a proper file has ascending tags and real VRs at its top level (PS3.5 7.1).
        """
        if entry.end <= end:
            return RefusedError(Reason.OVER_LIMIT, "elements")
        descending = bool(found) and found is not None and found[-1].tag >= entry.tag
        if descending or (coding.explicit and not entry.vr):
            return corrupt("element")
        return self._short()

    def _short(self) -> DeferredError | RefusedError:
        """A container that ended too early: with the file, or in the middle of it."""
        return corrupt("length") if self._bounded else truncated("data set")

    def _zeros(self, pos: int) -> bool:
        """Whether nothing but zeros follows: padding, or space that a writer reserved."""
        for start in range(pos, self._eof, _ZERO_CHUNK):
            chunk = bytes(self._data[start : start + _ZERO_CHUNK])
            if chunk.count(0) != len(chunk):
                return False
        return True
