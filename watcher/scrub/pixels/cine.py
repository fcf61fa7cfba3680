"""The text of all frames of an Instance: what changed is looked at, few frames are read in full."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import cv2
import numpy as np

from watcher.errors import RefusedError
from watcher.model import Reason
from watcher.scrub.pixels.marks import OwnWords
from watcher.scrub.pixels.picture import Budget, Picture, Text, paint
from watcher.scrub.pixels.planes import Plane
from watcher.scrub.pixels.reading import PictureReader
from watcher.scrub.pixels.regions import Rectangle

# A pixel that moved by less, in 8-bit steps, since it was looked at shows nothing new; what moved
# is looked at with a border of this many pixels, so that no letter is cut.
_MOVED, _BORDER = 6, 32


@dataclass
class CineReader:
    """Reads one Instance, frame after frame; what is found on one frame is filled on the next."""

    reader: PictureReader
    words: OwnWords
    budget: Budget
    fill: int
    found: list[Text] = field(default_factory=list)
    _seen: list[Plane] = field(default_factory=list)

    def take(self, picture: Picture) -> None:
        """Look at one frame. Raises RefusedError(BURNED_IN) when its text cannot be hidden, or when
        nobody can tell whether the first one, a small one, shows any.
        """
        paint(picture.planes + picture.faint, self.found, self.fill)
        place = self._changed(picture.planes)
        if place is None:
            return
        texts = self.reader.texts(picture.cut(place), self.fill, self.words, self.budget)
        # Of later frames one too many would look like something.
        if not (self._seen or texts) and self.reader.puzzles(picture):
            raise RefusedError(Reason.BURNED_IN, "half like letters, and not to be read")
        self.found += [text.moved(*place[:2]) for text in texts]
        paint(picture.planes, self.found, self.fill)
        self._seen = picture.planes

    def _changed(self, planes: list[Plane]) -> Rectangle | None:
        """The rectangle around all that moved since it was looked at, or None."""
        rows, columns = planes[0].shape
        if len(planes) != len(self._seen):
            return (0, 0, columns, rows)
        moved = [cv2.absdiff(now, before) for now, before in zip(planes, self._seen, strict=True)]
        return _bounds(np.asarray(functools.reduce(cv2.max, moved), np.uint8))


def _bounds(moved: Plane) -> Rectangle | None:
    down, across = (moved.max(axis) > _MOVED for axis in (1, 0))
    lines, columns = np.flatnonzero(down), np.flatnonzero(across)
    if not lines.size:
        return None
    return (
        max(0, int(columns[0]) - _BORDER),
        max(0, int(lines[0]) - _BORDER),
        min(moved.shape[1], int(columns[-1]) + 1 + _BORDER),
        min(moved.shape[0], int(lines[-1]) + 1 + _BORDER),
    )
