"""The filters of PNG (W3C PNG 9.2, 9.4): a row's residuals, and which filter a row should have."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_NONE, _SUB, _UP, _AVERAGE, _PAETH = range(5)
ADAPTIVE = {False: (_SUB, _UP, _AVERAGE), True: (_SUB, _UP, _PAETH)}
"""By colour or not: the filters among which each row's is chosen."""
SINGLE = {False: (_NONE, _SUB, _UP, _AVERAGE), True: (_NONE, _SUB, _PAETH)}
"""By colour or not: the filters that may be used for every row of an image."""


def filtered(
    rows: NDArray[Any], above: NDArray[Any], step: int, filters: tuple[int, ...]
) -> memoryview:
    """Filter type and residuals of each row, arithmetic modulo 256.

    `rows` are (n, bytes), `above` is the row before them, `step` the bytes of a pixel. Of several
    filters a row has the one whose residuals are smallest.
    """
    out = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
    residuals = _residuals(rows, above, step, filters)
    if len(filters) == 1:
        out[:, 0], out[:, 1:] = filters[0], residuals[0]
        return out.reshape(-1).data
    best = np.stack([_cost(residual) for residual in residuals]).argmin(axis=0)
    out[:, 0] = np.array(filters, np.uint8)[best]
    for index, residual in enumerate(residuals):
        chosen = best == index
        out[chosen, 1:] = residual[chosen]
    return out.reshape(-1).data


def _residuals(
    rows: NDArray[Any], above: NDArray[Any], step: int, filters: tuple[int, ...]
) -> list[NDArray[Any]]:
    if filters == (_NONE,):
        return [rows]
    up = np.empty_like(rows)
    up[:1], up[1:] = above, rows[:-1]
    left = np.zeros_like(rows)
    left[:, step:] = rows[:, :-step]
    return [_residual(kind, rows, left, up, step) for kind in filters]


def _residual(
    kind: int, rows: NDArray[Any], left: NDArray[Any], up: NDArray[Any], step: int
) -> NDArray[Any]:
    if kind == _SUB:
        estimate = left
    elif kind == _UP:
        estimate = up
    elif kind == _AVERAGE:  # floor of the mean, without a wider type
        estimate = (left & up) + ((left ^ up) >> 1)
    else:
        corner = np.zeros_like(rows)
        corner[:, step:] = up[:, :-step]
        estimate = _paeth(left, up, corner)
    residual: NDArray[Any] = np.subtract(rows, estimate)
    return residual


def _paeth(left: NDArray[Any], up: NDArray[Any], corner: NDArray[Any]) -> NDArray[Any]:
    """PNG 9.4 in bytes alone.

    With the corner brought between left and up the choice is the same, and then the estimate
    left + up - corner lies between them too, as far from each as the corner is from the other.
    """
    out: NDArray[Any] = np.clip(corner, np.minimum(left, up), np.maximum(left, up))
    to_left = np.maximum(up, out) - np.minimum(up, out)
    to_up = np.maximum(left, out) - np.minimum(left, out)
    to_corner = np.maximum(to_left, to_up) - np.minimum(to_left, to_up)
    out ^= (out ^ up) & _mask(to_up <= to_corner)
    out ^= (out ^ left) & _mask((to_left <= to_up) & (to_left <= to_corner))
    return out


def _mask(where: NDArray[np.bool_]) -> NDArray[Any]:
    """255 where true: selecting by it is several times as fast as numpy's where."""
    mask: NDArray[Any] = np.negative(where.view(np.uint8))
    return mask


def _cost(residual: NDArray[Any]) -> NDArray[Any]:
    """The sum of each row's absolute residuals, as PNG 12.8 advises."""
    cost: NDArray[Any] = np.add.reduce(np.minimum(residual, -residual), axis=1, dtype=np.uint32)
    return cost
