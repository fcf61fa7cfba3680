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
from watcher.scrub.pixels.scan import Scan

MODEL = Path(__file__).parent / "textness.onnx"
_CELL = 4  # pixels of a picture to one cell of the map
_WINDOW = (17, 17)
_SCALES = (1, 2, 4, 8)
_SMALLEST = 24  # pixels: below that a shrunken picture holds no line of text
_TILE = 1024
# The scan passes what reaches this; then the network sees so much around it, and is believed but
# for a rim, where it lacks surroundings. All in pixels, multiples of the cells of both networks.
SUSPICION = 0.35
# Of 183 planted strings one scored below 0.7 on the scan, on a screen that is read in full anyway.
HINT = 0.20
_HALO, _RIM = 48, 24
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
    """The network, loaded once, and the cheap one that says where it has to look."""

    def __init__(self) -> None:
        self._engine = Engine(MODEL)
        self._scan = Scan()

    def find(self, plane: Plane, peak: float, edge: float) -> list[Find]:
        """Places where the map reaches `peak`, as far as it stays above `edge`; fine ones first.

        Large letters show whole in a shrunken picture only, so every scale is looked at.
        """
        found: list[Find] = []
        shrunk = plane
        for scale in _SCALES:
            if scale > 1:
                shrunk = _halved(shrunk)
            if scale > 1 and min(shrunk.shape) < _SMALLEST:
                break
            for place, score in _places(self.map(shrunk), peak, edge):
                if scale == 1 or min(place.inside.shape) >= _THIN:
                    found.append(_find(place, score, scale, plane.shape))
        return found

    def hints(self, plane: Plane) -> list[Rectangle]:
        """Where the scan sees the least sign of small text, with room around it."""
        return self._scan.windows(plane, HINT, _HALO)

    def map(self, plane: Plane) -> Map:
        """(rows / 4, columns / 4), rounded up, 0 to 1; 0 where nothing could be text."""
        rows, columns = plane.shape
        cells = np.zeros((-(-rows // _CELL), -(-columns // _CELL)), np.float32)
        for window in self._scan.windows(plane, SUSPICION, _HALO):
            for tile in _tiles(window):
                self._look(plane, tile, cells)
        return cells

    def _look(self, plane: Plane, box: Rectangle, cells: Map) -> None:
        """Fill in the cells of one box, its rim only where the picture ends there."""
        rows, columns = plane.shape
        left, top, right, bottom = box
        answer = self._tile(plane[top:bottom, left:right])
        inner = (
            left + _RIM * (left > 0),
            top + _RIM * (top > 0),
            right - _RIM * (right < columns),
            bottom - _RIM * (bottom < rows),
        )
        a, b, c, d = (-(-n // _CELL) for n in inner)
        cells[b:d, a:c] = answer[b - top // _CELL : d - top // _CELL, a - left // _CELL :][
            :, : c - a
        ]

    def _tile(self, tile: Plane) -> Map:
        rows, columns = tile.shape
        # Mirrored: repeated edges are stripes, and stripes of noise look like letters.
        below, after = -rows % 8, -columns % 8
        padded = cv2.copyMakeBorder(tile, 0, below, 0, after, cv2.BORDER_REFLECT_101)
        (answer,) = self._engine.run(inputs(np.asarray(padded, np.uint8))[None])
        cells: Map = answer[0, 0, : -(-rows // _CELL), : -(-columns // _CELL)]
        return cells


def _tiles(window: Rectangle) -> Iterator[Rectangle]:
    """A window in parts that overlap by two rims, so that memory stays small."""
    left, top, right, bottom = window
    for upper in range(top, max(top + 1, bottom - 2 * _RIM), _TILE):
        for before in range(left, max(left + 1, right - 2 * _RIM), _TILE):
            yield (
                before,
                upper,
                min(right, before + _TILE + 2 * _RIM),
                min(bottom, upper + _TILE + 2 * _RIM),
            )


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


def _halved(plane: Plane) -> Plane:
    """Half the rows and columns; an odd last one is left to the scale before."""
    rows, columns = plane.shape
    size = (columns // 2, rows // 2)
    if not min(size):
        return plane[:0]
    even = plane[: size[1] * 2, : size[0] * 2]
    return np.asarray(cv2.resize(even, size, interpolation=cv2.INTER_AREA), np.uint8)


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
