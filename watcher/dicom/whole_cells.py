"""Pixel cells with all their bits: a verbatim copy carries what lies outside of Bits Stored."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from watcher.dicom.cells import stored_values
from watcher.dicom.encapsulated import EncapsulatedFrames
from watcher.dicom.native import NativeFrames
from watcher.dicom.scrubbed import Frames


class WholeCells:
    """Decodes each frame once, for its stored values and for what its spare bits hold."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self._layout = None
        if isinstance(frames, EncapsulatedFrames | NativeFrames):
            layout = frames.layout
            if not layout.floating and 1 < layout.bits_stored < layout.bits_allocated:
                self._layout = layout
                wide = copy(frames)
                wide.layout = replace(
                    layout, bits_stored=layout.bits_allocated, high_bit=layout.bits_allocated - 1
                )
                self._frames = wide

    def frame(self, index: int) -> tuple[NDArray[Any], bool]:
        """Stored values of frame `index`, from 0, and whether bits outside of them are in use."""
        cells: NDArray[Any] = self._frames.frame(index)
        if self._layout is None:
            return cells, False
        used = foreign_bits(cells, self._layout.bits_stored, self._layout.high_bit)
        return stored_values(cells, self._layout), used


def foreign_bits(cells: NDArray[Any], stored: int, high: int) -> bool:
    """Whether bits outside of the stored ones are set that are no sign extension (PS3.5 8.1.1)."""
    bits = cells.view(f"u{cells.dtype.itemsize}")
    used = int(np.bitwise_or.reduce(bits, axis=None))  # one pass, no copy of the frame
    if used & ((1 << (high + 1 - stored)) - 1):
        return True
    if not used >> (high + 1):
        return False
    if cells.dtype.kind == "u":
        return True
    above = bits >> (high + 1)
    extension = bits.dtype.type(np.iinfo(bits.dtype).max) >> (high + 1)
    negative = (bits >> high) & 1 == 1
    return bool(((above != 0) & ~((above == extension) & negative)).any())
