"""What a reading is worth, and what becomes of a line that another's box has cut."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest

from watcher.errors import RefusedError
from watcher.scrub.pixels import reading
from watcher.scrub.pixels.cine import CineReader
from watcher.scrub.pixels.marks import Markers, OwnWords
from watcher.scrub.pixels.opinions import Readings, is_text
from watcher.scrub.pixels.picture import Budget, Picture, Text
from watcher.scrub.pixels.planes import Plane
from watcher.scrub.pixels.reader import Reader, Words
from watcher.scrub.pixels.reading import Look, PictureReader
from watcher.scrub.pixels.regions import Rectangle
from watcher.scrub.pixels.rests import rests
from watcher.scrub.pixels.textness import Find, Textness


@pytest.mark.parametrize(
    ("text", "score", "eye", "height", "expected"),
    [
        ("SMITH", 0.7, 0.5, 20, True),
        ("SC", 0.65, 0.97, 60, True),  # large letters in a small picture
        ("SC", 0.65, 0.97, 250, False),  # two lungs
        ("10", 0.72, 0.95, 107, False),  # a vessel
        ("10", 0.90, 0.95, 107, True),
        ("10", 0.72, 0.95, 75, True),
        ("DOE JOHN", 0.9, 0.97, 250, True),
        ("SMITH", 0.5, 0.99, 20, False),
        ("FARATrISaL.", 0.45, 0.95, 72, True),  # letters made of dots
        ("FARATrISaL.", 0.45, 0.8, 72, False),
        ("FARATrISaL.", 0.45, 0.95, 250, False),
        ("8880", 0.7, 0.5, 20, False),  # teeth
        ("8880", 0.9, 0.5, 20, True),
    ],
)
def test_large_letters_and_few_different_ones_need_a_surer_reader(
    text: str, score: float, eye: float, height: int, expected: bool
) -> None:
    """Anatomy reads as few letters, and as large ones."""
    assert is_text(Words(text, score), eye, height, more=False) is expected


@pytest.mark.parametrize(
    ("text", "score", "eye", "more", "expected"),
    [
        ("G", 0.86, 0.86, True, True),  # the rest of a name
        ("G", 0.86, 0.86, False, False),
        ("G", 0.70, 0.86, True, False),
        ("G", 0.86, 0.60, True, False),
        ("", 0.90, 0.99, True, False),
    ],
)
def test_a_single_letter_is_text_where_there_is_more(
    text: str, score: float, eye: float, more: bool, expected: bool
) -> None:
    """Anywhere else it is a marker, or the head of a femur."""
    assert is_text(Words(text, score), eye, 20, more) is expected


@pytest.mark.parametrize(
    ("filled", "score", "rest"),
    [
        ((0, 0, 100, 30), 0.9, True),  # half of the find
        ((0, 0, 60, 22), 0.9, False),  # a touch of something smaller
        ((0, 0, 100, 22), 0.9, True),  # of something larger, under which it may lie
        ((0, 0, 100, 60), 0.9, False),  # all of it
        ((0, 0, 100, 30), 0.45, False),  # nobody would have called it text
    ],
)
def test_the_rest_of_a_line_that_was_filled_in_part_is_filled(
    filled: Rectangle, score: float, rest: bool
) -> None:
    """What is left of its letters looks like nothing any more."""
    picture = Picture([np.zeros((200, 100), np.uint8)], [])
    first = [Find(((0, 20, 100, 40),), score)]
    found = list(rests(first, [Text(filled, 1.0)], picture))
    assert [text.box for text in found] == ([(0, 20, 100, 40)] if rest else [])


@pytest.mark.parametrize(
    ("filled", "score", "scale", "rest"),
    [
        ((0, 20, 60, 40), 0.95, 2, True),
        ((0, 20, 60, 40), 0.85, 2, False),  # not sure
        ((0, 20, 40, 40), 0.95, 2, False),  # less than half
        ((0, 20, 95, 40), 0.95, 4, False),  # all but the margin
    ],
)
def test_large_letters_that_were_filled_for_the_most_part_are_filled(
    filled: Rectangle, score: float, scale: int, rest: bool
) -> None:
    """They show whole in a shrunken picture only."""
    picture = Picture([np.zeros((200, 100), np.uint8)], [])
    first = [Find(((0, 20, 100, 40),), score, scale)]
    found = list(rests(first, [Text(filled, 1.0)], picture))
    assert [text.box for text in found] == ([(0, 20, 100, 40)] if rest else [])


@pytest.mark.parametrize(
    ("box", "score", "rest"),
    [
        ((30, 12, 62, 40), 0.7, True),  # to the left of the line
        ((30, 12, 62, 40), 0.45, False),  # hardly seen
        ((30, 12, 48, 40), 0.55, False),  # and further away
        ((80, 44, 100, 70), 0.55, True),  # what sticks out below it
        ((80, 52, 100, 70), 0.55, False),
        ((4, 12, 24, 40), 0.7, False),  # a letter further away
        ((30, 58, 62, 86), 0.7, False),  # lower
        ((30, 12, 50, 24), 0.7, False),  # smaller
        ((198, 10, 240, 40), 0.7, True),  # to the right
    ],
)
def test_what_goes_on_where_a_line_ends_is_filled(box: Rectangle, score: float, rest: bool) -> None:
    """A letter or two, which are hard to read; so for a line that stands."""
    picture = Picture([np.zeros((300, 300), np.uint8)], [])
    line, seen = (60, 10, 200, 40), Find((box,), score)
    found = list(rests([seen], [Text(line, 1.0)], picture))
    assert [text.box for text in found] == ([box] if rest else [])
    stands, turned = (10, 60, 40, 200), (box[1], box[0], box[3], box[2])
    found = list(rests([Find((turned,), score)], [Text(stands, 1.0)], picture))
    assert [text.box for text in found] == ([turned] if rest else [])


def test_a_large_find_is_not_filled_because_a_line_crosses_it() -> None:
    """Most of a picture is no line of text."""
    picture = Picture([np.zeros((100, 100), np.uint8)], [])
    first = [Find(((0, 0, 100, 60),), 0.99)]
    assert list(rests(first, [Text((0, 0, 100, 20), 1.0)], picture)) == []


@pytest.mark.parametrize(
    ("side", "high", "scale", "score", "text"),
    [
        (256, 50, 1, 0.83, True),
        (256, 50, 1, 0.65, False),
        (256, 200, 4, 0.83, True),
        (512, 50, 1, 0.83, False),
        (512, 50, 1, 0.95, True),
        (512, 50, 2, 0.95, False),
        (512, 200, 1, 0.95, False),
    ],
)
def test_in_a_small_picture_less_is_enough_for_what_nobody_can_read(
    side: int, high: int, scale: int, score: float, text: bool
) -> None:
    """Anatomy looks like text only in a picture that is large enough."""
    look = Look(Readings(Reader()), OwnWords(frozenset()), side * side, [])
    assert look.is_text(Find(((0, 0, side, high),), score, scale)) is text


@pytest.mark.parametrize(
    ("fine", "coarse", "box", "lines", "text"),
    [
        (0.65, 0.97, (90, 80, 400, 160), True, True),
        (0.55, 0.97, (90, 80, 400, 160), True, False),  # hardly like letters
        (0.85, 0.90, (90, 80, 400, 160), True, False),  # not sure seen coarsely either
        (0.85, 0.97, (200, 80, 400, 160), True, False),  # another place, for the most part
        (0.85, 0.97, (90, 80, 400, 160), False, False),  # of a picture that holds no text
    ],
)
def test_letters_made_of_dots_are_text_beside_other_text(
    fine: float, coarse: float, box: Rectangle, lines: bool, text: bool
) -> None:
    """Nobody reads them, but they look like letters near and far."""
    filled = [(100, 300, 200, 320)] if lines else []
    look = Look(Readings(Reader()), OwnWords(frozenset()), 1 << 18, filled)
    find = Find(((100, 100, 300, 150),), fine)
    assert look.is_text(find, [find, Find((box,), coarse, 2)]) is text


def test_a_word_of_the_file_itself_is_read_however_small_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three letters of 7 pixels, which hardly look like any."""
    box = (10, 10, 26, 22)

    def find(_: Textness, plane: Plane, peak: float, edge: float) -> list[Find]:
        return [Find((box,), 0.6)] if plane[11, 11] else []

    monkeypatch.setattr(Textness, "find", find)
    monkeypatch.setattr(Reader, "read", lambda *_: Words("ILI", 0.55))
    picture = Picture([np.full((512, 512), 9, np.uint8)], [], keen=True)
    words = OwnWords(frozenset({"ili"}))
    found = PictureReader(Markers(())).texts(picture, 0, words, Budget(0))
    assert [text.box for text in found] == [box]


