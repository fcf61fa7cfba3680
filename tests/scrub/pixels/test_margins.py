"""How much more is filled than what was seen."""

from __future__ import annotations

import pytest

from watcher.scrub.pixels.margins import with_margins
from watcher.scrub.pixels.picture import Text
from watcher.scrub.pixels.regions import Rectangle


@pytest.mark.parametrize(
    ("side", "height", "all_of_it"), [(200, 55, True), (200, 45, False), (400, 220, False)]
)
def test_a_small_picture_that_text_overfills_is_filled_whole(
    side: int, height: int, all_of_it: bool
) -> None:
    """Two lines that overlap count once; the margin around them does not."""
    lines = [Text((0, 0, side, height), 0.8), Text((0, 10, side, height - 10), 0.9)]
    got = with_margins(lines, side, side)
    assert got[2:] == ([Text((0, 0, side, side), 0.9)] if all_of_it else [])


@pytest.mark.parametrize(
    ("box", "filled"),
    [
        ((100, 100, 300, 140), (60, 90, 340, 150)),  # lying, 40 high
        ((100, 100, 140, 300), (90, 60, 150, 340)),  # standing
        ((10, 5, 300, 45), (0, 0, 340, 55)),  # the picture ends
        ((250, 440, 490, 480), (210, 430, 500, 490)),
        ((100, 100, 300, 112), (88, 97, 312, 115)),  # 12 high
        ((150, 120, 400, 320), (70, 100, 480, 340)),  # several lines
    ],
)
def test_each_line_gets_a_margin(box: Rectangle, filled: Rectangle) -> None:
    """A line's height along it, a quarter across it, within the picture."""
    assert with_margins([Text(box, 0.9)], 490, 500) == [Text(filled, 0.9)]


def test_of_nothing_nothing_is_filled() -> None:
    """Also in a small picture."""
    assert with_margins([], 16, 16) == []
