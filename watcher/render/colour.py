"""Colour frames to 8-bit RGB: YBR to RGB and bits down to eight (PS3.3 C.7.6.3.1.2)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from watcher.errors import RefusedError
from watcher.model import Reason

# Kr, Kg, Kb of the standard's luminance equation; all of its matrices follow from them.
_RED, _GREEN, _BLUE = 0.299, 0.587, 0.114


def to_rgb8(rows: NDArray[Any], photometric: str, bits_stored: int) -> NDArray[Any]:
    """(n, width, 3) of `bits_stored` bits in `photometric` to 8-bit RGB, halves rounded up.

    Raises RefusedError(UNDECODABLE) for a colour space with no equation here.
    """
    if photometric == "RGB":
        return _eight(rows, bits_stored)
    if photometric == "YBR_FULL":
        return _full(_eight(rows, bits_stored))
    if photometric == "YBR_PARTIAL_422":
        return _partial(_eight(rows, bits_stored))
    raise RefusedError(Reason.UNDECODABLE, "PhotometricInterpretation")


def _eight(rows: NDArray[Any], bits_stored: int) -> NDArray[Any]:
    """Full range to full range: value times 255 over the greatest, rounded."""
    if bits_stored == 8 and rows.dtype == np.uint8:
        return rows
    if rows.dtype.itemsize <= 2 and rows.dtype.kind == "u":
        eight: NDArray[Any] = np.take(_scale(bits_stored), rows)
        return eight
    scaled = rows.astype(np.float64) * (255.0 / ((1 << bits_stored) - 1))
    out: NDArray[Any] = np.clip(np.floor(scaled + 0.5), 0, 255).astype(np.uint8)
    return out


@lru_cache(maxsize=4)
def _scale(bits_stored: int) -> NDArray[Any]:
    values = np.arange(1 << 16) * (255.0 / ((1 << bits_stored) - 1))
    table: NDArray[Any] = np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)
    return table


def _rounded(values: NDArray[Any]) -> NDArray[Any]:
    return np.floor(values + 0.5).astype(np.int16)


@lru_cache(maxsize=1)
def _full_tables() -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """What Cr adds to R, Cb to B, and Cb*256+Cr to G; Y is whole, so rounding may come first."""
    chroma = np.arange(256) - 128.0
    red, blue = 2 * (1 - _RED) * chroma, 2 * (1 - _BLUE) * chroma
    green = -(_BLUE * blue[:, None] + _RED * red[None, :]) / _GREEN
    return _rounded(red), _rounded(blue), _rounded(green).reshape(-1)


def _full(ybr: NDArray[Any]) -> NDArray[Any]:
    red, blue, green = _full_tables()
    luma = ybr[..., 0].astype(np.int16)
    cb, cr = ybr[..., 1], ybr[..., 2]
    out = np.empty(ybr.shape, np.uint8)
    both = (cb.astype(np.uint16) << 8) | cr
    for channel, table, index in ((0, red, cr), (1, green, both), (2, blue, cb)):
        sums = np.take(table, index)
        sums += luma
        out[..., channel] = np.clip(sums, 0, 255, out=sums)
    return out


def _partial(ybr: NDArray[Any]) -> NDArray[Any]:
    """CCIR 601-2 with head- and footroom: Y 16 to 235, chrominance 16 to 240."""
    luma = (ybr[..., 0].astype(np.float64) - 16) * (255 / 219)
    blue = (ybr[..., 1].astype(np.float64) - 128) * (255 / 224) * 2 * (1 - _BLUE)
    red = (ybr[..., 2].astype(np.float64) - 128) * (255 / 224) * 2 * (1 - _RED)
    green = -(_BLUE * blue + _RED * red) / _GREEN
    rgb = np.stack([luma + red, luma + green, luma + blue], axis=-1)
    return np.clip(np.floor(rgb + 0.5), 0, 255).astype(np.uint8)
