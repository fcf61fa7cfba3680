"""How much more is filled than what was seen."""

from __future__ import annotations

import pytest

from watcher.scrub.pixels.margins import with_margins
from watcher.scrub.pixels.picture import Text
from watcher.scrub.pixels.regions import Rectangle


@pytest.mark.parametrize(
    ("side", "line", "lines", "all_of_it"),
    [
        (128, 33, 1, True),
        (100, 32, 1, True),
        (128, 32, 1, False),  # a quarter, not more
        (128, 20, 3, True),
        (132, 44, 1, False),  # no tiny picture
    ],
)
def test_a_tiny_picture_that_text_overfills_is_filled_whole(
    side: int, line: int, lines: int, all_of_it: bool
) -> None:
    """What overlaps counts once; the margin around it does not."""
    texts = [Text((0, n * line, side, n * line + line), 0.8) for n in range(lines)]
    texts.append(Text((0, 10, side, line), 0.9))
    got = with_margins(texts, side, side)
    assert got[len(texts) :] == ([Text((0, 0, side, side), 0.9)] if all_of_it else [])


@pytest.mark.parametrize(
    ("box", "filled"),
    [
        ((100, 100, 300, 140), (60, 90, 340, 150)),  # lying, 40 high
        ((100, 100, 140, 300), (90, 60, 150, 340)),  # standing
        ((10, 5, 300, 45), (0, 0, 340, 55)),  # the picture ends
        ((250, 440, 490, 480), (210, 430, 500, 490)),
        ((100, 100, 300, 112), (94, 100, 306, 112)),  # 12 high
        ((100, 100, 131, 300), (100, 85, 131, 315)),  # 31 high
        ((150, 120, 400, 320), (70, 100, 480, 340)),  # several lines
    ],
)
def test_each_line_gets_a_margin(box: Rectangle, filled: Rectangle) -> None:
    """A large line's height along it, a quarter across it; half of a small one's; within the
    picture."""
    assert with_margins([Text(box, 0.9)], 490, 500) == [Text(filled, 0.9)]


def test_of_nothing_nothing_is_filled() -> None:
    """Also in a small picture."""
    assert with_margins([], 16, 16) == []
