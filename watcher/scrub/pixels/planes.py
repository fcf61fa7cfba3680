"""From stored values to the 8-bit pictures that the readers look at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from watcher.dicom.names import Dataset
from watcher.dicom.palette import palette_rgb
from watcher.dicom.scrubbed import Frames

Plane = NDArray[np.uint8]

# Text is never the only thing that is bright: what lies outside of these percentiles is cut.
_CUT = (0.5, 99.7)
_SAMPLES = 1 << 14
# Of these the stretch is done without a detour over floating point.
_NARROW = frozenset(map(np.dtype, ("u1", "u2", "i2")))
# Cells that are worked on at a time: what stays in the cache costs little; with the surroundings of
# each, which are computed twice at a seam, more of them do.
_STRIP_CELLS, _BROAD_CELLS = 1 << 16, 1 << 20
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
# Greatest difference of the channels, in 8-bit steps, from which hue alone could carry a text.
_COLOURFUL = 40
_CLIP, _CLAHE_TILES = 4.0, (8, 8)
# Of each pixel's surroundings: their side, and the spread in 8-bit steps that is no noise any more.
_AROUND, _QUIET = (33, 33), 2.0
_GAIN = 40  # 8-bit steps for one standard deviation


class Planes:
    """Makes planes, (rows, columns) uint8 each, of one file's frames."""

    def __init__(self, dataset: Dataset, frames: Frames) -> None:
        self._photometric = frames.photometric
        self._table: NDArray[Any] | None = None
        if frames.photometric == "PALETTE COLOR":
            self._table = _brightness(dataset)

    def of(self, frame: NDArray[Any]) -> list[Plane]:
        """One plane of brightness; for a colourful frame a second one of saturation."""
        if frame.ndim == 2:
            return [windowed(self._looked_up(frame))]
        brightness, chroma = self._split(np.ascontiguousarray(frame))
        planes = [windowed(brightness)]
        if int(chroma.max()) * 255 > _COLOURFUL * int(np.iinfo(frame.dtype).max):
            planes.append(windowed(chroma))
        return planes

    def _split(self, frame: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Brightness, and how far a pixel is from grey."""
        first, second, third = cv2.split(frame[..., :3])
        if self._photometric.startswith("YBR"):
            middle = (int(np.iinfo(frame.dtype).max) + 1) // 2
            away = (cv2.absdiff(c, np.full_like(c, middle)) for c in (second, third))
            return np.asarray(first), np.asarray(cv2.max(*away))
        least = cv2.min(cv2.min(first, second), third)
        most = cv2.max(cv2.max(first, second), third)
        return _grey(frame), np.asarray(cv2.subtract(most, least))

    def faint(self, frame: NDArray[Any]) -> list[Plane]:
        """One plane more, its contrast equalised place by place: shows what no window would."""
        if frame.ndim == 2:
            return [equalised(self._looked_up(frame))]
        ybr = self._photometric.startswith("YBR")
        return [equalised(frame[..., 0] if ybr else _grey(frame))]

    def _looked_up(self, frame: NDArray[Any]) -> NDArray[Any]:
        if self._table is None:
            return frame
        looked_up: NDArray[Any] = self._table[frame.view(f"u{frame.dtype.itemsize}")]
        return looked_up


def windowed(values: NDArray[Any]) -> Plane:
    """Stretch (rows, columns) of any type to 0..255 between two percentiles."""
    step = max(1, round(np.sqrt(values.size / _SAMPLES)))
    sample = values[::step, ::step]
    if sample.dtype.kind == "f":
        values = np.nan_to_num(values, copy=True, posinf=0.0, neginf=0.0)
        sample = values[::step, ::step]
    low, high = _cut(sample)
    if high <= low:
        low, high = float(values.min()), float(values.max())
    scale = 255.0 / max(high - low, 1e-12)
    if values.dtype in _NARROW:
        return _stretched(values, low, scale)
    stretched = values.astype(np.float32)
    stretched -= np.float32(low)
    stretched *= np.float32(scale)
    return np.clip(stretched, 0, 255, out=stretched).astype(np.uint8)


def _cut(sample: NDArray[Any]) -> tuple[float, float]:
    """Its two percentiles; sorting integers of 16 bits costs a quarter of asking for them."""
    ordered = np.sort(sample, axis=None, kind="stable")
    low, high = (float(ordered[round((ordered.size - 1) * share / 100)]) for share in _CUT)
    return low, high


def _stretched(values: NDArray[Any], low: float, scale: float) -> Plane:
    """Integers of 16 bits at most, a few rows at a time."""
    if values.dtype == np.uint8:
        table = np.clip(np.rint((np.arange(256) - low) * scale), 0, 255).astype(np.uint8)
        return np.asarray(cv2.LUT(np.ascontiguousarray(values), table), np.uint8)
    plane: Plane = np.empty(values.shape, np.uint8)
    for strip in _strips(values.shape):
        cells = np.maximum(values[strip], values.dtype.type(low))
        plane[strip] = cv2.convertScaleAbs(cells, alpha=scale, beta=-int(low) * scale)
    return plane


def _grey(frame: NDArray[Any]) -> NDArray[Any]:
    if frame.dtype in _NARROW and frame.dtype.kind == "u":
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY))
    grey: NDArray[Any] = frame.astype(np.float32) @ _LUMA
    return grey


def equalised(values: NDArray[Any]) -> Plane:
    """Contrast-limited adaptive histogram equalisation over the whole range of the values."""
    if values.dtype.kind == "f":
        values = np.nan_to_num(values.astype(np.float32), posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    scale = 65535 / max(high - low, 1e-12)
    cells = np.empty(values.shape, np.uint16)
    for strip in _strips(values.shape):
        cells[strip] = (values[strip].astype(np.float64) - low) * scale
    spread = np.asarray(cv2.createCLAHE(_CLIP, _CLAHE_TILES).apply(cells), np.uint16)
    return np.right_shift(spread, 8, out=spread).astype(np.uint8)


def locally(plane: Plane) -> Plane:
    """How far each pixel is from the mean of its surroundings, in their standard deviations.

    Text of a few grey steps on an even ground shows as well in it as any, noise no better.
    """
    shown: Plane = np.empty_like(plane)
    reach = _AROUND[1] // 2
    for strip in _strips(plane.shape, _BROAD_CELLS):
        above = min(strip.start, reach)
        values = plane[strip.start - above : strip.stop + reach].astype(np.float32)
        inner = slice(above, above + strip.stop - strip.start)
        shown[strip] = _from_surroundings(values)[inner]
    return shown


def _from_surroundings(values: NDArray[np.float32]) -> NDArray[np.float32]:
    mean = cv2.blur(values, _AROUND, borderType=cv2.BORDER_REFLECT_101)
    spread = cv2.sqrBoxFilter(values, cv2.CV_32F, _AROUND, borderType=cv2.BORDER_REFLECT_101)
    spread = np.sqrt(np.maximum(spread - mean * mean, 0))
    values -= mean
    values *= _GAIN / (spread + _QUIET)
    values += 128
    return np.clip(values, 0, 255, out=values)


def _strips(shape: tuple[int, ...], cells: int = _STRIP_CELLS) -> Iterator[slice]:
    """Rows of a picture, so many cells at a time: no plane of floats stands whole."""
    rows, columns = shape
    height = max(1, cells // max(1, columns))
    return (slice(top, min(rows, top + height)) for top in range(0, rows, height))


def _brightness(dataset: Dataset) -> NDArray[Any]:
    """Brightness of each palette index, for 8- or 16-bit cells."""
    wide = int(dataset.get("BitsAllocated") or 16) > 8
    indices = np.arange(65536 if wide else 256, dtype=np.uint16 if wide else np.uint8)
    rgb = palette_rgb(dataset, indices.reshape(1, -1))[0]
    brightness: NDArray[Any] = rgb.astype(np.float32) @ _LUMA
    return brightness
