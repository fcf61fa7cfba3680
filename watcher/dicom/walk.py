"""The structural walk of one file: is this a whole DICOM file, and where in it lies what?

Only structure is judged, without pydicom, which reads truncated files in silence. The rules:

- Zero bytes: not whole ("empty"). Shorter than preamble and prefix: not whole, unless it is plain
  text. Longer without "DICM" at 128: DICOM only when it starts as a bare data set does, with a
  known VR or a small length in group 0002 or 0008.
- The walk ends exactly at the end of file: whole. It runs past it: not whole (more may come). It
  meets what no further byte could heal: corrupt.
- Nothing but zeros after the last element: padding, dropped. Anything else there: corrupt.
- An image class, or a data set with Rows, that ends without pixel data is not whole: a file cut
  between two elements has no other sign of it.
- The VR of the first element beats the transfer syntax, as in pydicom; a missing transfer syntax
  is read off the first element.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import unpack_from

from watcher.dicom.classes import needs_pixels
from watcher.dicom.deflate import inflate
from watcher.dicom.elements import (
    LONG_VRS,
    PIXEL_TAGS,
    SHORT_VRS,
    UNDEFINED,
    Coding,
    Element,
    Grammar,
    corrupt,
    truncated,
)
from watcher.errors import DeferredError, ExcludedError, RefusedError
from watcher.model import Reason
from watcher.options import Limits

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
DEFLATED = frozenset(
    {"1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"}
)
_PREFIX_END = 132
_PRINTABLE = frozenset({9, 10, 13, *range(32, 256)})
_META = Coding(explicit=True, little=True)
_KNOWN_VRS = SHORT_VRS | LONG_VRS


@dataclass(frozen=True, slots=True)
class PixelSpan:
    """Where the pixel element lies in `Walk.data`.

    `start` and `stop` bound the value field; when `encapsulated` it runs to before the Sequence
    Delimitation Item, and `fragments` bound the items' values, the Basic Offset Table first.
    `before` is where the element's tag starts, `after` where the next element starts.
    """

    tag: int
    vr: str
    start: int
    stop: int
    before: int
    after: int
    encapsulated: bool
    fragments: Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Walk:
    """What a walk found. `data[start:stop]` is the data set, in the source or inflated.

    `transfer_syntax` is what the file's own header says, corrected where the elements prove
    otherwise; `meta` are the elements of group 0002 with offsets into the source buffer.
    """

    transfer_syntax: str
    coding: Coding
    data: memoryview
    start: int
    stop: int
    pixels: PixelSpan | None
    meta: Sequence[Element]
    elements: Sequence[Element]


def walk(buffer: memoryview, limits: Limits) -> Walk:
    """Walk one file's bytes.

    Raises DeferredError(NOT_WHOLE), ExcludedError(NOT_DICOM), RefusedError(CORRUPT or OVER_LIMIT).
    """
    if len(buffer) > limits.file_bytes:
        raise RefusedError(Reason.OVER_LIMIT, "file size")
    meta, start = _meta(buffer, _begin(buffer), limits)
    stated = _text(buffer, meta, 0x00020010)
    if stated in DEFLATED:
        data = inflate(buffer[start:], limits)
        return _dataset(data, 0, stated, limits, meta, buffer, final=True)
    return _dataset(buffer, start, stated, limits, meta, buffer, final=False)


def _begin(buffer: memoryview) -> int:
    """Where group 0002 or a bare data set starts."""
    size = len(buffer)
    if size == 0:
        raise truncated("empty")
    if bytes(buffer[128:_PREFIX_END]) == b"DICM":
        return _PREFIX_END
    if _bare(buffer):
        return 0
    head = bytes(buffer[:_PREFIX_END])
    if size < _PREFIX_END and b"DICM".startswith(head[128:]) and not _plain_text(head):
        raise truncated("preamble")
    raise ExcludedError(Reason.NOT_DICOM)


def _plain_text(head: bytes) -> bool:
    """Whether this is no start of a preamble: printable, and not the head of a TIFF."""
    return min(head) in _PRINTABLE and not b"II*".startswith(head) and not b"MM".startswith(head)


def _bare(buffer: memoryview) -> bool:
    """Whether this starts as a data set without preamble does."""
    if len(buffer) < 8:
        return False
    group, _, vr, _ = unpack_from("<HH2sH", buffer, 0)
    if group in (0x0002, 0x0008):
        return vr in _KNOWN_VRS or unpack_from("<L", buffer, 4)[0] < 0x10000
    return group in (0x0200, 0x0800) and vr in _KNOWN_VRS


def _meta(buffer: memoryview, pos: int, limits: Limits) -> tuple[list[Element], int]:
    """The File Meta Information (PS3.10 7.1), and where it ends."""
    grammar, found, size = Grammar(buffer, limits), list[Element](), len(buffer)
    while size - pos >= 8 and unpack_from("<H", buffer, pos)[0] == 0x0002:
        entry = grammar.step(pos, size, _META)
        if entry.end > size:
            raise truncated("file meta")
        if len(found) >= limits.elements:
            raise RefusedError(Reason.OVER_LIMIT, "elements")
        found.append(entry)
        pos = entry.end
    if size - pos < 8:
        raise truncated("file meta")
    return found, pos


def _text(buffer: memoryview, elements: Sequence[Element], tag: int) -> str:
    """A UID's text, or nothing."""
    for entry in elements:
        if entry.tag == tag and entry.length <= 128:
            return bytes(buffer[entry.value : entry.end]).rstrip(b"\0 ").decode("ascii", "replace")
    return ""


