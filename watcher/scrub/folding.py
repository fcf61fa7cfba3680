"""Spellings made comparable: letters without case and marks, digits without separators."""

from __future__ import annotations

import functools
import re
import unicodedata

WORD = re.compile(r"[^\W\d_]+")
NUMBER = re.compile(r"\d+")
_MARKS = {
    "ß": "ss",
    "æ": "ae",
    "œ": "oe",
    "ø": "o",
    "đ": "d",
    "ð": "d",
    "þ": "th",
    "ł": "l",
    "ı": "i",
}
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})


@functools.lru_cache(maxsize=8192)
def fold(text: str) -> str:
    """`text` without case and diacritics: "Müller" and "MULLER" fold to "muller"."""
    low = text.casefold()
    if low.isascii():
        return low
    bare = "".join(_MARKS.get(c, c) for c in low)
    split = unicodedata.normalize("NFKD", bare)
    return "".join(c for c in split if not unicodedata.combining(c))


def folds(text: str) -> set[str]:
    """Every folding of one word: bare, and with umlauts written out ("mueller")."""
    low = text.casefold()
    return {fold(text), fold(low.translate(_UMLAUTS))}


def words(text: str) -> list[str]:
    """The letter runs of `text`, folded."""
    return [fold(w) for w in WORD.findall(text)]


def digits(text: str) -> str:
    """The ASCII digits of `text`, joined."""
    return "".join(NUMBER.findall(text))
