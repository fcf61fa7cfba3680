"""The filters of PNG (W3C PNG 9.2, 9.4): a row's residuals, and which filter a row should have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    if len(filters) == 1:
        out = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
        out[:, 0] = filters[0]
        _residuals(filters[0], rows, above, step, out[:, 1:])
        return out.reshape(-1).data
    residuals = {kind: np.empty_like(rows) for kind in filters}
    for kind, residual in residuals.items():
        _residuals(kind, rows, above, step, residual)
    return _chosen(residuals)


def tried(
    rows: NDArray[Any], above: NDArray[Any], step: int, *, colour: bool
) -> Iterator[tuple[tuple[int, ...], memoryview]]:
    """Each choice of filters there is, and what it makes; `above` is the row before each."""
    residuals = {kind: np.empty_like(rows) for kind in {*ADAPTIVE[colour], *SINGLE[colour]}}
    for kind, residual in residuals.items():
        _residual(kind, rows, above, step, residual)
    for filters in (ADAPTIVE[colour], *((kind,) for kind in SINGLE[colour])):
        yield filters, _chosen({kind: residuals[kind] for kind in filters})


def _chosen(residuals: Mapping[int, NDArray[Any]]) -> memoryview:
    """Of each row the smallest of its residuals by filter type, behind that type."""
    first = next(iter(residuals.values()))
    out = np.empty((len(first), first.shape[1] + 1), np.uint8)
    if len(residuals) == 1:
        out[:, 0], out[:, 1:] = next(iter(residuals)), first
        return out.reshape(-1).data
    best = np.stack([_cost(residual) for residual in residuals.values()]).argmin(axis=0)
    out[:, 0] = np.array(list(residuals), np.uint8)[best]
    for index, residual in enumerate(residuals.values()):
        chosen = best == index
        out[chosen, 1:] = residual[chosen]
    return out.reshape(-1).data


def _residuals(
    kind: int, rows: NDArray[Any], above: NDArray[Any], step: int, out: NDArray[Any]
) -> None:
    """Into `out`; the first row has its upper neighbours elsewhere, and is done by itself."""
    _residual(kind, rows[:1], above[None], step, out[:1])
    _residual(kind, rows[1:], rows[:-1], step, out[1:])


def _residual(
    kind: int, rows: NDArray[Any], above: NDArray[Any], step: int, out: NDArray[Any]
) -> None:
    """`above` has the same shape; what would lie left of the first pixel is 0."""
    up, left = above[:, step:], rows[:, :-step]
    if kind == _NONE:
        out[...] = rows
    elif kind == _SUB:
        out[:, :step] = rows[:, :step]
        np.subtract(rows[:, step:], left, out=out[:, step:])
    elif kind == _UP:
        np.subtract(rows, above, out=out)
    elif kind == _AVERAGE:  # floor of the mean, without a wider type
        np.subtract(rows[:, :step], above[:, :step] >> 1, out=out[:, :step])
        estimate = left ^ up
        estimate >>= 1
        estimate += left & up
        np.subtract(rows[:, step:], estimate, out=out[:, step:])
    else:
        np.subtract(rows[:, :step], above[:, :step], out=out[:, :step])
        estimate = _paeth(left, up, above[:, :-step])
        np.subtract(rows[:, step:], estimate, out=out[:, step:])


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
