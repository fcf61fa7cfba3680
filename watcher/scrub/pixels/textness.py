"""How much each place of a picture looks like overlaid text: a small network of our own.

Its 50 thousand weights were trained on text drawn over packaged sample files and made-up anatomy;
they run in milliseconds where a scene text detector takes a second, and see smaller letters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from watcher.scrub.pixels.engine import Engine
from watcher.scrub.pixels.planes import Plane
from watcher.scrub.pixels.regions import Rectangle

MODEL = Path(__file__).parent / "textness.onnx"
_CELL = 4  # pixels of a picture to one cell of the map
_WINDOW = (17, 17)
_SCALES = (1, 2, 4, 8)
_SMALLEST = 24  # pixels: below that a shrunken picture holds no line of text
_TILE, _OVERLAP = 2048, 64
# A find of a coarser scale is dropped when it is so thin, in cells, that the finer scale would
# have seen it whole.
_THIN = 3
# A find that fills less of its bounding box is two lines that meet, and is taken apart.
_COMPACT = 0.7
# Parts smaller than this share of the largest are left to the next look.
_CRUMB = 0.1

Map = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Find:
    """A place that looks like text: the boxes that cover it, and how much it does (0 to 1).

    `scale` says by how much the picture was shrunk when it was seen.
    """

    boxes: tuple[Rectangle, ...]
    score: float
    scale: int = 1

    @property
    def box(self) -> Rectangle:
        """The rectangle around all its boxes."""
        lefts, tops, rights, bottoms = zip(*self.boxes, strict=True)
        return (min(lefts), min(tops), max(rights), max(bottoms))


class Textness:
    """The network, loaded once."""

    def __init__(self) -> None:
        self._engine = Engine(MODEL)

    def find(self, plane: Plane, peak: float, edge: float) -> list[Find]:
        """Places where the map reaches `peak`, as far as it stays above `edge`; fine ones first.

        Large letters show whole in a shrunken picture only, so every scale is looked at.
        """
        found: list[Find] = []
        for scale in _SCALES:
            if scale > 1 and min(plane.shape) // scale < _SMALLEST:
                break
            cells = self.map(_shrunk(plane, scale))
            for place, score in _places(cells, peak, edge):
                if scale == 1 or min(place.inside.shape) >= _THIN:
                    found.append(_find(place, score, scale, plane.shape))
        return found

    def map(self, plane: Plane) -> Map:
        """(rows / 4, columns / 4), rounded up, 0 to 1; large pictures go through in tiles."""
        rows, columns = plane.shape
        cells = np.zeros((-(-rows // _CELL), -(-columns // _CELL)), np.float32)
        for top in range(0, rows, _TILE):
            for left in range(0, columns, _TILE):
                above, before = min(top, _OVERLAP), min(left, _OVERLAP)
                tile = plane[
                    top - above : top + _TILE + _OVERLAP, left - before : left + _TILE + _OVERLAP
                ]
                answer = self._tile(tile)[above // _CELL :, before // _CELL :]
                place = cells[top // _CELL :, left // _CELL :]
                height, width = (min(_TILE // _CELL, n) for n in place.shape)
                place[:height, :width] = answer[:height, :width]
        return cells

    def _tile(self, tile: Plane) -> Map:
        rows, columns = tile.shape
        padded = np.pad(tile, ((0, -rows % 8), (0, -columns % 8)), mode="edge")
        (answer,) = self._engine.run(inputs(padded)[None])
        cells: Map = answer[0, 0, : -(-rows // _CELL), : -(-columns // _CELL)]
        return cells


def inputs(plane: Plane) -> NDArray[np.float32]:
    """The two channels the network sees: brightness, and brightness within its surroundings.

    In place and without temporaries: fresh memory costs more here than the arithmetic.
    """
    channels = np.empty((2, *plane.shape), np.float32)
    brightness, local = channels
    np.multiply(plane, np.float32(1 / 255), out=brightness)
    brightness -= np.float32(0.5)
    mean = cv2.boxFilter(plane, cv2.CV_32F, _WINDOW, borderType=cv2.BORDER_REFLECT_101)
    spread = cv2.sqrBoxFilter(plane, cv2.CV_32F, _WINDOW, borderType=cv2.BORDER_REFLECT_101)
    cv2.multiply(mean, mean, dst=local)
    cv2.subtract(spread, local, dst=spread)
    np.maximum(spread, np.float32(0), out=spread)
    cv2.sqrt(spread, dst=spread)
    np.add(spread, np.float32(6), out=spread)
    np.subtract(plane, mean, out=local)
    cv2.divide(local, spread, dst=local, scale=1 / 3)
    return channels


def _shrunk(plane: Plane, scale: int) -> Plane:
    if scale == 1:
        return plane
    size = (max(8, plane.shape[1] // scale), max(8, plane.shape[0] // scale))
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.uint8)


@dataclass(frozen=True, slots=True)
class _Place:
    """A connected part of the map: its top left cell, and which cells of its window it has."""

    left: int
    top: int
    inside: NDArray[np.bool_]


def _places(cells: Map, peak: float, edge: float) -> Iterator[tuple[_Place, float]]:
    """Each connected part above `edge` that reaches `peak`, with its greatest value."""
    if cells.max(initial=0) < peak:
        return
    mask = (cells > edge).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    for label in range(1, count):
        left, top, width, height, area = (int(v) for v in stats[label])
        window = np.s_[top : top + height, left : left + width]
        inside = labels[window] == label
        score = float(cells[window][inside].max())
        if score >= peak:
            if area >= _COMPACT * width * height:
                inside = np.ones_like(inside)
            yield _Place(left, top, inside), score


def _find(place: _Place, score: float, scale: int, shape: tuple[int, ...]) -> Find:
    """In pixels of the picture, with a margin for what the threshold cut off."""
    side = _CELL * scale
    margin = max(_CELL, side // 2)
    boxes = [
        (
            max(0, (place.left + left) * side - margin),
            max(0, (place.top + top) * side - margin),
            min(shape[1], (place.left + right) * side + margin),
            min(shape[0], (place.top + bottom) * side + margin),
        )
        for left, top, right, bottom in _parts(place.inside)
    ]
    return Find(tuple(boxes), score, scale)


def _parts(inside: NDArray[np.bool_]) -> list[Rectangle]:
    """Rectangles around the lying and around the standing parts of a place, the largest first."""
    if inside.all():
        return [(0, 0, inside.shape[1], inside.shape[0])]
    lying = _runs(inside) >= _runs(inside.T).T
    parts: list[Rectangle] = []
    for part in (inside & lying, inside & ~lying):
        _, _, stats, _ = cv2.connectedComponentsWithStats(part.view(np.uint8), connectivity=8)
        parts += [(int(x), int(y), int(x + w), int(y + h)) for x, y, w, h, _ in stats[1:]]
    parts.sort(key=_size, reverse=True)
    return [part for part in parts if _size(part) >= _CRUMB * _size(parts[0])]


def _size(part: Rectangle) -> int:
    return (part[2] - part[0]) * (part[3] - part[1])


def _runs(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """For each True cell the length of the run of True cells in its row."""
    lengths = np.zeros(mask.shape, np.intp)
    for row, line in zip(lengths, mask, strict=True):
        edges = np.flatnonzero(np.diff(line, prepend=False, append=False))
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            row[start:stop] = stop - start
    return lengths
