"""A box that cuts letters grows to their ends, and only to those."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.scrub.pixels.test_reading import ct, drawn
from watcher.scrub.pixels.letters import whole
from watcher.scrub.pixels.planes import Plane, windowed

Box = tuple[int, int, int, int]


def filled(box: Box, shape: tuple[int, ...]) -> Plane:
    plane = np.zeros(shape, np.uint8)
    plane[box[1] : box[3], box[0] : box[2]] = 1
    return plane


@pytest.mark.parametrize("ground", [0, 128, 255])
@pytest.mark.parametrize("cut", [(40, 72, 250, 96), (40, 60, 250, 84), (60, 60, 240, 110)])
def test_a_cut_line_is_whole_again(ground: int, cut: Box) -> None:
    """Capitals of 40 pixels, rows 60 to 100; cut above, below and at both ends."""
    ink = drawn((200, 320), "RSNA", (40, 100), 1.9, 5)
    plane = np.full(ink.shape, ground, np.uint8)
    plane[ink] = 255 - ground if ground != 128 else 220
    letters = cv2.connectedComponents(ink.astype(np.uint8), connectivity=8)[1]
    started = [n for n in range(1, 5) if (filled(cut, ink.shape) & (letters == n)).mean() > 0]
    assert len(started) == 4
    assert filled(whole(plane, cut), ink.shape)[ink].all()


def test_what_goes_on_beyond_the_box_is_no_letter() -> None:
    """A bone under the text is not taken for ink, however bright."""
    plane = np.zeros((200, 320), np.uint8)
    plane[:, 100:130] = 255
    assert whole(plane, (80, 80, 180, 110)) == (80, 80, 180, 110)


def test_a_box_grows_by_its_own_height_at_most() -> None:
    rng = np.random.default_rng(5)
    plane = windowed(ct())
    for _ in range(200):
        left, top = (int(n) for n in rng.integers(0, 300, 2))
        box = (left, top, left + int(rng.integers(8, 80)), top + int(rng.integers(8, 40)))
        more = min(box[2] - box[0], box[3] - box[1])
        grown = whole(plane, box)
        assert grown[0] >= max(0, box[0] - more)
        assert grown[1] >= max(0, box[1] - more)
        assert grown[2] <= min(plane.shape[1], box[2] + more)
        assert grown[3] <= min(plane.shape[0], box[3] + more)
        assert (filled(grown, plane.shape) >= filled(box, plane.shape)).all()
