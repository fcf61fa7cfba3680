"""From pixel cells to stored values: the Bits Stored of each, with their sign (PS3.5 8.1.1)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from watcher.dicom.layout import Layout


def stored_values(cells: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """The values in cells that hold Bits Allocated, as `layout.dtype`; a view when nothing is cut.

    What lies above High Bit or below the stored bits (overlays, fill) is dropped.
    """
    if layout.floating:
        return cells.astype(layout.dtype, copy=False)
    if layout.bits_allocated == 1:
        return cells
    native = cells.astype(cells.dtype.newbyteorder("="), copy=False)
    values = native.view(layout.dtype)
    left = layout.bits_allocated - 1 - layout.high_bit
    right = layout.bits_allocated - layout.bits_stored
    if not left and not right:
        return values
    if not layout.signed and left == right:
        kept: NDArray[Any] = np.bitwise_and(values, (1 << layout.bits_stored) - 1)
        return kept
    shifted: NDArray[Any] = np.left_shift(values, left)
    np.right_shift(shifted, right, out=shifted)
    return shifted


def conform(decoded: NDArray[Any], precision: int, layout: Layout) -> NDArray[Any]:
    """A decoder's values of `precision` bits as `layout.dtype` (JPEG, JPEG-LS, JPEG 2000).

    A stream as precise as the cell carries the whole cell, and is cut like a native one. A
    narrower one carries the value itself; where stream and attributes differ about the sign, the
    bit pattern counts.
    """
    signed = decoded.dtype.kind == "i"
    if layout.bits_allocated == 1:
        bits: NDArray[Any] = np.not_equal(decoded, 0).astype(np.uint8)
        return bits
    if precision == layout.bits_allocated:
        return stored_values(decoded.astype(_sized(layout, signed), copy=False), layout)
    if layout.signed == signed:
        return decoded.astype(layout.dtype, copy=False)
    if not layout.signed:
        kept: NDArray[Any] = np.bitwise_and(decoded.astype(layout.dtype), (1 << precision) - 1)
        return kept
    wide: NDArray[Any] = decoded.astype(layout.dtype)
    spare = layout.bits_allocated - precision
    np.left_shift(wide, spare, out=wide)
    np.right_shift(wide, spare, out=wide)
    return wide


def _sized(layout: Layout, signed: bool) -> np.dtype[Any]:
    return np.dtype(f"{'i' if signed else 'u'}{layout.bits_allocated // 8}")
