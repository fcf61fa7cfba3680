"""Finding the text of one picture: look, ask for a second opinion, fill, look again."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from watcher.errors import RefusedError
from watcher.model import Reason
from watcher.scrub.pixels.marks import Markers, OwnWords
from watcher.scrub.pixels.planes import Plane
from watcher.scrub.pixels.reader import Reader, Words
from watcher.scrub.pixels.regions import Rectangle
from watcher.scrub.pixels.textness import Find, Textness

# On the textness map: what is looked at again, how far a find reaches, what is text without asking.
LOOK, EDGE, SURE = 0.30, 0.30, 0.97
# Of the recogniser: when a find that was looked at again counts as text.
READ_SCORE, READ_LETTERS = 0.60, 2
# Of the scene text detector, on pictures that are suspect or hold text: scales and least score.
SCALES, DETECTED = (1.0,), 0.60
_MARKER_SCORE = 0.90
_ROUNDS = 4
# A find is known when accepted ones cover this share of it.
_EXPLAINED = 0.5
_PARTS = 4  # of a find that are read, the largest first


class Opinion(enum.Enum):
    """What a second look makes of a find."""

    TEXT = enum.auto()
    MARKER = enum.auto()
    UNREADABLE = enum.auto()


@dataclass(frozen=True, slots=True)
class Text:
    """A place with text: its box, and the score of whoever was surest of it."""

    box: Rectangle
    score: float

    def moved(self, right: int, down: int) -> Text:
        """The same text, seen from a picture that starts further left and up."""
        a, b, c, d = self.box
        return replace(self, box=(a + right, b + down, c + right, d + down))


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


class PictureReader:
    """Reads planes with both networks. Keeps nothing of what it reads."""

    def __init__(self, markers: Markers) -> None:
        self._textness = Textness()
        self._reader = Reader()
        self._markers = markers

    def texts(
        self,
        planes: list[Plane],
        fill: int,
        words: OwnWords,
        budget: Budget,
        thorough: bool,
    ) -> list[Text]:
        """All text of one picture, proved by looking again with the text filled.

        A picture that holds text, or is to be read thoroughly, is also read in full while the
        budget lasts. Raises RefusedError(BURNED_IN) when text is left after the last round.
        """
        planes = [plane.copy() for plane in planes]
        found: list[Text] = []
        full = False
        for _ in range(_ROUNDS):
            fresh = list(self._look(planes, words))
            if not fresh and not full and (found or thorough) and budget.spend():
                full = True
                fresh = list(self._read_in_full(planes, words))
            if not fresh:
                return found
            found += fresh
            paint(planes, fresh, fill)
        raise RefusedError(Reason.BURNED_IN, "text left after redaction")

    def _look(self, planes: list[Plane], words: OwnWords) -> Iterator[Text]:
        """The gate and the first reader: what the textness map shows, coarse finds first."""
        for plane in planes:
            known = np.zeros(plane.shape, bool)
            unsure: list[Find] = []
            for find in self._textness.find(plane, LOOK, EDGE):
                if _share(known, find) >= _EXPLAINED:
                    continue
                opinion = self._opinion(plane, find, words)
                if opinion is Opinion.TEXT:
                    yield from _accept(find, known)
                elif opinion is Opinion.UNREADABLE and find.score >= SURE:
                    unsure.append(find)
            for find in reversed(unsure):
                if _share(known, find) < _EXPLAINED:
                    yield from _accept(find, known)

    def _read_in_full(self, planes: list[Plane], words: OwnWords) -> Iterator[Text]:
        """The scene text detector's turn: what it is sure of and the recogniser can read."""
        for plane in planes:
            known = np.zeros(plane.shape, bool)
            for scale in SCALES:
                for find in self._reader.find(plane, scale, DETECTED):
                    if self._opinion(plane, find, words) is Opinion.TEXT:
                        yield from _accept(find, known)

    def _opinion(self, plane: Plane, find: Find, words: OwnWords) -> Opinion:
        """What the recogniser says of a find; text in one of its boxes makes it text."""
        opinions = {self._one(plane, box, words) for box in find.boxes[:_PARTS]}
        if Opinion.TEXT in opinions:
            return Opinion.TEXT
        return Opinion.UNREADABLE if Opinion.UNREADABLE in opinions else Opinion.MARKER

    def _one(self, plane: Plane, box: Rectangle, words: OwnWords) -> Opinion:
        read = self._reader.read(plane, box)
        if words.found_in(read.text):
            return Opinion.TEXT
        if self._may_stay(read):
            return Opinion.MARKER
        if read.score >= READ_SCORE and read.letters >= READ_LETTERS:
            return Opinion.TEXT
        return Opinion.UNREADABLE

    def _may_stay(self, read: Words) -> bool:
        return read.score >= _MARKER_SCORE and self._markers.allow(read.text)


def _accept(find: Find, known: NDArray[np.bool_]) -> Iterator[Text]:
    for box in find.boxes:
        left, top, right, bottom = box
        known[top:bottom, left:right] = True
        yield Text(box, find.score)


def _share(known: NDArray[np.bool_], find: Find) -> float:
    """Share of a find that accepted ones cover."""
    parts = [known[top:bottom, left:right] for left, top, right, bottom in find.boxes]
    return sum(int(p.sum()) for p in parts) / max(1, sum(p.size for p in parts))


def paint(planes: list[Plane], texts: Iterable[Text], fill: int) -> None:
    """Fill the boxes of `texts` in place, as `masked` will fill the stored values."""
    for text in texts:
        left, top, right, bottom = text.box
        for plane in planes:
            plane[top:bottom, left:right] = np.uint8(fill)
