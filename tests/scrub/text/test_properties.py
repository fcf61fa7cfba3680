"""Whatever the name, the identifier and the spelling: the properties of `clean`."""

from __future__ import annotations

import datetime as dt

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scrub.text.examples import NOBODY, SPELLED_DAYS, identity
from watcher.scrub.folding import fold
from watcher.scrub.spellings import placeholders
from watcher.scrub.text import clean, vocabulary

FRAMES = (
    "CT CHEST for {}",
    "{} AX T1 POST",
    "t2_tse_{}_sag",
    "seen by {} at the console",
    "Known nodule; {} says pain since yesterday.",
    "({})",
    "report of {}, stable",
)
KEYWORDS = ("SeriesDescription", "PatientComments", "ContrastBolusAgent", "TextValue", "")
SHIFTS = st.integers(-4000, -1)

latin = st.text("abcdefghijklmnoprstuvwyzäöüßéèñçåøłšž", min_size=3, max_size=12)
other = st.text("абвгдежзийклмнопрстуфхцчшщыэюя", min_size=3, max_size=10) | st.text(
    "山田太郎佐藤鈴木渡辺伊中村王李張陳楊", min_size=2, max_size=4
)
words = (latin | other).filter(
    lambda w: len(w) > 1 and not vocabulary.certain(fold(w)) and fold(w) not in placeholders()
)
spelt = st.sampled_from((str, str.upper, str.lower, str.title))
free_text = st.text(
    st.sampled_from("abcXYZ äöü 0123456789 .,;:/-_^()[]@#'\n Dr by for CT T1 Mr mm 山"), max_size=60
)


@given(words, words, st.sampled_from(FRAMES), spelt, st.sampled_from(KEYWORDS), SHIFTS)
@settings(max_examples=300, deadline=None)
def test_a_known_name_never_passes(family, given_name, frame, spell, keyword, shift):  # type: ignore[no-untyped-def]
    """Family and given name, in either order and any case, in any attribute."""
    who = identity(f"{family}^{given_name}")
    for name in (family, given_name, f"{given_name} {family}", f"{family}, {given_name}"):
        left = clean(frame.format(spell(name)), who, shift, keyword)
        kept = {w.casefold() for w in left.replace("_", " ").replace("(", " ").split()}
        assert family.casefold() not in kept
        assert given_name.casefold() not in kept


@given(
    st.from_regex(r"[A-Z]{0,3}[0-9]{4,9}", fullmatch=True),
    st.sampled_from(("", "-", " ", "/", ".")),
    st.sampled_from(FRAMES),
    st.sampled_from(KEYWORDS),
)
@settings(max_examples=200, deadline=None)
def test_a_known_identifier_never_passes(number, separator, frame, keyword):  # type: ignore[no-untyped-def]
    """With separators or without, in either case."""
    who = identity("", number)
    spelled = number[:-2] + separator + number[-2:]
    for text in (number, number.lower(), spelled):
        left = clean(frame.format(text), who, -77, keyword)
        assert text.lower() not in left.lower()


@given(
    st.dates(dt.date(1905, 1, 1), dt.date(2035, 12, 31)),
    st.sampled_from(SPELLED_DAYS),
    st.sampled_from(FRAMES),
    st.sampled_from(KEYWORDS),
    st.sampled_from((0, -500)),
)
@settings(max_examples=300, deadline=None)
def test_a_birth_date_never_passes(day, spelling, frame, keyword, shift):  # type: ignore[no-untyped-def]
    """In every usual spelling, even where full dates are retained."""
    text = day.strftime(spelling)
    left = clean(frame.format(text), identity("", "", day), shift, keyword)
    assert text not in left


@given(free_text, st.sampled_from(KEYWORDS))
@settings(max_examples=400, deadline=None)
def test_cleaning_again_changes_nothing(text, keyword):  # type: ignore[no-untyped-def]
    """What was cleaned is clean."""
    once = clean(text, NOBODY, -5, keyword)
    assert clean(once, NOBODY, -5, keyword) == once


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_listed_words_stay(data):  # type: ignore[no-untyped-def]
    """A text of clinical and technical words comes back as it was, in any case."""
    listed = sorted(
        w
        for w in vocabulary.sure()
        if vocabulary.certain(w)
        and w not in vocabulary.rare() | vocabulary.cue("title")  # a name follows a title
        and w.isascii()
        and w.isalpha()
    )
    chosen = data.draw(st.lists(st.sampled_from(listed), min_size=1, max_size=6))
    text = data.draw(st.sampled_from((str, str.upper)))(" ".join(chosen))
    assert clean(text, NOBODY, -5, "SeriesDescription") == text
