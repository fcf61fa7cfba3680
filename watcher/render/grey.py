"""The grayscale pipeline: stored values, modality LUT, VOI LUT, eight bits (PS3.3 C.11.1, C.11.2).

Values of up to 16 bits go through one table of every possible value, made in double precision;
wider ones are computed the same way, band by band.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from watcher.dicom.lookup import is_little, read_lookup
from watcher.dicom.names import Dataset
from watcher.errors import RefusedError
from watcher.model import Reason
from watcher.render.groups import first_item, number, places, text
from watcher.render.padding import Padding, padding_of
from watcher.render.voi import Voi, full_window, robust_window, stated_voi

Mapping = Callable[[NDArray[Any]], NDArray[Any]]
Bands = Callable[[], Iterator[NDArray[Any]]]
_SAMPLED = 1 << 20  # values that judge a window where no histogram of all can be kept


@dataclass(frozen=True, slots=True)
class Rescale:
    """The linear modality LUT (C.11.1.1.2); 1 and 0 where the file states none."""

    slope: float = 1.0
    intercept: float = 0.0

    def __call__(self, values: NDArray[Any]) -> NDArray[Any]:
        scaled: NDArray[Any] = values.astype(np.float64)
        scaled *= self.slope
        scaled += self.intercept
        return scaled


def rescale_of(dataset: Dataset, index: int) -> Rescale:
    """Rescale Slope and Intercept of frame `index`. RefusedError(UNDECODABLE) for a slope of 0."""
    for place in places(dataset, index, "PixelValueTransformationSequence"):
        slope, intercept = number(place, "RescaleSlope"), number(place, "RescaleIntercept")
        if slope == 0:
            raise RefusedError(Reason.UNDECODABLE, "RescaleSlope")
        if slope is not None or intercept is not None:
            return Rescale(1.0 if slope is None else slope, intercept or 0.0)
    return Rescale()


def modality_of(dataset: Dataset, index: int, signed: bool) -> Mapping:
    """The modality LUT of frame `index`: a Modality LUT Sequence before slope and intercept."""
    item = first_item(dataset, "ModalityLUTSequence")
    if item is None:
        return rescale_of(dataset, index)
    return read_lookup(item, "LUTDescriptor", "LUTData", is_little(dataset), signed)


@dataclass(frozen=True, slots=True)
class Grey:
    """How one frame becomes eight bits, 0 black. `inverted`: the greatest value is black."""

    modality: Mapping
    voi: Voi
    inverted: bool
    padding: Padding | None

    def __call__(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Stored values to uint8, of the same shape; padding and what is no number are black."""
        shown = self.voi(self.modality(stored))
        if self.inverted:
            shown = 1 - shown
        shown = np.floor(shown * 255 + 0.5)
        if stored.dtype.kind == "f":
            shown[~np.isfinite(stored)] = 0
        out = shown.astype(np.uint8)
        if self.padding is not None:
            out[self.padding.mask(stored)] = 0
        return out


def grey_of(
    dataset: Dataset,
    index: int,
    photometric: str,
    dtype: np.dtype[Any],
    bands: Bands,
    pixels: int,
) -> Mapping:
    """The function from stored values of `dtype` to uint8 for frame `index`.

    `bands` reads the frame of `pixels` values; called only when the file states no window.
    """
    modality = modality_of(dataset, index, dtype.kind == "i")
    padding = padding_of(dataset, dtype)
    inverted = photometric == "MONOCHROME1" or text(dataset, "PresentationLUTShape") == "INVERSE"
    voi = stated_voi(dataset, index, _negative(modality, dtype))
    bits = dataset.get("BitsStored") or 16
    if voi is None and modality == Rescale() and dtype.kind == "u" and bits <= 8:
        voi = full_window(bits)
    if voi is None:
        voi = _judged(modality, padding, dtype, bands, pixels)
    grey = Grey(modality, voi, inverted, padding)
    return _tabled(grey, dtype) if dtype.kind != "f" and dtype.itemsize <= 2 else grey


@lru_cache(maxsize=8)  # frames of an Instance, and Instances of a Series, mostly share theirs
def _table(grey: Grey, dtype: np.dtype[Any]) -> NDArray[Any]:
    """What each bit pattern of `dtype` becomes."""
    return grey(_patterns(dtype))


def _tabled(grey: Grey, dtype: np.dtype[Any]) -> Mapping:
    table, index = _table(grey, dtype), f"u{dtype.itemsize}"
    if dtype.itemsize == 2:  # OpenCV's takes two fifths of numpy's time
        return lambda stored: np.asarray(cv2.LUT(np.ascontiguousarray(stored.view(index)), table))
    if np.array_equal(table, np.arange(256)):
        return lambda stored: stored.view(index)
    return partial(_translated, table=table.tobytes())


def _translated(stored: NDArray[Any], table: bytes) -> NDArray[Any]:
    """Bytes through a table of bytes: Python's own is several times as fast as numpy's."""
    return np.frombuffer(stored.tobytes().translate(table), np.uint8).reshape(stored.shape)


def _patterns(dtype: np.dtype[Any]) -> NDArray[Any]:
    return np.arange(1 << 8 * dtype.itemsize, dtype=f"u{dtype.itemsize}").view(dtype)


def _negative(modality: Mapping, dtype: np.dtype[Any]) -> bool:
    """Whether a modality LUT can put out negative values."""
    if isinstance(modality, Rescale):
        return modality.intercept < 0 or modality.slope < 0 or dtype.kind != "u"
    return False


def _judged(
    modality: Mapping, padding: Padding | None, dtype: np.dtype[Any], bands: Bands, pixels: int
) -> Voi:
    """The robust window of what is in the frame."""
    if dtype.kind != "f" and dtype.itemsize <= 2:
        stored, counts = _patterns(dtype), _histogram(dtype, bands)
    else:
        stored, counts = np.unique(_sample(bands, pixels), return_counts=True)
        finite = np.isfinite(stored.astype(np.float64))
        stored, counts = stored[finite], counts[finite]
    if padding is not None:
        counts = np.where(padding.mask(stored), 0, counts)
    values = modality(stored).astype(np.float64)
    order = np.argsort(values, kind="stable")
    return robust_window(values[order], counts[order])


def _histogram(dtype: np.dtype[Any], bands: Bands) -> NDArray[Any]:
    size = 1 << 8 * dtype.itemsize
    counts = np.zeros(size, np.int64)
    for band in bands():
        counts += np.bincount(band.view(f"u{dtype.itemsize}").reshape(-1), minlength=size)
    return counts


def _sample(bands: Bands, pixels: int) -> NDArray[Any]:
    """Every n-th value, so that about `_SAMPLED` of `pixels` are taken."""
    stride = -(-pixels // _SAMPLED)
    return np.concatenate([band.reshape(-1)[::stride] for band in bands()])
