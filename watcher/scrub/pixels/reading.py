"""Finding the text of one picture: look, ask for a second opinion, fill, look again."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watcher.errors import RefusedError
from watcher.model import Reason
from watcher.scrub.pixels.letters import whole
from watcher.scrub.pixels.marks import Markers, OwnWords
from watcher.scrub.pixels.opinions import (
    EYE_SURE,
    GATE,
    SURE,
    SURE_COARSE,
    TOO_LARGE,
    TOO_LARGE_BESIDE,
    VARIETY,
    Opinion,
    Readings,
    completed,
    is_text,
)
from watcher.scrub.pixels.picture import (
    SMALL,
    Budget,
    Picture,
    Text,
    area,
    gap,
    overlap,
    paint,
    share_of,
)
from watcher.scrub.pixels.planes import Plane, locally
from watcher.scrub.pixels.reader import Reader, Words
from watcher.scrub.pixels.regions import Rectangle
from watcher.scrub.pixels.rests import rests
from watcher.scrub.pixels.textness import Find, Textness

# On the textness map: what is looked at again (a coarse scale sees more that is none), and how far
# a find reaches.
LOOK, LOOK_COARSE, EDGE = 0.40, 0.60, 0.40
# In a small picture, at any scale, for letters that overfill it look like nothing else and hardly
# like letters: what is looked at beside text, and what is text.
LOOK_SMALL, SURE_SMALL = 0.30, 0.70
# What does not pass there when nobody can read it, at the fine scale and at a coarser one: of 92
# ordinary ones none has a find of as much; the greatest are 0.54 and 0.37.
DOUBT_SMALL, DOUBT_COARSE = 0.55, 0.45
GATE_COARSE = 0.75  # as GATE
# What is enough for a suspect picture of a known device to be read in full: a find that scores
# EYE_SURE, or one of LOOK of which a letter can be read.
HALF_READ = 0.50
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
_SHARED = 0.8  # of a fine find that a coarse one shows, too
_ONE_LINE = 0.9  # but what reads as well as this is one line, which was found in part


@functools.cache
def networks() -> tuple[Textness, Reader]:
    """Loaded once in a process, whichever customer needs them first. Raises ConfigError."""
    return Textness(), Reader()


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a frame of `size` pixels, in which `lines` of text are filled already."""

    readings: Readings
    words: OwnWords
    size: int
    lines: list[Rectangle]

    @property
    def small(self) -> bool:
        """Whether the frame shows little."""
        return self.size <= SMALL

    def is_text(self, find: Find, others: Iterable[Find] = ()) -> bool:
        """Whether it is text though nobody can read it: sure, and no larger than a line is; in a
        small picture of any size; in one that holds text also what is sure seen coarsely only, as
        letters made of dots are. `others` were found with it.
        """
        if self.small:
            return find.score >= SURE_SMALL
        beside = any(gap(line, box) <= 0 for line in self.lines for box in find.boxes)
        most = (TOO_LARGE_BESIDE if beside else TOO_LARGE) * self.size
        if find.scale > 1 or area(find.boxes) >= most:
            return False
        again = self.lines and any(_shows_again(other, find) for other in others)
        return find.score >= (GATE if again else SURE)


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
        first: list[Find] | None = None
        full, due = False, bool(faint)
        for _ in range(_ROUNDS):
            finds = self._likely(planes, picture.small)
            first = [find for some in finds for find in some] if first is None else first
            eager = bool(found) or picture.keen
            look = Look(Readings(self._reader), words, picture.size, [text.box for text in found])
            fresh = list(self._look(planes, finds, look, eager=eager))
            due |= bool(fresh) or _in_doubt(picture, planes, finds, look.readings, budget)
            if not fresh and not full and due and budget.spend():
                full = True
                fresh = list(self._read_in_full(planes, faint, look))
            fresh = fresh or list(rests(first, found, picture))
            if not fresh:
                return found
            found += fresh
            paint(planes + faint, fresh, fill)
        raise RefusedError(Reason.BURNED_IN, "text left after redaction")

    def puzzles(self, picture: Picture) -> bool:
        """Whether a small picture without text shows what is half like letters, and no marker."""
        if not picture.small:
            return False
        boxes = [
            (plane, box)
            for plane, finds in zip(picture.planes, self._likely(picture.planes, True), strict=True)
            for find in finds
            if find.score >= (DOUBT_SMALL if find.scale == 1 else DOUBT_COARSE)
            for box in find.boxes
        ]
        return not all(self._may_stay(self._reader.read(plane, box)) for plane, box in boxes)

    def seen(self, planes: list[Plane]) -> list[Rectangle]:
        """Boxes of all that looks like text, read or not."""
        return [find.box for plane in planes for find in self._textness.find(plane, LOOK, EDGE)]

    def _likely(self, planes: list[Plane], small: bool) -> list[list[Find]]:
        least = LOOK_SMALL if small else LOOK
        return [self._textness.find(plane, least, min(least, EDGE)) for plane in planes]

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

    def _look(
        self,
        planes: list[Plane],
        finds: list[list[Find]],
        look: Look,
        *,
        eager: bool,
    ) -> Iterator[Text]:
        """The gate and the first reader: what the textness map shows, fine scales first."""
        fine, coarse = (LOOK, LOOK_COARSE) if eager else (GATE, GATE_COARSE)
        if look.small:
            fine = coarse = LOOK_SMALL if eager else LOOK
        for plane, seen in zip(planes, finds, strict=True):
            likely = [f for f in seen if f.score >= (fine if f.scale == 1 else coarse)]
            yield from self._judged(plane, likely, look, unread=True)

    def _read_in_full(self, planes: list[Plane], faint: list[Plane], look: Look) -> Iterator[Text]:
        """What either network finds at more contrasts and scales, and the recogniser can read."""
        for number, plane in enumerate(planes + faint):
            finds = list(self._detected(plane))
            if number >= len(planes):
                finds += self._textness.find(plane, LOOK, EDGE)
            yield from self._judged(plane, finds, look, unread=False)
        for plane in [locally(plane) for plane in planes]:  # each kept: readings know it by id
            # Small letters only: edges of anatomy are equally strong there, and read as large ones.
            finds = [f for f in self._textness.find(plane, LOOK, EDGE) if f.scale == 1]
            yield from self._judged(plane, finds, look, unread=False)

    def _judged(
        self, plane: Plane, finds: list[Find], look: Look, *, unread: bool
    ) -> Iterator[Text]:
        """What of the finds is text: what can be read, with `unread` also what need not be."""
        known = np.zeros(plane.shape, bool)
        left: list[Find] = []
        for find in finds:
            share = share_of(known, find.boxes)
            if share >= _KNOWN:
                continue
            if find.scale > 1 and share >= _KNOWN_COARSE:
                lines = [box for box in find.boxes[:_PARTS] if self._is_line(plane, box, look)]
                yield from _accept(plane, lines, find.score, known)
                continue
            opinions = {
                box: self._opinion(plane, box, find.score, look) for box in find.boxes[:_PARTS]
            }
            text = [box for box, opinion in opinions.items() if opinion is Opinion.TEXT]
            if text:
                complete = area(text) >= _MOST * area(find.boxes)
                lines = [completed(plane, box, look.readings) for box in text]
                yield from _accept(
                    plane, [*lines, *(find.boxes if complete else ())], find.score, known
                )
            elif Opinion.UNREADABLE in opinions.values():
                left.append(find)
        for find in left:
            if unread and look.is_text(find, finds) and share_of(known, find.boxes) < _MOST:
                yield from _accept(plane, find.boxes, find.score, known)

    def _opinion(self, plane: Plane, box: Rectangle, eye: float, look: Look) -> Opinion:
        """What the recogniser says of one box that looked like text as much as `eye`."""
        left, top, right, bottom = box
        read = look.readings.of(plane, box)
        if look.words.found_in(read.text):
            return Opinion.TEXT
        if self._may_stay(read):
            return Opinion.MARKER
        if is_text(read, eye, min(right - left, bottom - top), bool(look.lines)):
            return Opinion.TEXT
        return Opinion.UNREADABLE

    def _is_line(self, plane: Plane, box: Rectangle, look: Look) -> bool:
        read = look.readings.of(plane, box)
        sure = read.score >= _ONE_LINE and read.letters >= VARIETY
        return sure and self._opinion(plane, box, 0.0, look) is Opinion.TEXT

    def _may_stay(self, read: Words) -> bool:
        return read.score >= _MARKER_SCORE and self._markers.allow(read.text)


