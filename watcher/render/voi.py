"""The VOI LUT: window or table, as a function to the range 0 to 1 (PS3.3 C.11.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from watcher.dicom.lookup import Lookup, is_little, read_lookup
from watcher.dicom.names import Dataset
from watcher.render.groups import first_item, number, places, text

Voi = Callable[[NDArray[Any]], NDArray[Any]]
LINEAR, LINEAR_EXACT, SIGMOID = "LINEAR", "LINEAR_EXACT", "SIGMOID"
_LOW, _HIGH = 0.01, 0.99  # outside lie markers, collimation and metal


@dataclass(frozen=True, slots=True)
class Window:
    """Window Center, Width and VOI LUT Function (C.11.2.1.2, C.11.2.1.3)."""

    center: float
    width: float
    function: str = LINEAR

    def __call__(self, values: NDArray[Any]) -> NDArray[Any]:
        """Output of the modality LUT to 0 to 1."""
        x = values.astype(np.float64)
        if self.function == SIGMOID:
            power = np.clip(-4 * (x - self.center) / self.width, -700, 700)
            return 1 / (1 + np.exp(power))
        if self.function == LINEAR_EXACT:
            return np.clip((x - self.center) / self.width + 0.5, 0, 1)
        center, width = self.center - 0.5, self.width - 1
        if width == 0:
            return np.where(x > center, 1.0, 0.0)
        return np.clip((x - center) / width + 0.5, 0, 1)


@dataclass(frozen=True, slots=True, eq=False)
class VoiTable:
    """An item of the VOI LUT Sequence (C.11.2.1.1)."""

    lookup: Lookup

    def __call__(self, values: NDArray[Any]) -> NDArray[Any]:
        """Output of the modality LUT to 0 to 1."""
        return self.lookup(values) / ((1 << self.lookup.bits) - 1.0)


def stated_voi(dataset: Dataset, index: int, negative: bool) -> Voi | None:
    """The first VOI LUT that the file states for frame `index`, or None: a table before a window.

    `negative`: whether the modality LUT can put out negative values, which decides how the first
    value of a table is read. A window whose width is not allowed (C.11.2.1.2.1) is none.
    """
    for place in places(dataset, index, "FrameVOILUTSequence"):
        item = first_item(place, "VOILUTSequence")
        if item is not None:
            table = read_lookup(item, "LUTDescriptor", "LUTData", is_little(dataset), negative)
            return VoiTable(table)
        window = _window(place)
        if window is not None:
            return window
    return None


def _window(place: Dataset) -> Window | None:
    center, width = number(place, "WindowCenter"), number(place, "WindowWidth")
    if center is None or width is None:
        return None
    function = text(place, "VOILUTFunction")
    function = function if function in (LINEAR_EXACT, SIGMOID) else LINEAR
    if width < 1 if function == LINEAR else width <= 0:
        return None
    return Window(center, width, function)


def robust_window(values: NDArray[Any], counts: NDArray[Any]) -> Window:
    """A window from the 1st to the 99th percentile of `values`, each met `counts` times.

    `values` ascend. From the least to the greatest where the percentiles meet; where those meet
    too, or nothing was met, anything at or below the value is black.
    """
    met = counts > 0
    values, counts = values[met], counts[met]
    if not len(values):
        return Window(0.5, 1.0, LINEAR_EXACT)
    share = np.cumsum(counts) / counts.sum()
    low = float(values[np.searchsorted(share, _LOW)])
    high = float(values[min(int(np.searchsorted(share, _HIGH)), len(values) - 1)])
    if low == high:
        low, high = float(values[0]), float(values[-1])
    width = high - low if high > low else 1.0
    return Window(low + width / 2, width, LINEAR_EXACT)


def full_window(bits: int) -> Window:
    """Every value of `bits` bits, black to white: 8-bit images without a window are shown so."""
    top = (1 << bits) - 1.0
    return Window(top / 2, top, LINEAR_EXACT)
