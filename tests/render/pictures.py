"""Reading PNGs by the book, and rendering a file's bytes."""

from __future__ import annotations

import io
import itertools
import tempfile
import zlib
from pathlib import Path
from struct import unpack
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.dicom.files import read, scrubbed
from watcher.options import RenderOptions
from watcher.render import Rendered, render

_LARGE = 1 << 16  # pixels
Mode = Literal["display", "lossless"]


def chunks_of(data: bytes) -> list[tuple[bytes, bytes]]:
    """(type, data) of each chunk; asserts signature, lengths and CRCs (PNG 5)."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    found, at = [], 8
    while at < len(data):
        length, kind = unpack(">L4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        (check,) = unpack(">L", data[at + 8 + length : at + 12 + length])
        assert check == zlib.crc32(kind + body)
        found.append((kind, body))
        at += 12 + length
    return found


def decode(data: bytes) -> NDArray[Any]:
    """Samples of a PNG, unfiltered by hand as PNG 9.2 says; those of large ones by Pillow."""
    found = chunks_of(data)
    width, height, depth, colour, *rest = unpack(">LLBBBBB", found[0][1])
    assert rest == [0, 0, 0]
    if width * height > _LARGE:
        return np.asarray(Image.open(io.BytesIO(data)))
    samples = {0: 1, 2: 3}[colour]
    raw = zlib.decompress(b"".join(body for kind, body in found if kind == b"IDAT"))
    step = samples * depth // 8
    length = width * step
    above, rows = bytearray(length), []
    for start in range(0, height * (length + 1), length + 1):
        kind, row = raw[start], bytearray(raw[start + 1 : start + 1 + length])
        for i, up in enumerate(above):
            left, corner = (row[i - step], above[i - step]) if i >= step else (0, 0)
            row[i] = (row[i] + estimate(kind, left, up, corner)) & 0xFF
        rows.append(bytes(row))
        above = row
    assert len(raw) == height * (length + 1)
    flat = np.frombuffer(b"".join(rows), ">u2" if depth == 16 else "u1")
    return flat.reshape((height, width) if samples == 1 else (height, width, samples))


def estimate(kind: int, left: int, up: int, corner: int) -> int:
    """PNG 9.2 and 9.4."""
    if kind == 4:
        guess = left + up - corner
        return min((left, up, corner), key=lambda near: abs(guess - near))
    return {0: 0, 1: left, 2: up, 3: (left + up) // 2}[kind]


_numbers = itertools.count()


def rendered(data: bytes, mode: Mode = "display", index: int = 0) -> tuple[NDArray[Any], Rendered]:
    """Frame `index` of a file through `render`: the PNG's samples and its fields."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{next(_numbers)}.png"
        fields = render(scrubbed(*read(data)), index, RenderOptions(mode=mode), path)
        return decode(path.read_bytes()), fields


def shown(data: bytes, index: int = 0) -> NDArray[Any]:
    """Frame `index` as display mode shows it."""
    return rendered(data, "display", index)[0]


def half_up(values: NDArray[Any]) -> NDArray[Any]:
    """To whole numbers in 0 to 255, halves up."""
    return np.clip(np.floor(values + 0.5), 0, 255)
