"""Text that may stay and text that must not: markers, and the file's own words."""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher

# A number with a unit of technique, distance or time; five digits at most, so that no id passes.
_MEASURE = re.compile(
    r"[-+±]?\d{1,4}([.,]\d{1,2})?"
    r"(KV|KVP|MA|MAS|MSEC|MS|SEC|S|MM|CM|M|HZ|MHZ|KHZ|FPS|DB|HU|MGY|UGY|%|X|°)",
)
_SPACED = re.compile(r"(?<=\d)\s+(?=[A-Z%°])")
# What recognisers confuse; both sides of a comparison are folded to the first of each group.
_CONFUSED = str.maketrans("OQDILZSBG", "000112586")
_SHORTEST = 3
_ALIKE = 0.8


class Markers:
    """A customer's list of markers that may stay, e.g. L, R, ERECT, kV."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self._allowed = frozenset(word.upper() for word in allowed)

    def __bool__(self) -> bool:
        return bool(self._allowed)

    def allow(self, text: str) -> bool:
        """Whether every word is on the list, or a number with a unit that is."""
        words = _SPACED.sub("", text.upper()).split()
        return bool(words) and all(map(self._allows, words))

    def _allows(self, word: str) -> bool:
        word = word.strip(".:;,()[]")
        measure = _MEASURE.fullmatch(word)
        return word in self._allowed or (measure is not None and measure[2] in self._allowed)


class OwnWords:
    """A file's identifying values, folded for comparison with what a recogniser read."""

    def __init__(self, words: frozenset[str]) -> None:
        self._words = frozenset(f for f in map(folded, words) if len(f) >= _SHORTEST)

    def found_in(self, text: str) -> bool:
        """Whether a part of `text` is one of the words, give or take misread characters."""
        read = folded(text)
        return any(_resembles(word, read) for word in self._words)


def folded(text: str) -> str:
    """Letters and digits only, without marks, look-alikes made equal."""
    plain = unicodedata.normalize("NFKD", text).upper()
    return "".join(c for c in plain if c.isalnum()).translate(_CONFUSED)


def _resembles(word: str, read: str) -> bool:
    """Whether some stretch of `read` differs from `word` by a fifth of its characters at most."""
    if word in read:
        return True
    if len(word) <= _SHORTEST:
        return False
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(word)
    for start in range(max(1, len(read) - len(word) + 1)):
        matcher.set_seq1(read[start : start + len(word)])
        if matcher.quick_ratio() >= _ALIKE and matcher.ratio() >= _ALIKE:
            return True
    return False
