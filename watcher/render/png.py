"""A PNG encoder that takes rows in bands and holds one band (W3C PNG, third edition).

Per row the filter of Sub, Up and Average whose residuals are smallest is taken, judged on every
fifth byte, and ISA-L deflates. Measured on radiographs, CT, MR and ultrasound against Pillow's
default, the bytes are 1.00 to 1.10 times, the time a tenth. Critical chunks only: no text, no time,
no profile can travel.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from pathlib import Path
from struct import pack
from types import TracebackType
from typing import Any

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from watcher.model import SpoolFile

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB = 0, 2
_SUB, _UP, _AVERAGE = 1, 2, 3
_JUDGED = 5  # every fifth byte: prime to the bytes of every kind of pixel
_IDAT = 1 << 18
# ISA-L's level 1 beats level 3 on residuals of photographs, in time and nearly in bytes; drawn
# colour (ultrasound) has the long matches that only level 3 finds: 5 % fewer bytes.
_LEVEL = {_GREY: 1, _RGB: 3}

BAND_BYTES = 1 << 17
"""Bytes of filtered rows to hand over at once: filters and deflate then work in the cache."""


class PngWriter:
    """Writes one image to a new file, mode 0600; `close` gives its name, size and SHA-256.

    `samples` 1 (grey) or 3 (RGB), `depth` 8 or 16 bits. Use as a context manager: an exception
    removes the file.
    """

    def __init__(self, path: Path, width: int, height: int, samples: int, depth: int) -> None:
        colour = _GREY if samples == 1 else _RGB
        self._path = path
        self._step = samples * depth // 8
        self._rows_left = height
        self._digest, self._size = hashlib.sha256(), 0
        self._deflate = isal_zlib.compressobj(_LEVEL[colour])
        self._pending: list[bytes] = []
        self._above = np.zeros(width * self._step, np.uint8)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(descriptor, "wb", buffering=0)
        self._put(_SIGNATURE)
        self._chunk(b"IHDR", pack(">LLBBBBB", width, height, depth, colour, 0, 0, 0))

    def write(self, rows: NDArray[Any]) -> None:
        """Rows from the top: (n, width) or (n, width, 3), uint8 or uint16 as `depth` says."""
        if rows.dtype.itemsize == 2:
            rows = rows.astype(">u2")
        flat = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), -1)
        self._rows_left -= len(flat)
        self._pend(self._deflate.compress(_filtered(flat, self._above, self._step)))
        self._above = flat[-1].copy()

    def close(self, name: str) -> SpoolFile:
        """Finish the file. ValueError when rows are missing."""
        if self._rows_left:
            raise ValueError("rows")
        self._pend(self._deflate.flush())
        self._flush()
        self._chunk(b"IEND", b"")
        self._file.close()
        return SpoolFile(name, self._size, self._digest.hexdigest())

    def __enter__(self) -> PngWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        if kind is not None:
            self._path.unlink(missing_ok=True)

    def _pend(self, data: bytes) -> None:
        self._pending.append(data)
        if sum(map(len, self._pending)) >= _IDAT:
            self._flush()

    def _flush(self) -> None:
        data, self._pending = b"".join(self._pending), []
        if data:
            self._chunk(b"IDAT", data)

    def _chunk(self, kind: bytes, data: bytes) -> None:
        check = isal_zlib.crc32(data, zlib.crc32(kind))
        self._put(pack(">L", len(data)) + kind + data + pack(">L", check))

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)
        self._size += len(data)


def _filtered(rows: NDArray[Any], above: NDArray[Any], step: int) -> memoryview:
    """Filter type and residuals of each row (PNG 9.2), arithmetic modulo 256."""
    up = np.empty_like(rows)
    up[0], up[1:] = above, rows[:-1]
    left = np.zeros_like(rows)
    left[:, step:] = rows[:, :-step]
    average = (left & up) + ((left ^ up) >> 1)  # floor of the mean, without a wider type
    residuals = (rows - left, rows - up, rows - average)
    costs = np.stack([_cost(residual) for residual in residuals])
    best = costs.argmin(axis=0)
    out = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
    out[:, 0] = best + _SUB
    for index, residual in enumerate(residuals):
        chosen = best == index
        if chosen.all():
            out[:, 1:] = residual
        elif chosen.any():
            out[chosen, 1:] = residual[chosen]
    return out.reshape(-1).data


def _cost(residual: NDArray[Any]) -> NDArray[Any]:
    """The sum of each row's absolute residuals, as PNG 12.8 advises."""
    judged = np.ascontiguousarray(residual[:, ::_JUDGED])
    cost: NDArray[Any] = np.minimum(judged, -judged).sum(axis=1, dtype=np.int64)
    return cost