def test_doubt_spends_one_reading_of_a_small_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are for frames that show text."""
    finds = [Find(((10, 10, 90, 40),), 0.5)]
    monkeypatch.setattr(Textness, "find", lambda *_: finds)
    monkeypatch.setattr(Reader, "read", lambda *_: Words("", 0.0))
    monkeypatch.setattr(Reader, "find", lambda *_: [])
    budget = Budget(8)
    cine = CineReader(PictureReader(Markers(())), OwnWords(frozenset()), budget, 0)
    for grey in (9, 90, 200):
        cine.take(Picture([np.full((128, 128), grey, np.uint8)], []))
    assert (cine.found, budget.spent) == ([], 1)


@pytest.mark.parametrize(("before", "refused"), [(False, True), (True, False)])
def test_only_the_first_frame_may_puzzle(
    before: bool, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the frames of a clip one too many would look like something."""

    def find(_: Textness, plane: Plane, peak: float, edge: float) -> list[Find]:
        return [Find(((10, 10, 90, 70),), 0.6, 2)] if plane[0, 0] else []

    monkeypatch.setattr(Textness, "find", find)
    monkeypatch.setattr(Reader, "read", lambda *_: Words("", 0.0))
    monkeypatch.setattr(Reader, "find", lambda *_: [])
    cine = CineReader(PictureReader(Markers(())), OwnWords(frozenset()), Budget(8), 0)
    if before:
        cine.take(Picture([np.zeros((128, 128), np.uint8)], []))
    with pytest.raises(RefusedError) if refused else nullcontext():
        cine.take(Picture([np.full((128, 128), 9, np.uint8)], []))


