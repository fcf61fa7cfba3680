"""What a reading is worth: whether it is text, and where its line ends."""

from __future__ import annotations

import enum

from watcher.scrub.pixels.planes import Plane
from watcher.scrub.pixels.reader import Reader, Words
from watcher.scrub.pixels.regions import Rectangle

# On the textness map, 0 to 1: what is looked at where nothing speaks for text yet (of 210 planted
# strings none scored below 0.75), and what is text even if nobody can read it (of 268 finds in
# text-free pictures none scored as much, of 85 small planted strings all but 2).
GATE, SURE = 0.60, 0.90
# In a picture that holds other text, what passes the gate at the fine scale and reaches this at a
# coarser one is text: in 1,080 pictures in which all but one string had been filled nothing else
# reached it any more, but for what takes a quarter of a picture.
SURE_COARSE = 0.95
# What nobody can read is no line of text when it fills more of the picture; beside a line of text,
# of which it may be the rest, when it fills still more.
TOO_LARGE, TOO_LARGE_BESIDE = 0.25, 0.40
# Of the recogniser: when a find counts as text, and when a reading that grew is still the line.
READ_SCORE, READ_LETTERS, GROWN_SCORE = 0.60, 2, 0.75
# A reading of fewer different letters (anatomy reads as 88, 111, 8o0) needs a surer eye or reader;
# a single letter both, in a picture that holds text.
VARIETY, EYE_SURE, READ_SURE = 3, 0.75, 0.85
# So many different letters are no anatomy, though the recogniser is unsure of each, as it is of
# letters made of dots: a find that the map is sure of, and that reads as so much.
LONG, LONG_SCORE, LONG_EYE = 6, 0.40, 0.90
# Pixels: a line so high is easily read, or it is anatomy; from the first height on, if it reads as
# few different letters.
_HIGH, _LARGE = 80, 128
_STEPS = 12  # by which a line may grow at either end


class Opinion(enum.Enum):
    """What a second look makes of a find."""

    TEXT = enum.auto()
    MARKER = enum.auto()
    UNREADABLE = enum.auto()


class Readings:
    """What the recogniser reads in the planes of one look; nothing is read twice."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: dict[tuple[int, Rectangle], Words] = {}

    def of(self, plane: Plane, box: Rectangle) -> Words:
        """A box read as one line."""
        key = id(plane), box
        if key not in self._known:
            self._known[key] = self._reader.read(plane, box)
        return self._known[key]


def is_text(read: Words, eye: float, height: int, more: bool) -> bool:
    """Whether it counts as text where the map scored `eye`, in a line of so many pixels; `more`
    says that other text was found in the picture.
    """
    if more and read.letters == 1:
        return eye >= EYE_SURE and read.score >= READ_SURE
    sure = eye >= LONG_EYE and read.variety >= LONG and read.score >= LONG_SCORE
    if sure and height <= _LARGE:
        return True
    if read.score < READ_SCORE or read.letters < READ_LETTERS:
        return False
    if height > _LARGE:
        return read.variety >= VARIETY and read.score >= READ_SURE
    if height > _HIGH and read.variety < VARIETY and read.score < READ_SURE:
        return False
    if read.variety >= VARIETY or eye >= EYE_SURE:
        return True
    return read.score >= READ_SURE and read.variety > 1


def completed(plane: Plane, box: Rectangle, readings: Readings) -> Rectangle:
    """The box grown along its line for as long as more letters can be read in it."""
    letters = readings.of(plane, box).letters
    for end in (0, 1):
        for _ in range(_STEPS):
            longer = _longer(box, end, plane.shape)
            read = readings.of(plane, longer)
            if longer == box or read.letters <= letters or read.score < GROWN_SCORE:
                break
            box, letters = longer, read.letters
    return box


def _longer(box: Rectangle, end: int, shape: tuple[int, ...]) -> Rectangle:
    """A box one step longer at its left or upper (0), or at its right or lower (1) end."""
    left, top, right, bottom = box
    step = max(8, min(right - left, bottom - top))
    if bottom - top > right - left:
        return (left, max(0, top - step * (1 - end)), right, min(shape[0], bottom + step * end))
    return (max(0, left - step * (1 - end)), top, min(shape[1], right + step * end), bottom)
