"""The second opinion: a scene text detector and a recogniser, with the models of rapidocr's wheel.

Only the models are used (PP-OCRv4, Apache 2.0); what rapidocr wraps around them needs shapely,
pyclipper and a desktop OpenCV.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from watcher.errors import ConfigError
from watcher.scrub.pixels.engine import Engine
from watcher.scrub.pixels.marks import folded
from watcher.scrub.pixels.planes import Plane
from watcher.scrub.pixels.regions import Rectangle
from watcher.scrub.pixels.textness import Find

_DETECTOR, _RECOGNISER = "ch_PP-OCRv4_det_infer.onnx", "ch_PP-OCRv4_rec_infer.onnx"
_STEP = 32  # the detector's sizes are multiples of it
_TILE, _RIM = 1024, 96  # pixels that the detector is shown at a time, and how much they overlap
_LINE = 48  # rows of a line for the recogniser
_LONGEST = 40  # lines are cut after this many times their height
# The detector's own working point: where its map is text, and how sure a whole box must be.
_INK, _GROWN = 0.3, 0.6


@dataclass(frozen=True, slots=True)
class Words:
    """What the recogniser made of a line: characters, and the mean of their probabilities."""

    text: str
    score: float

    @property
    def letters(self) -> int:
        """How many characters are letters or digits."""
        return sum(c.isalnum() for c in self.text)

    @property
    def variety(self) -> int:
        """How many different ones: a row of teeth or of ribs reads as 8800, 111 or OOO."""
        return len(set(folded(self.text)))


class Reader:
    """Detector and recogniser, loaded once."""

    def __init__(self) -> None:
        folder = _models()
        self._detector = Engine(folder / _DETECTOR)
        self._recogniser = Engine(folder / _RECOGNISER)
        characters = self._recogniser.metadata("character").splitlines()
        if not characters:
            raise ConfigError("the recogniser's model names no characters")
        self._characters = ["", *characters, " "]

    def map(self, plane: Plane, scale: float) -> NDArray[np.float32]:
        """The detector's map of a plane shown at `scale`: (rows, columns) of the plane, 0 to 1.

        In tiles: the detector needs a kilobyte for each pixel that it is shown.
        """
        side, rim = int(_TILE / scale), int(_RIM / scale)
        cells = np.zeros(plane.shape, np.float32)
        for top in range(0, plane.shape[0], side):
            for left in range(0, plane.shape[1], side):
                above, before = min(top, rim), min(left, rim)
                tile = plane[top - above : top + side + rim, left - before : left + side + rim]
                place = cells[top : top + side, left : left + side]
                seen = self._tile(tile, scale)[above:, before:]
                place[:] = seen[: place.shape[0], : place.shape[1]]
        return cells

    def _tile(self, plane: Plane, scale: float) -> NDArray[np.float32]:
        rows, columns = (max(_STEP, round(n * scale / _STEP) * _STEP) for n in plane.shape)
        how = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
        shown = cv2.resize(plane, (columns, rows), interpolation=how)
        (answer,) = self._detector.run(_batch(np.asarray(shown)))
        back = cv2.resize(answer[0, 0], plane.shape[::-1], interpolation=cv2.INTER_LINEAR)
        return np.asarray(back, np.float32)

    def find(
        self, plane: Plane, scale: float, least: float, places: Iterable[Rectangle] | None = None
    ) -> list[Find]:
        """Boxes whose mean on the map is at least `least`, grown to hold whole letters; with
        `places` only there.
        """
        cells = np.zeros(plane.shape, np.float32)
        for left, top, right, bottom in [(0, 0, *plane.shape[::-1])] if places is None else places:
            place = np.s_[top:bottom, left:right]
            cells[place] = self.map(plane[place], scale)
        count, labels, stats, _ = cv2.connectedComponentsWithStats((cells > _INK).astype(np.uint8))
        flat = labels.ravel()
        means = np.bincount(flat, cells.ravel(), minlength=count) / np.maximum(stats[:, 4], 1)
        return [
            Find((_grown(stats[i], plane.shape),), float(means[i]))
            for i in range(1, count)
            if means[i] >= least and min(stats[i, 2:4]) >= 2
        ]

    def read(self, plane: Plane, box: Rectangle) -> Words:
        """Read a box as one line: as it lies, and turned when it stands; the surest reading."""
        left, top, right, bottom = box
        crop = plane[top:bottom, left:right]
        return max((self._line(view) for view in _views(crop)), key=lambda w: w.score * w.letters)

    def _line(self, crop: Plane) -> Words:
        rows, columns = crop.shape
        width = int(np.clip(round(columns * _LINE / rows), 16, _LONGEST * _LINE))
        how = cv2.INTER_CUBIC if rows < _LINE else cv2.INTER_AREA
        line = np.asarray(cv2.resize(crop, (width, _LINE), interpolation=how))
        padded = np.zeros((_LINE, max(width, _LINE * 2)), np.uint8)
        padded[:, :width] = line
        (answer,) = self._recogniser.run(_batch(padded))
        return self._decoded(answer[0])

    def _decoded(self, steps: NDArray[np.float32]) -> Words:
        """Greedy CTC: repeated characters are one, the first class is none."""
        best, sure = steps.argmax(1), steps.max(1)
        kept = (best > 0) & np.insert(best[1:] != best[:-1], 0, True)
        text = "".join(self._characters[i] for i in best[kept] if i < len(self._characters))
        return Words(text, float(sure[kept].mean()) if kept.any() else 0.0)


def _models() -> Path:
    """The folder of models in rapidocr's wheel, found without importing it."""
    spec = find_spec("rapidocr_onnxruntime")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if not folders:
        raise ConfigError("the reader's models are missing: rapidocr-onnxruntime is not installed")
    return Path(folders[0]) / "models"


def _batch(shown: NDArray[Any]) -> NDArray[np.float32]:
    scaled = shown.astype(np.float32) / 127.5 - 1
    return np.repeat(scaled[None, None], 3, axis=1)


def _views(crop: Plane) -> Iterator[Plane]:
    """Light and dark, and for a standing line both ways of turning it."""
    lying = [crop]
    if crop.shape[0] > 1.5 * crop.shape[1]:
        lying = [np.rot90(crop), np.rot90(crop, 3)]
    for view in lying:
        yield np.ascontiguousarray(view)


def _grown(stat: NDArray[Any], shape: tuple[int, ...]) -> Rectangle:
    left, top, width, height = (int(v) for v in stat[:4])
    more = int(min(width, height) * _GROWN) + 2
    return (
        max(0, left - more),
        max(0, top - more),
        min(shape[1], left + width + more),
        min(shape[0], top + height + more),
    )
