"""What may stay in a picture, and how a file's own words are recognised in what was read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.options import PixelOptions
from watcher.scrub.pixels.marks import Markers, OwnWords

SHIPPED = Markers(PixelOptions().markers)


@pytest.mark.parametrize("text", ["L", "r", "AP ERECT", "120 kV", "120kV", "5 cm", "PA  R", "L."])
def test_markers_of_the_list_may_stay(text: str) -> None:
    assert SHIPPED.allow(text)


@pytest.mark.parametrize(
    "text",
    ["", "LEE", "R LEE", "120", "12345", "1234567 mm", "kV 1975-03-02", "L 02.03.1975", "AP/JONES"],
)
def test_anything_beside_a_marker_must_go(text: str) -> None:
    """A number alone is no measure: it could be a patient's."""
    assert not SHIPPED.allow(text)


def test_a_customer_may_keep_nothing() -> None:
    assert not Markers(()).allow("L")
    assert not Markers(())


@pytest.mark.parametrize(
    "read",
    ["STILINPAUMAN", "Pat: STILlNPAUMAN [M]", "ST1LINPAUMAN, VENTOR", "xxSTILINPAUMNxx"],
)
def test_own_words_are_found_in_spite_of_misread_characters(read: str) -> None:
    assert OwnWords(frozenset({"Stilinpauman"})).found_in(read)


@pytest.mark.parametrize("read", ["", "ERECT", "LINEAR PAN", "STILL THERE"])
def test_other_words_are_not(read: str) -> None:
    assert not OwnWords(frozenset({"Stilinpauman"})).found_in(read)


@pytest.mark.parametrize("word", ["", "L", "AP", "  "])
def test_words_too_short_to_tell_anyone_do_not_count(word: str) -> None:
    assert not OwnWords(frozenset({word})).found_in("L AP ERECT")


@given(st.text("ABCDEFGHKMNPRTUVWXY346789", min_size=5, max_size=14), st.data())
def test_a_word_is_found_with_any_one_character_misread(word: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(word) - 1))
    misread = word[:place] + "?" + word[place + 1 :]
    assert OwnWords(frozenset({word})).found_in(f"ID {misread} M")