def _dataset(
    data: memoryview,
    start: int,
    stated: str,
    limits: Limits,
    meta: list[Element],
    buffer: memoryview,
    final: bool,
) -> Walk:
    """Walk the data set. `final`: no more bytes can come, so an early end is corruption."""
    coding = _coding(data, start, stated)
    grammar = Grammar(data, limits)
    try:
        elements, stop = grammar.top(start, coding)
        pixels = _pixels(elements, grammar.fragments, start)
        if pixels is None and _expected(data, elements, _text(buffer, meta, 0x00020002)):
            raise truncated("pixel data")
    except DeferredError as error:
        if final:
            raise corrupt(error.outcome.detail) from None
        raise
    bulk = pixels.after - pixels.before if pixels else 0
    if stop - start - bulk > limits.header_bytes:
        raise RefusedError(Reason.OVER_LIMIT, "header size")
    syntax = _syntax(stated, coding)
    return Walk(syntax, coding, data, start, stop, pixels, meta, elements)


def _coding(data: memoryview, start: int, stated: str) -> Coding:
    """How the data set is written: what the transfer syntax says, unless the elements differ."""
    if len(data) - start < 8:
        raise truncated("data set")
    group, _, vr, _ = unpack_from("<HH2sH", data, start)
    if stated == EXPLICIT_BIG:
        return Coding(explicit=True, little=False)
    explicit = 0x40 < vr[0] < 0x5B and 0x40 < vr[1] < 0x5B
    if not stated:
        explicit = vr in _KNOWN_VRS
        return Coding(explicit, little=not (explicit and group >= 0x0400))
    return Coding(explicit, little=True)


def _syntax(stated: str, coding: Coding) -> str:
    """The transfer syntax that describes what was found."""
    native = {IMPLICIT_LITTLE, EXPLICIT_LITTLE, ""}
    if stated not in native:
        return stated
    if not coding.little:
        return EXPLICIT_BIG
    return EXPLICIT_LITTLE if coding.explicit else IMPLICIT_LITTLE


def _pixels(
    elements: list[Element], fragments: list[tuple[int, int]], start: int
) -> PixelSpan | None:
    """The one pixel element of the top level; a second one is a contradiction."""
    found = None
    before = start
    for entry in elements:
        if entry.tag in PIXEL_TAGS:
            if found:
                raise corrupt("second pixel element")
            encapsulated = entry.length == UNDEFINED
            stop = entry.end - 8 if encapsulated else entry.end
            found = PixelSpan(
                entry.tag,
                entry.vr.decode("ascii"),
                entry.value,
                stop,
                before,
                entry.end,
                encapsulated,
                tuple(fragments),
            )
        before = entry.end
    return found


def _expected(data: memoryview, elements: list[Element], media_class: str) -> bool:
    """Whether this data set cannot be whole without pixel data."""
    tags = {entry.tag for entry in elements}
    if 0x00287FE0 in tags:  # Pixel Data Provider URL: the pixels are elsewhere
        return False
    sop_class = _text(data, elements, 0x00080016) or media_class
    return 0x00280010 in tags or needs_pixels(sop_class)
