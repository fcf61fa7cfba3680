"""Frames of uncompressed pixel data: views of the source bytes, rows at a time (PS3.5 8.1, 8.2)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from watcher.dicom.cells import stored_values
from watcher.dicom.layout import Layout
from watcher.dicom.paging import release
from watcher.dicom.part10 import PixelElement
from watcher.errors import RefusedError
from watcher.model import Reason

_UPSAMPLED = {"YBR_FULL_422": "YBR_FULL"}


class NativeFrames:
    """Frames that lie in the file as they are; `band` reads some rows without the rest."""

    def __init__(self, element: PixelElement, layout: Layout, big_endian: bool) -> None:
        self.layout = layout
        self.number, self.rows, self.columns = layout.number, layout.rows, layout.columns
        self.samples = layout.samples
        self.photometric = _UPSAMPLED.get(layout.photometric, layout.photometric)
        self._value = element.value
        self._cell = layout.dtype.newbyteorder(">" if big_endian else "<")
        # 8-bit cells in a big endian OW come in pairs, the second one first (PS3.5 8.1.1).
        self._swapped = big_endian and element.vr == "OW" and layout.bits_allocated == 8
        self._last = (0, 0)
        self._check_length(element.value)

    def frame(self, index: int) -> NDArray[Any]:
        return self.band(index, 0, self.rows)

    def band(self, index: int, top: int, bottom: int) -> NDArray[Any]:
        """Rows top to bottom of frame `index`, without reading the others."""
        if not 0 <= index < self.number:
            raise RefusedError(Reason.UNDECODABLE, "frame number")
        layout = self.layout
        if layout.bits_allocated == 1:
            return self._packed(index, top, bottom)
        if layout.subsampled:
            return self._subsampled(index, top, bottom)
        frame = layout.rows * layout.columns * layout.samples
        if layout.samples > 1 and layout.planar:
            plane = layout.rows * layout.columns
            starts = [
                index * frame + p * plane + top * layout.columns for p in range(layout.samples)
            ]
            count = (bottom - top) * layout.columns
            planes = np.stack([self._cells(start, count) for start in starts])
            cells = planes.reshape(layout.samples, bottom - top, layout.columns).transpose(1, 2, 0)
        else:
            row = layout.columns * layout.samples
            cells = self._cells(index * frame + top * row, (bottom - top) * row)
            cells = cells.reshape(bottom - top, *layout.shape[1:])
        return stored_values(cells, layout)

    def _cells(self, start: int, count: int) -> NDArray[Any]:
        """`count` cells from cell `start` of the whole element."""
        size = self._cell.itemsize
        self._done_with_last(start * size, (start + count) * size)
        if not self._swapped:
            return np.frombuffer(self._value, self._cell, count, start * size)
        first = start - start % 2
        pairs = -(-(start + count - first) // 2)
        cells = np.frombuffer(self._value, "u2", pairs, first).byteswap().view(self._cell)
        return cells[start - first : start - first + count]

    def _packed(self, index: int, top: int, bottom: int) -> NDArray[Any]:
        """1-bit cells: packed from the low bit up, frames end within a byte (PS3.5 8.1.1)."""
        layout = self.layout
        start = (index * layout.rows + top) * layout.columns * layout.samples
        count = (bottom - top) * layout.columns * layout.samples
        first, last = start // 8, -(-(start + count) // 8)
        packed = np.frombuffer(self._value, np.uint8, last - first, first)
        bits = np.unpackbits(packed, bitorder="little")[start - first * 8 :][:count]
        return bits.reshape(bottom - top, *layout.shape[1:])

    def _subsampled(self, index: int, top: int, bottom: int) -> NDArray[Any]:
        """Y Y Cb Cr for two pixels of a row; both get that Cb and Cr (PS3.3 C.7.6.3.1.2)."""
        layout = self.layout
        row = layout.columns * 2
        cells = self._cells((index * layout.rows + top) * row, (bottom - top) * row)
        fours = stored_values(cells, layout).reshape(bottom - top, layout.columns // 2, 4)
        out = np.empty((bottom - top, layout.columns, 3), fours.dtype)
        out[:, 0::2, 0], out[:, 1::2, 0] = fours[..., 0], fours[..., 1]
        for half in (0, 1):
            out[:, half::2, 1:] = fours[..., 2:]
        return out

    def _done_with_last(self, start: int, stop: int) -> None:
        """Let go of what was read before; a view of it that still lives can be read again."""
        release(self._value, *self._last)
        self._last = (start, stop)

    def _check_length(self, value: memoryview) -> None:
        """The element's length must be what the attributes say; behind it only padding may lie.

        One byte of any value, or zeros that make no frame: padding. More is unexplained pixels or
        something else that travelled along, and nothing here can clear it.
        """
        if self.layout.subsampled and self.layout.columns % 2:
            raise RefusedError(Reason.UNDECODABLE, "Columns")
        expected = -(-self.layout.frame_bits * self.number // 8)
        extra = len(value) - expected
        if extra < 0:
            raise RefusedError(Reason.UNDECODABLE, "pixel data is too short")
        if extra > 1 and (extra * 8 >= self.layout.frame_bits or any(value[expected:])):
            raise RefusedError(Reason.UNDECODABLE, "pixel data is too long")
