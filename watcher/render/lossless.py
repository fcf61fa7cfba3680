"""The stored values of one frame as a PNG can hold them, bit-exact, and how to get them back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from watcher.dicom.names import Dataset
from watcher.errors import RefusedError
from watcher.model import Reason
from watcher.render.grey import Rescale, rescale_of
from watcher.render.groups import first_item


@dataclass(frozen=True, slots=True)
class Stored:
    """`convert` makes uint8 or uint16 of `depth` bits; slope and intercept are for its output."""

    convert: Callable[[NDArray[Any]], NDArray[Any]]
    depth: int
    bits_stored: int
    slope: float
    intercept: float


def stored_of(dataset: Dataset, index: int, photometric: str, dtype: np.dtype[Any]) -> Stored:
    """How frame `index`, of stored values of `dtype`, goes into a PNG.

    Signed values are moved up by half their range, and the intercept down by as much, so that
    slope * value + intercept is what it was. Raises RefusedError(UNDECODABLE) for floats and for
    more than 16 bits stored: a PNG cannot hold them exactly.
    """
    bits = int(dataset.get("BitsStored") or 0)
    if dtype.kind == "f" or not 1 <= bits <= 16:
        raise RefusedError(Reason.UNDECODABLE, "lossless mode holds integers of up to 16 bits")
    depth = 8 if bits <= 8 else 16
    moved = 1 << (bits - 1) if dtype.kind == "i" else 0
    rescale = _rescale(dataset, index, photometric)
    return Stored(
        _moving(moved, f"u{depth // 8}"),
        depth,
        8 if bits == 1 else bits,
        rescale.slope,
        rescale.intercept - rescale.slope * moved,
    )


def _rescale(dataset: Dataset, index: int, photometric: str) -> Rescale:
    """Only single-sample intensities have a rescale; a Modality LUT Sequence is none."""
    if not photometric.startswith("MONOCHROME") or first_item(dataset, "ModalityLUTSequence"):
        return Rescale()
    return rescale_of(dataset, index)


def _moving(offset: int, dtype: str) -> Callable[[NDArray[Any]], NDArray[Any]]:
    def convert(stored: NDArray[Any]) -> NDArray[Any]:
        if not offset:
            return stored.astype(dtype, copy=False)
        # Two's complement: adding half the range modulo the type's own size is exact.
        moved: NDArray[Any] = stored.astype(dtype) + np.array(offset, dtype)
        return moved

    return convert
