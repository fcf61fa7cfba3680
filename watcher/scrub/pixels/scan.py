"""Where a picture could hold text at all: a coarse network that is cheap enough for every pixel.

It sees a picture once at stride 4 and never clears what is there: what it passes is looked at by
the finer network. Only where it is silent nothing else looks.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from watcher.scrub.pixels.engine import Engine
from watcher.scrub.pixels.planes import Plane
from watcher.scrub.pixels.regions import Rectangle, merged

MODEL = Path(__file__).parent / "scan.onnx"
_CELL = 8  # pixels of a picture to one cell of the map
_EDGE = 1  # pixels that the first layer reaches beyond the picture
_STRIP, _OVERLAP = 512, 40  # rows at a time, and how far the layers see
_BRIDGE = np.ones((5, 5), np.uint8)  # what is this near, in cells, belongs together
# More windows than this, or more of the picture in windows, and all of it is looked at.
_MOST_WINDOWS, _MOST_AREA = 24, 0.6


class Scan:
    """The network, loaded once."""

    def __init__(self) -> None:
        self._engine = Engine(MODEL)

    def windows(self, plane: Plane, least: float, halo: int) -> list[Rectangle]:
        """Disjoint rectangles around all cells that reach `least`, `halo` pixels wider each way."""
        cells = self.map(plane)
        if cells.max(initial=0) < least:
            return []
        rows, columns = plane.shape
        joined = cv2.dilate((cells >= least).astype(np.uint8), _BRIDGE)
        count, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
        if count - 1 > _MOST_WINDOWS:
            return [(0, 0, columns, rows)]
        found = merged(_window(stat, halo, rows, columns) for stat in stats[1:])
        area = sum((right - left) * (bottom - top) for left, top, right, bottom in found)
        return found if area < _MOST_AREA * plane.size else [(0, 0, columns, rows)]

    def map(self, plane: Plane) -> NDArray[np.float32]:
        """(rows / 8, columns / 8), rounded up, 0 to 1; 0 at a border of one grey."""
        rows, columns = plane.shape
        cells = np.zeros((-(-rows // _CELL), -(-columns // _CELL)), np.float32)
        place = _lively(plane)
        if place is not None:
            left, top, right, bottom = place
            seen = self._strips(plane[top:bottom, left:right])
            cells[top // _CELL :, left // _CELL :][: len(seen), : seen.shape[1]] = seen
        return cells

    def _strips(self, plane: Plane) -> NDArray[np.float32]:
        rows = len(plane)
        strips = []
        for top in range(0, rows, _STRIP):
            above = min(top, _OVERLAP)
            strip = plane[top - above : top + _STRIP + _OVERLAP]
            answer = self._strip(strip)[above // _CELL :]
            strips.append(answer[: -(-min(_STRIP, rows - top) // _CELL)])
        return np.concatenate(strips)

    def _strip(self, strip: Plane) -> NDArray[np.float32]:
        rows, columns = strip.shape
        below, after = _EDGE + -rows % _CELL, _EDGE + -columns % _CELL
        padded = cv2.copyMakeBorder(strip, _EDGE, below, _EDGE, after, cv2.BORDER_REFLECT_101)
        (answer,) = self._engine.run(np.asarray(padded, np.float32)[None, None])
        cells: NDArray[np.float32] = answer[0, 0]
        return cells


def _lively(plane: Plane) -> Rectangle | None:
    """All but a border of one grey, which shows nothing; as far from it as the layers see.

    Ultrasound is black around its fan, and a plane of colour outside of a colour box.
    """
    rows, columns = plane.shape
    if all(edge.min() != edge.max() for edge in (plane[0], plane[-1], plane[:, 0], plane[:, -1])):
        return (0, 0, columns, rows)
    lines = np.flatnonzero(plane.max(1) != plane.min(1))
    across = np.flatnonzero(plane.max(0) != plane.min(0))
    if not (lines.size and across.size):
        return None
    top, left = (max(0, (int(each[0]) - _OVERLAP) // _CELL * _CELL) for each in (lines, across))
    bottom, right = (int(each[-1]) + 1 + _OVERLAP for each in (lines, across))
    return (left, top, min(columns, right), min(rows, bottom))


def _window(stat: NDArray[Any], halo: int, rows: int, columns: int) -> Rectangle:
    left, top, width, height = (int(v) * _CELL for v in stat[:4])
    return (
        max(0, left - halo),
        max(0, top - halo),
        min(columns, left + width + halo),
        min(rows, top + height + halo),
    )
