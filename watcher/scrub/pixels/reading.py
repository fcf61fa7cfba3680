"""Finding the text of one picture: look, ask for a second opinion, fill, look again."""

from __future__ import annotations

import enum
import functools
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from watcher.errors import RefusedError
from watcher.model import Reason
from watcher.scrub.pixels.letters import whole
from watcher.scrub.pixels.marks import Markers, OwnWords
from watcher.scrub.pixels.picture import Budget, Picture, Text, paint
from watcher.scrub.pixels.planes import Plane
from watcher.scrub.pixels.reader import Reader, Words
from watcher.scrub.pixels.regions import Rectangle
from watcher.scrub.pixels.textness import Find, Textness

# On the textness map: what is looked at again (a coarse scale sees more that is none), how far a
# find reaches, and what is text even if nobody can read it: of 268 finds in text-free pictures none
# scored as much, of 85 small planted strings all but 2.
LOOK, LOOK_COARSE, EDGE, SURE = 0.40, 0.60, 0.40, 0.90
# The same where nothing speaks for text yet: of 210 planted strings none scored below 0.75.
GATE, GATE_COARSE = 0.60, 0.75
# What is enough for a suspect picture of a known device to be read in full: a find that scores
# EYE_SURE, or one of DOUBT of which a letter can be read.
DOUBT, HALF_READ = 0.25, 0.50
# Of the recogniser: when a find counts as text, and when a reading that grew is still the line.
READ_SCORE, READ_LETTERS, GROWN_SCORE = 0.60, 2, 0.75
# A reading of fewer different letters (anatomy reads as 88, 111, 8o0) needs a surer eye or reader.
VARIETY, EYE_SURE, READ_SURE = 3, 0.75, 0.85
# Of the scene text detector, on pictures that are suspect or hold text: the least score.
DETECTED = 0.60
_MARKER_SCORE = 0.90
_ROUNDS = 6
_LARGE = 3 << 18  # pixels: what a screen or an ultrasound has is shown twice as large as a whole
_SMALLEST = 24  # pixels: three letters of 8 pixels need as many; a test tile holds no name
_PARTS = 4  # of a find that are read, the largest first
# A find is known when accepted ones cover this share of it; all of it is text when this share is.
# Seen coarsely, lines grow together: then less is enough, the next look sees what was left.
_KNOWN, _KNOWN_COARSE, _MOST = 0.9, 0.3, 0.5
# What nobody can read is no line of text when it fills more of the picture, or when its letters
# are large: those can be read.
_TOO_LARGE = 0.25
_STEPS = 12  # by which a line may grow at either end


class Opinion(enum.Enum):
    """What a second look makes of a find."""

    TEXT = enum.auto()
    MARKER = enum.auto()
    UNREADABLE = enum.auto()


@functools.cache
def networks() -> tuple[Textness, Reader]:
    """Loaded once in a process, whichever customer needs them first. Raises ConfigError."""
    return Textness(), Reader()


