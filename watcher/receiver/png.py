"""Is this really a PNG of the height, width and bits that the request says?"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIECE = 1 << 20
# Colour types of the PNG specification (11.2.2) that have one sample a pixel; 2 has three.
_GREYSCALE, _TRUECOLOUR, _INDEXED = 0, 2, 3


class BadImageError(Exception):
    """The bytes are not the image the request speaks of; the message names a place."""


def check(path: Path, fields: Mapping[str, Any], *, inflate: bool) -> None:
    """Compare a PNG with an image's fields; every chunk's CRC is checked. Raises BadImageError.

    With `inflate` the pixels are inflated as well, a piece at a time, and their number is compared.
    """
    with path.open("rb") as file:
        if file.read(8) != _SIGNATURE:
            raise BadImageError("data: not a PNG")
        header = bytearray()
        if _chunk(file, header.extend, most=13) != b"IHDR" or len(header) != 13:
            raise BadImageError("data: no IHDR")
        _compare(header, fields)
        _walk(file, _Pixels(header) if inflate else None)


def _compare(header: bytearray, fields: Mapping[str, Any]) -> None:
    width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", header)
    samples = {_GREYSCALE: 1, _TRUECOLOUR: 3, _INDEXED: 1}.get(colour)
    said = {
        "width": width,
        "height": height,
        "bitsAllocated": depth,
        "samplesPerPixel": samples,
    }
    for name, value in said.items():
        if fields[name] != value:
            raise BadImageError(f"{name}: not that of the PNG")
    if fields["bitsStored"] > depth:
        raise BadImageError("bitsStored: more than the PNG has")
    if fields["highBit"] != fields["bitsStored"] - 1:
        raise BadImageError("highBit: not bitsStored - 1")
    if interlace:
        raise BadImageError("data: interlaced")


def _walk(file: BinaryIO, pixels: _Pixels | None) -> None:
    """To IEND, which must be the file's end."""
    take = pixels.take if pixels is not None else None
    while _chunk(file, take) != b"IEND":
        pass
    if file.read(1):
        raise BadImageError("data: something after the PNG's end")
    if pixels is not None:
        pixels.end()


def _chunk(file: BinaryIO, take: Callable[[bytes], object] | None, most: int = 1 << 31) -> bytes:
    """The type of the next chunk; `take` gets its data if it is pixels or the header."""
    head = file.read(8)
    size, kind = int.from_bytes(head[:4], "big"), head[4:]
    if len(head) != 8 or size > most:
        raise BadImageError("data: the PNG is cut short")
    sum_ = zlib.crc32(kind)
    while size:
        piece = file.read(min(size, _PIECE))
        if not piece:
            raise BadImageError("data: the PNG is cut short")
        size -= len(piece)
        sum_ = zlib.crc32(piece, sum_)
        if take is not None and kind in (b"IHDR", b"IDAT"):
            take(piece)
    if file.read(4) != sum_.to_bytes(4, "big"):
        raise BadImageError("data: a PNG chunk is damaged")
    return kind


class _Pixels:
    """Counts inflated bytes against what IHDR promises."""

    def __init__(self, header: bytearray) -> None:
        width, height, depth, colour = struct.unpack_from(">IIBB", header)
        row = (width * depth * (3 if colour == _TRUECOLOUR else 1) + 7) // 8
        self._left = height * (row + 1)
        self._inflater = zlib.decompressobj()

    def take(self, data: bytes) -> None:
        try:
            while data and self._left >= 0:
                self._left -= len(self._inflater.decompress(data, _PIECE))
                data = self._inflater.unconsumed_tail
        except zlib.error:
            self._left = -1

    def end(self) -> None:
        if self._left != 0 or not self._inflater.eof:
            raise BadImageError("data: not the pixels that the PNG's header promises")
