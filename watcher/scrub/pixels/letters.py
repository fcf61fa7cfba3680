"""No letter is cut in half: a box grows to the ends of the strokes that cross its border."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from watcher.scrub.pixels.planes import Plane
from watcher.scrub.pixels.regions import Rectangle

# Of a stroke's pixels so many lie in the box; what has less only touches it.
_INSIDE = 0.2


def whole(plane: Plane, box: Rectangle) -> Rectangle:
    """The box, grown by at most its own height, around all strokes that begin in it and end there.

    Ink and ground are told apart by Otsu's threshold within the box, and either may be the ink:
    the ground does not end near the box, so it counts for nothing.
    """
    left, top, right, bottom = box
    more = min(right - left, bottom - top)
    outer = (
        max(0, left - more),
        max(0, top - more),
        min(plane.shape[1], right + more),
        min(plane.shape[0], bottom + more),
    )
    shown = np.ascontiguousarray(plane[outer[1] : outer[3], outer[0] : outer[2]])
    inner = (left - outer[0], top - outer[1], right - outer[0], bottom - outer[1])
    level, _ = cv2.threshold(
        np.ascontiguousarray(plane[top:bottom, left:right]), 0, 255, cv2.THRESH_OTSU
    )
    ends = [inner]
    for ink in (shown > level, shown <= level):
        ends += _strokes(ink.astype(np.uint8), inner, _open_sides(outer, plane.shape))
    lefts, tops, rights, bottoms = zip(*ends, strict=True)
    return (
        outer[0] + min(lefts),
        outer[1] + min(tops),
        outer[0] + max(rights),
        outer[1] + max(bottoms),
    )


def _open_sides(outer: Rectangle, shape: tuple[int, ...]) -> tuple[bool, bool, bool, bool]:
    """At which sides the picture goes on."""
    return outer[0] > 0, outer[1] > 0, outer[2] < shape[1], outer[3] < shape[0]


def _strokes(
    ink: NDArray[np.uint8], inner: Rectangle, open_sides: tuple[bool, bool, bool, bool]
) -> list[Rectangle]:
    """Boxes of what lies in `inner` in part and ends before an open side of the picture."""
    left, top, right, bottom = inner
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    within = np.bincount(labels[top:bottom, left:right].ravel(), minlength=count)
    rows, columns = ink.shape
    found = []
    for label in range(1, count):
        x, y, width, height, area = (int(n) for n in stats[label])
        touches = (x == 0, y == 0, x + width == columns, y + height == rows)
        goes_on = any(t and o for t, o in zip(touches, open_sides, strict=True))
        if within[label] >= max(1, _INSIDE * area) and not goes_on:
            found.append((x, y, x + width, y + height))
    return found
