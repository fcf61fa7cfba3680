"""One frame as the readers see it, the text that was found in it, and how that is painted over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from watcher.scrub.pixels.planes import Plane
from watcher.scrub.pixels.regions import Rectangle

SMALL = 1 << 16
"""Pixels of a picture that shows little: a large find or a large letter is no anatomy in it."""


@dataclass(frozen=True, slots=True)
class Text:
    """A place with text: its box, and the score of whoever was surest of it."""

    box: Rectangle
    score: float

    def moved(self, right: int, down: int) -> Text:
        """The same text, seen from a picture that starts further left and up."""
        a, b, c, d = self.box
        return replace(self, box=(a + right, b + down, c + right, d + down))


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame as the readers see it: `faint` planes are for a reading in full only.

    With faint planes it is always read in full, and a `keen` one at the least doubt. `frame` is
    the size in pixels of the frame that a cut one is a part of.
    """

    planes: list[Plane]
    faint: list[Plane]
    keen: bool = False
    frame: int = 0

    @property
    def size(self) -> int:
        """Pixels of the whole frame."""
        return self.frame or self.planes[0].size

    @property
    def small(self) -> bool:
        """Whether the frame shows little."""
        return self.size <= SMALL

    def cut(self, box: Rectangle) -> Picture:
        """The part of it that lies in `box`."""
        left, top, right, bottom = box
        window = np.s_[top:bottom, left:right]
        planes, faint = ([p[window] for p in some] for some in (self.planes, self.faint))
        return Picture(planes, faint, self.keen, self.size)


@dataclass
class Budget:
    """How many pictures of an Instance may still be read in full, and how many were."""

    left: int
    spent: int = 0

    def spend(self) -> bool:
        """Whether one more may be read."""
        if self.left <= 0:
            return False
        self.left -= 1
        self.spent += 1
        return True


def paint(planes: list[Plane], texts: Iterable[Text], fill: int) -> None:
    """Fill the boxes of `texts` in place, as `masked` will fill the stored values."""
    for text in texts:
        left, top, right, bottom = text.box
        for plane in planes:
            plane[top:bottom, left:right] = np.uint8(fill)


def covered(texts: Iterable[Text], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which pixels of a (rows, columns) picture the boxes of `texts` cover."""
    known = np.zeros(shape, bool)
    for text in texts:
        left, top, right, bottom = text.box
        known[top:bottom, left:right] = True
    return known


def gap(one: Rectangle, other: Rectangle) -> int:
    """Pixels between two boxes, across or down, whichever is more; below zero when they overlap."""
    across = max(one[0], other[0]) - min(one[2], other[2])
    down = max(one[1], other[1]) - min(one[3], other[3])
    return max(across, down)


def overlap(one: Rectangle, other: Rectangle) -> int:
    """Pixels that lie in both boxes."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return max(0, across) * max(0, down)


def area(boxes: Iterable[Rectangle]) -> int:
    """Pixels of some boxes; where two overlap they count twice."""
    return sum((right - left) * (bottom - top) for left, top, right, bottom in boxes)


def share_of(known: NDArray[np.bool_], boxes: Iterable[Rectangle]) -> float:
    """Share of some boxes that accepted ones cover."""
    covered = sum(int(known[top:bottom, left:right].sum()) for left, top, right, bottom in boxes)
    return covered / max(1, area(boxes))
