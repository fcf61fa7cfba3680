"""The file's own identifying values, found in a text in whatever spelling."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from watcher.scrub import dates
from watcher.scrub.folding import fold
from watcher.scrub.spellings import Spellings
from watcher.scrub.text import vocabulary

# Letters and digits run by run; joined over separators they spell codes, numbers and phrases.
_RUN = re.compile(r"[^\W\d_]+|\d+")
_GROUPS = re.compile(r"\d[\d\s./()+-]*\d")
_MOST_RUNS = 12
_WIDEST_GAP = 3
_SHORTEST_CODE = 4
_FEWEST_DIGITS = 3  # of a day: 3 Feb 71
_REMEMBERED = 256


class _Run(NamedTuple):
    """Letters or digits as they stand, and folded."""

    start: int
    end: int
    folded: str


def find(text: str, spellings: Spellings) -> Iterator[tuple[int, int, str]]:
    """(start, end, folded word or "") of every known value in `text`; single name words say which.

    Spans may overlap. A name is reported even where it is also a common word; a word of an address
    or an institution only where it is not. Codes of less than four characters are not looked for.
    """
    cut = _cut if len(text) <= _REMEMBERED else _cut.__wrapped__
    found, words, digits = cut(text)
    if not spellings.heads.isdisjoint(words):
        for i, run in enumerate(found):
            if run.folded in spellings.names or _tells_place(run.folded, spellings):
                yield run.start, run.end, run.folded
            if run.folded in spellings.starts:
                yield from _joined(text, found[i : i + _MOST_RUNS], spellings)
    if digits >= _FEWEST_DIGITS:
        yield from _numbers(text, spellings)
    if not text.isascii():
        yield from _verbatim(text, spellings.scripts)
    if text.count(".") > 2:
        yield from _verbatim(text, (uid for uid in spellings.uids if len(uid) > 8))


@functools.lru_cache(maxsize=4096)
def _cut(text: str) -> tuple[list[_Run], frozenset[str], int]:
    """The runs of a text, what they spell, and how many digits it has."""
    found = [_Run(m.start(), m.end(), fold(m[0])) for m in _RUN.finditer(text)]
    digits = sum(run.end - run.start for run in found if run.folded.isdigit())
    return found, frozenset(run.folded for run in found), digits


def _verbatim(text: str, values: Iterable[str]) -> Iterator[tuple[int, int, str]]:
    for value in values:
        at = text.find(value)
        while at >= 0:
            yield at, at + len(value), ""
            at = text.find(value, at + 1)


def _tells_place(word: str, spellings: Spellings) -> bool:
    if word not in spellings.places:
        return False
    return not vocabulary.knows(word) or word in vocabulary.names()


def _joined(text: str, found: list[_Run], spellings: Spellings) -> Iterator[tuple[int, int, str]]:
    """Codes, phrases and split names that begin with the first run."""
    start = end = found[0].start
    joined = ""
    parts: tuple[str, ...] = ()
    for run in found:
        if run.start - end > _WIDEST_GAP:
            return
        joined += run.folded
        parts += (run.folded,)
        end = run.end
        if joined in spellings.codes and len(joined) >= _SHORTEST_CODE and _whole(text, start, end):
            yield start, end, ""
        if len(parts) > 1 and (joined in spellings.names or _says_who(parts, spellings)):
            yield start, end, ""


def _says_who(parts: tuple[str, ...], spellings: Spellings) -> bool:
    """A known phrase that is not made of clinical words alone ("Nuclear Medicine")."""
    return parts in spellings.phrases and not all(vocabulary.certain(p) for p in parts)


def _whole(text: str, start: int, end: int) -> bool:
    """True if no letter or digit goes on at either side."""
    return not text[start - 1 : start].isalnum() and not text[end : end + 1].isalnum()


def _is_number(joined: str, spellings: Spellings) -> bool:
    if joined in spellings.digits or joined in spellings.compact_days:
        return True
    return len(joined) >= _SHORTEST_CODE and joined in spellings.codes


def _numbers(text: str, spellings: Spellings) -> Iterator[tuple[int, int, str]]:
    """Digits of phones, identifiers and compact days, whatever stands between them."""
    for match in _GROUPS.finditer(text):
        groups = list(re.finditer(r"\d+", match[0]))
        for i, first in enumerate(groups):
            joined = ""
            for last in groups[i : i + 6]:
                joined += last[0]
                if _is_number(joined, spellings):
                    yield match.start() + first.start(), match.start() + last.end(), ""
    if spellings.days:
        for spelled in dates.find(text):
            if any(day in spellings.days for day in spelled.days):
                yield spelled.start, spelled.end, ""