class PictureReader:
    """Reads planes with both networks. Keeps nothing of what it reads."""

    def __init__(self, markers: Markers) -> None:
        self._textness, self._reader = networks()
        self._markers = markers

    def texts(self, picture: Picture, fill: int, words: OwnWords, budget: Budget) -> list[Text]:
        """All text of one picture, proved by looking again with the text filled.

        A picture that holds text is also read in full while the budget lasts. Raises
        RefusedError(BURNED_IN) when text is left after the last round.
        """
        if max(picture.planes[0].shape) < _SMALLEST:
            return []
        planes = [plane.copy() for plane in picture.planes]
        faint = [plane.copy() for plane in picture.faint]
        found: list[Text] = []
        full, due = False, bool(faint)
        for _ in range(_ROUNDS):
            finds = [self._textness.find(plane, DOUBT, EDGE) for plane in planes]
            eager = bool(found) or picture.keen
            fresh = list(self._look(planes, finds, words, picture.size, eager=eager))
            due |= bool(fresh) or (picture.keen and self._doubtful(planes, finds))
            if not fresh and not full and due and budget.spend():
                full = True
                fresh = list(self._read_in_full(planes, faint, words))
            if not fresh:
                return found
            found += fresh
            paint(planes + faint, fresh, fill)
        raise RefusedError(Reason.BURNED_IN, "text left after redaction")

    def seen(self, planes: list[Plane]) -> list[Rectangle]:
        """Boxes of all that looks like text, read or not."""
        return [find.box for plane in planes for find in self._textness.find(plane, LOOK, EDGE)]

    def own_words(self, planes: list[Plane], words: OwnWords, thorough: bool) -> bool:
        """Whether one of the file's own words can be read anywhere in the picture."""
        return any(
            words.found_in(self._reader.read(plane, box).text)
            for plane in planes
            for find in self._finds(plane, thorough)
            for box in find.boxes[:_PARTS]
        )

    def _finds(self, plane: Plane, thorough: bool) -> Iterator[Find]:
        yield from self._textness.find(plane, LOOK, EDGE)
        if thorough:
            yield from self._detected(plane)

    def _detected(self, plane: Plane) -> Iterator[Find]:
        """What the scene text detector finds; small letters in a large picture only where the
        scan has a hint of them: shown at twice its size all of it would take half a minute.
        """
        yield from self._reader.find(plane, 1.0, DETECTED)
        places = None if plane.size <= _LARGE else self._textness.hints(plane)
        yield from self._reader.find(plane, 2.0, DETECTED, places)

    def _doubtful(self, planes: list[Plane], finds: list[list[Find]]) -> bool:
        """Whether something nearly is text, or can nearly be read."""
        seen = [(p, find) for p, some in zip(planes, finds, strict=True) for find in some]
        if any(find.score >= EYE_SURE for _, find in seen):
            return True
        reads = (self._reader.read(p, box) for p, find in seen for box in find.boxes[:_PARTS])
        return any(read.score >= HALF_READ and read.letters for read in reads)

    def _look(
        self,
        planes: list[Plane],
        finds: list[list[Find]],
        words: OwnWords,
        size: int,
        *,
        eager: bool,
    ) -> Iterator[Text]:
        """The gate and the first reader: what the textness map shows, fine scales first."""
        fine, coarse = (LOOK, LOOK_COARSE) if eager else (GATE, GATE_COARSE)
        for plane, seen in zip(planes, finds, strict=True):
            likely = [f for f in seen if f.score >= (fine if f.scale == 1 else coarse)]
            yield from self._judged(plane, likely, words, SURE, _TOO_LARGE * size)

    def _read_in_full(
        self, planes: list[Plane], faint: list[Plane], words: OwnWords
    ) -> Iterator[Text]:
        """What either network finds at more contrasts and scales, and the recogniser can read."""
        for number, plane in enumerate(planes + faint):
            finds = list(self._detected(plane))
            if number >= len(planes):
                finds += self._textness.find(plane, LOOK, EDGE)
            yield from self._judged(plane, finds, words, np.inf, 0)

    def _judged(
        self, plane: Plane, finds: list[Find], words: OwnWords, sure: float, most: float
    ) -> Iterator[Text]:
        """What of the finds is text: what can be read, and beyond that what scores `sure` and
        has no more than `most` pixels.
        """
        known = np.zeros(plane.shape, bool)
        unread: list[Find] = []
        for find in finds:
            if _share(known, find.boxes) >= (_KNOWN if find.scale == 1 else _KNOWN_COARSE):
                continue
            opinions = {
                box: self._opinion(plane, box, find.score, words) for box in find.boxes[:_PARTS]
            }
            text = [box for box, opinion in opinions.items() if opinion is Opinion.TEXT]
            if text:
                complete = _area(text) >= _MOST * _area(find.boxes)
                lines = [self._completed(plane, box) for box in text]
                yield from _accept(
                    plane, [*lines, *(find.boxes if complete else ())], find.score, known
                )
            elif Opinion.UNREADABLE in opinions.values():
                unread.append(find)
        for find in unread:
            small = find.scale == 1 and _area(find.boxes) < most
            if find.score >= sure and small and _share(known, find.boxes) < _MOST:
                yield from _accept(plane, find.boxes, find.score, known)

    def _opinion(self, plane: Plane, box: Rectangle, eye: float, words: OwnWords) -> Opinion:
        """What the recogniser says of one box that looked like text as much as `eye`."""
        read = self._reader.read(plane, box)
        if words.found_in(read.text):
            return Opinion.TEXT
        if self._may_stay(read):
            return Opinion.MARKER
        if _is_text(read, eye):
            return Opinion.TEXT
        return Opinion.UNREADABLE

    def _completed(self, plane: Plane, box: Rectangle) -> Rectangle:
        """The box grown along its line for as long as more letters can be read in it."""
        letters = self._reader.read(plane, box).letters
        for end in (0, 1):
            for _ in range(_STEPS):
                longer = _longer(box, end, plane.shape)
                read = self._reader.read(plane, longer)
                if longer == box or read.letters <= letters or read.score < GROWN_SCORE:
                    break
                box, letters = longer, read.letters
        return box

    def _may_stay(self, read: Words) -> bool:
        return read.score >= _MARKER_SCORE and self._markers.allow(read.text)


def _is_text(read: Words, eye: float) -> bool:
    if read.score < READ_SCORE or read.letters < READ_LETTERS:
        return False
    if read.variety >= VARIETY or eye >= EYE_SURE:
        return True
    return read.score >= READ_SURE and read.variety > 1


def _accept(
    plane: Plane, boxes: Iterable[Rectangle], score: float, known: NDArray[np.bool_]
) -> Iterator[Text]:
    for box in dict.fromkeys(whole(plane, box) for box in boxes):
        left, top, right, bottom = box
        known[top:bottom, left:right] = True
        yield Text(box, score)


def _area(boxes: Iterable[Rectangle]) -> int:
    return sum((right - left) * (bottom - top) for left, top, right, bottom in boxes)


def _share(known: NDArray[np.bool_], boxes: Iterable[Rectangle]) -> float:
    """Share of some boxes that accepted ones cover."""
    covered = sum(int(known[top:bottom, left:right].sum()) for left, top, right, bottom in boxes)
    return covered / max(1, _area(boxes))


def _longer(box: Rectangle, end: int, shape: tuple[int, ...]) -> Rectangle:
    """A box one step longer at its left or upper (0), or at its right or lower (1) end."""
    left, top, right, bottom = box
    step = max(8, min(right - left, bottom - top))
    if bottom - top > right - left:
        return (left, max(0, top - step * (1 - end)), right, min(shape[0], bottom + step * end))
    return (max(0, left - step * (1 - end)), top, min(shape[1], right + step * end), bottom)
