"""Compressed pixel data without what travels along: comments, thumbnails, bytes behind the end.

A codestream that is copied as it is would carry its comments (JPEG COM and APPn, JPEG 2000 COM)
past every search of the header. They are blanked in place, so that no length or offset changes.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import replace
from struct import unpack_from

from watcher.dicom.codestream import SOC, SOI
from watcher.dicom.paging import release
from watcher.dicom.part10 import PixelElement

Span = tuple[int, int]

_EOI, _SOS, _COM = 0xD9, 0xDA, 0xFE
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})
# Within coded data FF is followed by less than C0, or by a restart marker (ITU-T T.81 B.1.1, T.87).
_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")
_JFIF, _ADOBE = 12, 12  # bytes of these APPn segments that say how to decode, without thumbnails
_SOT, _SOD, _EOC, _COMMENT = 0xFF90, 0xFF93, 0xFFD9, 0xFF64
_RLE_HEADER = 64


def bare(element: PixelElement) -> PixelElement | None:
    """The element with everything blanked that is no picture; itself if there is nothing such.

    None where the codestreams are not understood well enough to tell: then the frames must be
    written anew. Uncompressed data is returned as it is (its length is checked when it is opened).
    """
    if not element.encapsulated:
        return element
    found: list[Span] = []
    try:
        for fragments in _codestreams(element):
            stream = b"".join(element.value[start:stop] for start, stop in fragments)
            for span in _spans(stream):
                found += _in_place(span, fragments)
            release(element.value, fragments[0][0], fragments[-1][1])
    except (struct.error, IndexError, ValueError):
        return None
    found = [span for span in found if any(element.value[slice(*span)])]
    if not found:
        return element
    copy = bytearray(element.value)
    for start, stop in found:
        copy[start:stop] = bytes(stop - start)
    return replace(element, value=memoryview(copy))


def _codestreams(element: PixelElement) -> Iterator[list[Span]]:
    """The fragments of each codestream: what does not start one goes on with the one before."""
    group: list[Span] = []
    for start, stop in element.fragments[1:]:
        if group and _starts(element.value[start : start + 4]):
            yield group
            group = []
        group.append((start, stop))
    if group:
        yield group


def _starts(head: memoryview) -> bool:
    return bytes(head).startswith((SOI, SOC)) or _is_rle(bytes(head))


def _is_rle(head: bytes) -> bool:
    return 1 <= int.from_bytes(head, "little") <= 15


def _in_place(span: Span, fragments: list[Span]) -> Iterator[Span]:
    """A span of a codestream as spans of the element's value."""
    at = 0
    for start, stop in fragments:
        first, last = max(span[0], at), min(span[1], at + stop - start)
        if first < last:
            yield start + first - at, start + last - at
        at += stop - start


def _spans(stream: bytes) -> Iterator[Span]:
    """What to blank in one codestream. Raises ValueError for one of an unknown kind."""
    if stream.startswith(SOI):
        return _jpeg(stream)
    if stream.startswith(SOC):
        return _jpeg2000(stream)
    if _is_rle(stream[:4]):
        return _rle(stream)
    raise ValueError


def _jpeg(data: bytes) -> Iterator[Span]:
    """ITU-T T.81 B.1.1.2: segments up to the scan, then from marker to marker, to the end."""
    pos = 2
    while True:
        while data[pos] == 0xFF and data[pos + 1] == 0xFF:
            pos += 1
        if data[pos] != 0xFF:
            raise ValueError
        marker = data[pos + 1]
        if marker == _EOI:
            yield pos + 2, len(data)
            return
        if marker in _BARE:
            pos += 2
            continue
        (length,) = unpack_from(">H", data, pos + 2)
        yield from _segment(data, marker, pos + 4, pos + 2 + length)
        pos += 2 + length
        if marker == _SOS:
            after = _MARKER.search(data, pos)
            if after is None:
                raise ValueError
            pos = after.start()


def _segment(data: bytes, marker: int, start: int, stop: int) -> Iterator[Span]:
    if stop > len(data):
        raise ValueError
    if marker == 0xE0 and data.startswith(b"JFIF\0", start):
        yield min(start + _JFIF, stop), stop
    elif marker == 0xEE and data.startswith(b"Adobe", start):
        yield min(start + _ADOBE, stop), stop
    elif marker == _COM or 0xE0 <= marker <= 0xEF:
        yield start, stop


def _jpeg2000(data: bytes) -> Iterator[Span]:
    """ISO/IEC 15444-1 A.2: the main header, then tile-part by tile-part, to the end."""
    pos, part = 2, 0
    while True:
        (marker,) = unpack_from(">H", data, pos)
        if marker == _EOC:
            yield pos + 2, len(data)
            return
        if marker == _SOD:
            pos = part
            continue
        (length,) = unpack_from(">H", data, pos + 2)
        if marker < 0xFF4F or length < 2:
            raise ValueError
        if marker == _SOT:
            (size,) = unpack_from(">L", data, pos + 6)
            # A length of 0: the last tile-part runs to the end of the codestream.
            part = pos + size if size else _end(data)
            if part <= pos:
                raise ValueError
        if marker == _COMMENT:
            yield pos + 6, pos + 2 + length
        pos += 2 + length


def _end(data: bytes) -> int:
    tail = bytes(data[-2:]) if data[-1] == 0xD9 else bytes(data[-3:-1])
    if tail != b"\xff\xd9":
        raise ValueError
    return len(data) - (2 if data[-1] == 0xD9 else 3)


def _rle(data: bytes) -> Iterator[Span]:
    """PS3.5 G.5: the header's offsets that no segment uses."""
    (segments,) = unpack_from("<L", data, 0)
    yield 4 * (segments + 1), _RLE_HEADER