def _in_doubt(
    picture: Picture,
    planes: list[Plane],
    finds: list[list[Find]],
    readings: Readings,
    budget: Budget,
) -> bool:
    """Whether something nearly is text, or can nearly be read; in a small picture any find, once:
    of a clip the other readings are for frames that show text.
    """
    seen = [(p, find) for p, some in zip(planes, finds, strict=True) for find in some]
    if picture.small and budget.spent == 0 and any(find.score >= LOOK for _, find in seen):
        return True
    if not picture.keen:
        return False
    if any(find.score >= EYE_SURE for _, find in seen):
        return True
    reads = (readings.of(p, box) for p, find in seen for box in find.boxes[:_PARTS])
    return any(read.score >= HALF_READ and read.letters for read in reads)


def _shows_again(coarse: Find, fine: Find) -> bool:
    """Whether a coarse find is sure of what a fine one shows."""
    sure = coarse.scale > 1 and coarse.score >= SURE_COARSE
    return sure and overlap(coarse.box, fine.box) >= _SHARED * area([fine.box])


def _accept(
    plane: Plane, boxes: Iterable[Rectangle], score: float, known: NDArray[np.bool_]
) -> Iterator[Text]:
    for box in dict.fromkeys(whole(plane, box) for box in boxes):
        left, top, right, bottom = box
        known[top:bottom, left:right] = True
        yield Text(box, score)