@pytest.mark.parametrize(("side", "text"), [(128, True), (512, False)])
def test_large_letters_that_overfill_a_small_picture_do_not_pass_the_gate(
    side: int, text: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen in the shrunken picture only, read by nobody."""

    def find(self: Textness, plane: Plane, peak: float, edge: float) -> list[Find]:
        return [Find(((0, 0, side, 60),), 0.72, 2)] if plane[:60].any() else []

    monkeypatch.setattr(Textness, "find", find)
    monkeypatch.setattr(Reader, "read", lambda *_: Words("", 0.0))
    picture = Picture([np.full((side, side), 9, np.uint8)], [])
    found = PictureReader(Markers(())).texts(picture, 0, OwnWords(frozenset()), Budget(0))
    assert [each.box for each in found] == ([(0, 0, side, 60)] if text else [])


@pytest.mark.parametrize(
    ("score", "scale", "read", "passes"),
    [
        (0.60, 1, Words("", 0.0), False),
        (0.50, 1, Words("", 0.0), True),
        (0.50, 2, Words("", 0.0), False),
        (0.40, 2, Words("", 0.0), True),
        (0.60, 2, Words("L", 0.95), True),  # a marker
        (0.60, 2, Words("L", 0.60), False),
    ],
)
def test_what_is_half_like_letters_does_not_pass_in_a_small_picture(
    score: float, scale: int, read: Words, passes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can read it, so nobody can tell; a person has to."""
    finds = [Find(((10, 10, 90, 70),), score, scale)]
    monkeypatch.setattr(Textness, "find", lambda *_: finds)
    monkeypatch.setattr(Reader, "read", lambda *_: read)
    monkeypatch.setattr(Reader, "find", lambda *_: [])
    words = OwnWords(frozenset())
    for side, refuses in ((128, not passes), (512, False)):
        cine = CineReader(PictureReader(Markers(("L",))), words, Budget(1), 0)
        with pytest.raises(RefusedError) if refuses else nullcontext():
            cine.take(Picture([np.full((side, side), 9, np.uint8)], []))
        assert cine.found == []


@pytest.mark.parametrize(
    ("all_of_it", "filled"), [(Words("Dr. Kaman", 0.97), True), (Words("Dr. Kaman", 0.8), False)]
)
def test_a_line_that_was_found_in_part_is_filled_as_far_as_it_can_be_read(
    all_of_it: Words, filled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fine scale saw the middle of large letters, a coarse one all of them."""
    middle, line = (100, 40, 200, 80), (40, 35, 240, 85)
    monkeypatch.setattr(reading, "whole", lambda _, box: box)
    reads = {middle: Words("amar", 0.94), line: all_of_it}
    monkeypatch.setattr(Reader, "read", lambda _, plane, box: reads.get(box, Words("", 0.0)))
    plane = np.full((120, 300), 9, np.uint8)
    finds = [Find((middle,), 0.92), Find((line,), 0.98, 2)]
    look = Look(Readings(Reader()), OwnWords(frozenset()), 1 << 18, [])
    reader = PictureReader(Markers(()))
    texts = reader._judged(plane, finds, look, unread=True)
    assert [text.box for text in texts] == [middle, line][: 1 + filled]


def test_nothing_is_read_twice_in_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line costs the recogniser some ten milliseconds."""
    asked: list[tuple[int, Rectangle]] = []

    def read(self: Reader, plane: Plane, box: Rectangle) -> Words:
        asked.append((int(plane.sum()), box))
        return Words("", 0.0)

    monkeypatch.setattr(Reader, "read", read)
    rng = np.random.default_rng(1)
    planes = [rng.integers(0, 256, (256, 256), dtype=np.uint8) for _ in range(2)]
    for plane in planes:
        plane[100:120, 40:200:4] = 255
    reader = PictureReader(Markers(()))
    readings = Readings(Reader())
    assert readings.of(planes[0], (0, 0, 9, 9)) is readings.of(planes[0], (0, 0, 9, 9))
    assert len(asked) == 1
    readings.of(planes[1], (0, 0, 9, 9))
    assert len(asked) == 2
    asked.clear()
    reader.texts(Picture(planes, [], keen=True), 0, OwnWords(frozenset()), Budget(0))
    assert asked
    assert len(asked) == len(set(asked))
