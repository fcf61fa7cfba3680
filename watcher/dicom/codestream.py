"""What a compressed frame says of itself: JPEG, JPEG-LS and JPEG 2000 headers.

Read before decoding, so that a stream that unfolds to more than the attributes allow never does,
and so that the colour space of what a decoder returns is known and not guessed.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from struct import unpack_from

from watcher.errors import RefusedError
from watcher.model import Reason

SOI, SOC = b"\xff\xd8", b"\xff\x4f\xff\x51"
_HEAD = 1 << 16  # a header that is longer than this is none
_FRAME_MARKERS = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})


@dataclass(frozen=True, slots=True)
class StreamHeader:
    """Dimensions and sample format of one codestream; `process` is the JPEG SOF marker or 0.

    `space` is "RGB" or "YBR" where the stream itself tells, else "".
    """

    rows: int
    columns: int
    components: int
    precision: int
    signed: bool
    space: str
    process: int = 0


def read_header(frame: memoryview) -> StreamHeader:
    """The header of a JPEG, JPEG-LS or JPEG 2000 frame. Raises RefusedError(UNDECODABLE)."""
    head = bytes(frame[:_HEAD])
    try:
        if head.startswith(SOI):
            return _jpeg(head)
        start = head.find(SOC)  # some writers wrap the codestream in a JP2 file
        if start >= 0:
            return _jpeg2000(head, start)
    except (struct.error, IndexError):
        pass
    raise RefusedError(Reason.UNDECODABLE, "codestream header")


def _jpeg(head: bytes) -> StreamHeader:
    """ITU-T T.81 B.2: segments up to the frame header; APP0 JFIF and APP14 Adobe tell colours."""
    pos, hint = 2, ""
    while True:
        while head[pos] == 0xFF and head[pos + 1] == 0xFF:
            pos += 1
        if head[pos] != 0xFF:
            raise IndexError
        marker = head[pos + 1]
        if marker in _BARE_MARKERS:
            pos += 2
            continue
        (length,) = unpack_from(">H", head, pos + 2)
        body = head[pos + 4 : pos + 2 + length]
        if marker in _FRAME_MARKERS:
            return _frame_header(body, hint, marker)
        if marker == 0xE0 and body.startswith(b"JFIF"):
            hint = hint or "YBR"
        if marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12:
            hint = "YBR" if body[11] == 1 else "RGB" if body[11] == 0 else hint
        pos += 2 + length


def _frame_header(body: bytes, hint: str, marker: int) -> StreamHeader:
    precision, rows, columns, components = unpack_from(">BHHB", body, 0)
    ids = body[6 : 6 + 3 * components : 3]
    sampling = set(body[7 : 7 + 3 * components : 3])
    space = ""
    if components == 3:
        space = hint
        if ids in (b"RGB", b"rgb"):
            space = "RGB"
        elif len(sampling) > 1:  # only chrominance is ever subsampled
            space = "YBR"
    return StreamHeader(rows, columns, components, precision, False, space, marker)


def _jpeg2000(head: bytes, start: int) -> StreamHeader:
    """ISO/IEC 15444-1 A.5.1 (SIZ) and A.6.1 (COD: a component transform means RGB comes out)."""
    fields = unpack_from(">HHHLLLLLLLLH", head, start + 2)
    _, length, _, width, height, left, top, *_, components = fields
    depths = {head[start + 42 + 3 * index] for index in range(components)}
    if len(depths) != 1:
        raise IndexError
    depth = depths.pop()
    transform, pos = False, start + 4 + length
    while head[pos] == 0xFF and head[pos + 1] not in (0x90, 0x93):
        if head[pos + 1] == 0x52:
            transform = head[pos + 8] == 1
        pos += 2 + int(unpack_from(">H", head, pos + 2)[0])
    return StreamHeader(
        height - top,
        width - left,
        components,
        (depth & 0x7F) + 1,
        bool(depth & 0x80),
        "RGB" if transform else "",
    )
