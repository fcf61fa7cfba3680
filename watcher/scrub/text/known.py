"""The file's own identifying values, found in a text in whatever spelling."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from watcher.scrub import dates
from watcher.scrub.folding import fold
from watcher.scrub.spellings import Spellings

# Letters and digits run by run; joined over separators they spell codes, numbers and phrases.
_RUN = re.compile(r"[^\W\d_]+|\d+")
_GROUPS = re.compile(r"\d[\d\s./()+-]*\d")
_LONGEST = 12


class Run(NamedTuple):
    """Letters or digits as they stand, and folded."""

    start: int
    end: int
    folded: str


def runs(text: str) -> list[Run]:
    """The runs of letters and runs of digits of `text`."""
    return [Run(m.start(), m.end(), fold(m[0])) for m in _RUN.finditer(text)]


def find(text: str, spellings: Spellings) -> Iterator[tuple[int, int, str]]:
    """(start, end, folded word or "") of every known value in `text`; single name words say which.

    Spans may overlap. A name word is reported even where it is also a common word.
    """
    found = runs(text)
    for i, run in enumerate(found):
        if run.folded in spellings.names or run.folded in spellings.places:
            yield run.start, run.end, run.folded
        yield from _joined(text, found, i, spellings)
    yield from _numbers(text, spellings)
    for value in spellings.scripts:
        yield from _occurrences(text, value)
    for uid in spellings.uids:
        yield from _occurrences(text, uid)


def _joined(
    text: str, found: list[Run], first: int, spellings: Spellings
) -> Iterator[tuple[int, int, str]]:
    """Codes, phrases and split names that begin at one run."""
    start = end = found[first].start
    joined = ""
    parts: list[str] = []
    for run in found[first : first + _LONGEST]:
        if run.start - end > 3:
            return
        joined += run.folded
        parts.append(run.folded)
        end = run.end
        if joined in spellings.codes or (len(parts) > 1 and joined in spellings.names):
            yield start, end, ""
        if tuple(parts) in spellings.phrases:
            yield start, end, ""


def _numbers(text: str, spellings: Spellings) -> Iterator[tuple[int, int, str]]:
    """Digits of phones, identifiers and compact days, whatever stands between them."""
    for match in _GROUPS.finditer(text):
        groups = list(re.finditer(r"\d+", match[0]))
        for i, first in enumerate(groups):
            joined = ""
            for last in groups[i : i + 6]:
                joined += last[0]
                if joined in spellings.digits or joined in spellings.compact_days:
                    yield match.start() + first.start(), match.start() + last.end(), ""
    for spelled in dates.find(text):
        if any(day in spellings.days for day in spelled.days):
            yield spelled.start, spelled.end, ""


def _occurrences(text: str, value: str) -> Iterator[tuple[int, int, str]]:
    at = text.find(value)
    while at >= 0:
        yield at, at + len(value), ""
        at = text.find(value, at + 1)
