"""Pixel padding: values that stand for "no image here" (PS3.3 C.7.5.1.1.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from watcher.dicom.lookup import is_little, read_words
from watcher.dicom.names import Dataset
from watcher.render.groups import number, value

_FLOATS = {
    4: ("FloatPixelPaddingValue", "FloatPixelPaddingRangeLimit"),
    8: ("DoubleFloatPixelPaddingValue", "DoubleFloatPixelPaddingRangeLimit"),
}


@dataclass(frozen=True, slots=True)
class Padding:
    """Stored values from `low` to `high`, both included, are padding."""

    low: float
    high: float

    def mask(self, stored: NDArray[Any]) -> NDArray[np.bool_]:
        """Where `stored` is padding."""
        return (stored >= self.low) & (stored <= self.high)


def padding_of(dataset: Dataset, dtype: np.dtype[Any]) -> Padding | None:
    """The padding of stored values of `dtype`, or None."""
    if dtype.kind == "f":
        found = [number(dataset, keyword) for keyword in _FLOATS[dtype.itemsize]]
    else:
        found = [
            _stored(dataset, keyword, dtype.kind == "i")
            for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit")
        ]
    if found[0] is None:
        return None
    other = found[0] if found[1] is None else found[1]
    return Padding(min(found[0], other), max(found[0], other))


def _stored(dataset: Dataset, keyword: str, signed: bool) -> float | None:
    """A US or SS with the sign of the pixels, whatever it was written as."""
    if value(dataset, keyword) is None:
        return None
    words = read_words(dataset, keyword, is_little(dataset))
    if not len(words):
        return None
    return float(words.astype(np.int16)[0] if signed else words[0])
