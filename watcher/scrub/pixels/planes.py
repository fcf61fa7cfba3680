"""From stored values to the 8-bit pictures that the readers look at."""

from __future__ import annotations

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
_SAMPLES = 1 << 16
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
# Mean difference of the channels, in 8-bit steps, from which hue alone could carry a text.
_COLOURFUL = 4.0
_CLIP, _CLAHE_TILES = 4.0, (8, 8)


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
        if self._photometric.startswith("YBR"):
            brightness, chroma = frame[..., 0], np.abs(_centred(frame[..., 1:])).max(-1)
        else:
            brightness = frame.astype(np.float32) @ _LUMA
            chroma = frame.max(-1) - frame.min(-1)
        planes = [windowed(brightness)]
        if chroma[::4, ::4].mean() * 255 > _COLOURFUL * np.iinfo(frame.dtype).max:
            planes.append(windowed(chroma))
        return planes

    def faint(self, frame: NDArray[Any]) -> list[Plane]:
        """One plane more, its contrast equalised place by place: shows what no window would."""
        if frame.ndim == 3:
            grey = frame[..., 0] if self._photometric.startswith("YBR") else frame @ _LUMA
        else:
            grey = self._looked_up(frame)
        return [equalised(grey)]

    def _looked_up(self, frame: NDArray[Any]) -> NDArray[Any]:
        if self._table is None:
            return frame
        looked_up: NDArray[Any] = self._table[frame.view(f"u{frame.dtype.itemsize}")]
        return looked_up


def windowed(values: NDArray[Any]) -> Plane:
    """Stretch (rows, columns) of any type to 0..255 between two percentiles."""
    step = max(1, int(np.sqrt(values.size / _SAMPLES)))
    sample = values[::step, ::step]
    if sample.dtype.kind == "f":
        values = np.nan_to_num(values, copy=True, posinf=0.0, neginf=0.0)
        sample = values[::step, ::step]
    low, high = (float(v) for v in np.percentile(sample, _CUT))
    if high <= low:
        low, high = float(values.min()), float(values.max())
    scale = 255.0 / max(high - low, 1e-12)
    stretched = values.astype(np.float32)
    stretched -= np.float32(low)
    stretched *= np.float32(scale)
    return np.clip(stretched, 0, 255, out=stretched).astype(np.uint8)


def equalised(values: NDArray[Any]) -> Plane:
    """Contrast-limited adaptive histogram equalisation over the whole range of the values."""
    numbers = np.nan_to_num(values.astype(np.float32), posinf=0.0, neginf=0.0)
    low, high = float(numbers.min()), float(numbers.max())
    cells = ((numbers - low) * (65535 / max(high - low, 1e-12))).astype(np.uint16)
    spread = cv2.createCLAHE(_CLIP, _CLAHE_TILES).apply(cells)
    return (np.asarray(spread, np.uint16) >> 8).astype(np.uint8)


def _centred(chroma: NDArray[Any]) -> NDArray[Any]:
    middle = (int(np.iinfo(chroma.dtype).max) + 1) // 2
    return chroma.astype(np.int32) - middle


def _brightness(dataset: Dataset) -> NDArray[Any]:
    """Brightness of each palette index, for 8- or 16-bit cells."""
    wide = int(dataset.get("BitsAllocated") or 16) > 8
    indices = np.arange(65536 if wide else 256, dtype=np.uint16 if wide else np.uint8)
    rgb = palette_rgb(dataset, indices.reshape(1, -1))[0]
    brightness: NDArray[Any] = rgb.astype(np.float32) @ _LUMA
    return brightness
