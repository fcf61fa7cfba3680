"""JPEG streams written coefficient by coefficient after ITU-T T.81, by no library."""

from __future__ import annotations

from collections.abc import Iterator
from struct import pack
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LENGTH = 5  # bits of each code: there are 17 categories


def lossless(cells: NDArray[Any], bits: int, predictor: int) -> bytes:
    """Process 14 (T.81 H): `cells` of `bits` bits, unsigned, (rows, columns) or (..., 3)."""
    planes = cells.reshape(*cells.shape[:2], -1).astype(int)
    pairs: list[tuple[int, int]] = []
    for y, x, plane in np.ndindex(planes.shape):
        guess = _guess(planes[..., plane], y, x, bits, predictor)
        pairs += _coded((int(planes[y, x, plane]) - guess + 0x8000) % 0x10000 - 0x8000)
    count = planes.shape[2]
    return _stream(0xC3, bits, cells.shape, count, pairs, (predictor, 0), b"")


def _guess(plane: NDArray[Any], y: int, x: int, bits: int, predictor: int) -> int:
    """Table H.1; the first row and column have predictors of their own (H.1.1)."""
    if not y:
        return int(plane[0, x - 1]) if x else 1 << (bits - 1)
    if not x:
        return int(plane[y - 1, 0])
    a, b, c = int(plane[y, x - 1]), int(plane[y - 1, x]), int(plane[y - 1, x - 1])
    return (
        a,
        b,
        c,
        a + b - c,
        a + ((b - c) >> 1),
        b + ((a - c) >> 1),
        (a + b) >> 1,
    )[predictor - 1]


def flat(levels: list[int], spectral_end: int = 63) -> bytes:
    """Process 4 of 12 bits: one row of blocks of 8x8, each wholly of one of `levels`.

    A block has its mean alone: level = 2048 + quantum * coefficient / 8 (A.3.3), quantum 8.
    `spectral_end` is written into the scan header, where 63 belongs.
    """
    pairs: list[tuple[int, int]] = []
    for before, level in zip([2048, *levels], levels, strict=False):
        pairs += [*_coded(level - before), (_END_OF_BLOCK, _LENGTH)]
    tables = _segment(0xDB, b"\0" + bytes([8]) * 64) + _huffman(0x10, [_END_OF_BLOCK])
    shape = (8, 8 * len(levels))
    return _stream(0xC1, 12, shape, 1, pairs, (0, spectral_end), tables)


_END_OF_BLOCK = 0


def _coded(difference: int) -> list[tuple[int, int]]:
    """(value, bits) of the category's code and of the difference within it (F.1.2.1.1)."""
    category = abs(difference).bit_length()
    low = difference if difference >= 0 else difference + (1 << category) - 1
    return [(category, _LENGTH), (low, 0 if category == 16 else category)]


def _stream(
    process: int,
    bits: int,
    shape: tuple[int, ...],
    count: int,
    pairs: list[tuple[int, int]],
    spectrum: tuple[int, int],
    tables: bytes,
) -> bytes:
    frame = pack(">BHHB", bits, shape[0], shape[1], count)
    frame += b"".join(pack("BBB", name, 0x11, 0) for name in range(1, count + 1))
    scan = bytes([count]) + b"".join(pack("BB", name, 0) for name in range(1, count + 1))
    scan += bytes([*spectrum, 0])
    return b"".join(
        (
            b"\xff\xd8",
            tables,
            _huffman(0, list(range(17))),
            _segment(process, frame),
            _segment(0xDA, scan),
            bytes(_packed(pairs)),
            b"\xff\xd9",
        )
    )


def _huffman(kind: int, symbols: list[int]) -> bytes:
    """A table (B.2.4.2) in which every code has the same length: a symbol's place."""
    counts = [len(symbols) if length == _LENGTH else 0 for length in range(1, 17)]
    return _segment(0xC4, bytes([kind, *counts, *symbols]))


def _segment(marker: int, body: bytes) -> bytes:
    return pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _packed(pairs: list[tuple[int, int]]) -> Iterator[int]:
    """Bits to bytes, a zero behind each 255, ones to fill the last (F.1.2.3)."""
    bits = "".join(f"{value:0{length}b}" for value, length in pairs if length)
    bits += "1" * (-len(bits) % 8)
    for start in range(0, len(bits), 8):
        byte = int(bits[start : start + 8], 2)
        yield byte
        if byte == 0xFF:
            yield 0
