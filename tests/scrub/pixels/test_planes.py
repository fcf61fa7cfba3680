"""Stored values as the readers see them: in one stretch, and against their surroundings."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from watcher.scrub.pixels.planes import _BROAD_CELLS, equalised, locally, windowed


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"])
def test_values_of_every_type_become_the_same_picture(dtype: str) -> None:
    values = np.arange(100, dtype=dtype).reshape(10, 10)
    shown = windowed(values)
    assert shown.min() == 0
    assert shown.max() == 255
    assert (np.diff(shown.ravel().astype(int)) >= 0).all()


def test_values_that_are_no_numbers_do_not_hide_the_others() -> None:
    values = np.arange(100, dtype=np.float32).reshape(10, 10)
    values[0, 0], values[5, 5] = np.nan, np.inf
    assert windowed(values)[9, 9] > 200


def noisy(side: int) -> NDArray[np.uint16]:
    """Noise of 12 bits around a slope."""
    slope = np.linspace(0, 3000, side, dtype=np.float32)
    noise = np.random.default_rng(5).normal(500, 60, (side, side)).astype(np.float32)
    return np.asarray(np.clip(slope + noise, 0, 4095), np.uint16)


def test_what_lies_in_a_later_strip_is_seen_as_in_one_piece() -> None:
    """By the formula over the whole plane: no seam, and the right surroundings at it."""
    plane = windowed(noisy(1500))
    rows = slice(690, 710)
    assert rows.start < _BROAD_CELLS // 1500 < rows.stop
    whole = plane.astype(np.float64)
    reach = ((16, 16), (16, 16))
    around = sliding_window_view(np.pad(whole, reach, "reflect"), (33, 33))[rows]
    expected = (whole[rows] - around.mean((2, 3))) * 40 / (around.std((2, 3)) + 2) + 128
    assert np.abs(np.clip(expected, 0, 255) - locally(plane)[rows]).max() < 1.01


def peak(work: Callable[[], object]) -> int:
    """Bytes that stood at once while it worked."""
    tracemalloc.start()
    work()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def test_no_plane_of_floats_stands_whole() -> None:
    """Of 16 million pixels: the picture in local contrast, and that with its values as uint16."""
    values = noisy(4096)
    plane = windowed(values)
    assert peak(lambda: locally(plane)) < 4 * plane.size
    assert peak(lambda: equalised(values)) < 7 * plane.size


@pytest.mark.parametrize(
    ("dtype", "base"),
    [
        ("u2", 0),
        ("i2", -2000),
        ("u4", 0),
        ("u4", 1 << 31),
        ("i4", -(1 << 30)),
        ("f4", 0),
        ("f8", 0),
    ],
)
def test_the_greatest_value_stays_the_greatest_when_equalised(dtype: str, base: int) -> None:
    """Text at the top of a narrow range far from zero: it must not wrap round to the lowest."""
    values = noisy(256).astype(np.float64) % 3500 + base
    values[100:110, 100:200] = base + 4095
    shown = equalised(values.astype(dtype))
    assert shown[100:110, 100:200].min() == shown.max()
    assert shown.max() > 200
