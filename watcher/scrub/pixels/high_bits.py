"""Overlays hidden in the unused bits of the pixel cells (PS3.5 8.1.1, retired in 2004)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from watcher.dicom.names import Dataset
from watcher.dicom.scrubbed import Frames


def has_high_bits(dataset: Dataset, frames: Frames) -> bool:
    """Whether any frame has bits set outside of Bits Stored that are no sign extension."""
    allocated, stored = int(dataset.get("BitsAllocated") or 0), int(dataset.get("BitsStored") or 0)
    if frames.samples != 1 or not 1 < stored < allocated <= 32:
        return False
    high = int(dataset.get("HighBit") or stored - 1)
    return any(_foreign(frames.frame(i), stored, high) for i in range(frames.number))


def _foreign(frame: NDArray[Any], stored: int, high: int) -> bool:
    if frame.dtype.kind not in "iu":
        return False
    cells = frame.view(f"u{frame.dtype.itemsize}")
    low = high + 1 - stored
    if low and bool((cells & ((1 << low) - 1)).any()):
        return True
    above = cells >> (high + 1)
    if frame.dtype.kind == "u":
        return bool(above.any())
    negative = (cells >> high) & 1
    ones = cells.dtype.type(np.iinfo(cells.dtype).max) >> (high + 1)
    return bool(((above != 0) & ~((above == ones) & (negative == 1))).any())
