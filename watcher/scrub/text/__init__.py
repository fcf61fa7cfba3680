"""Free text cleaned, not destroyed: identifiers go, clinical words stay (PS3.15 E.3.4)."""

from __future__ import annotations

import functools

from watcher.scrub import dates
from watcher.scrub.identity import Identity
from watcher.scrub.text import atoms, known, patterns, places, rebuild, vocabulary, words

__all__ = ["clean"]

_ROUNDS = 5
_REMEMBERED = 256
# Attributes of a few words, where a bare family name is likelier than a word that is also a name.
_DESCRIPTORS = (
    "SeriesDescription",
    "StudyDescription",
    "ProtocolName",
    "ProcedureStepDescription",
    "ProcedureDescription",
    "ContrastBolusAgent",
    "Label",
    "Name",
)
# Attributes where a bare number is a product, a lot or a technical value.
_NUMBERS = frozenset({"ContrastBolusAgent", "RequestedContrastAgent", "ConvolutionKernel"})


def clean(value: str, identity: Identity, shift_days: int, keyword: str) -> str:
    """`value` of attribute `keyword` without what identifies; unchanged if nothing does.

    Three sources decide: the file's own identifying values, the form of an identifier, and the
    lists of words that may stay. Dates go, as do times beside them: a shifted date in prose could
    be taken for another date of the same patient. With `shift_days` 0, the option that retains full
    dates, only the known birth date goes. The result is stable: cleaning it again changes nothing.
    """
    for _ in range(_ROUNDS):
        cleaned = _once(value, identity, shift_days == 0, keyword)
        if cleaned == value:
            return value
        value = cleaned
    return value


def _once(value: str, identity: Identity, keep_dates: bool, keyword: str) -> str:
    hits = list(known.find(value, identity.spellings))
    judge = _generic if len(value) <= _REMEMBERED else _generic.__wrapped__
    if not hits and judge(value, keep_dates, keyword) == value:
        return value
    struck = bytearray(len(value))
    for start, end, word in hits:
        if not word:
            rebuild.strike(struck, start, end, atoms.GONE)
        elif not vocabulary.certain(word):
            rebuild.strike(struck, start, end, atoms.NAME)
    return _judged(value, struck, keep_dates, keyword)


@functools.lru_cache(maxsize=4096)
def _generic(value: str, keep_dates: bool, keyword: str) -> str:
    """What is left of a text whoever the patient is; descriptors repeat from file to file."""
    return _judged(value, bytearray(len(value)), keep_dates, keyword)


def _judged(value: str, struck: bytearray, keep_dates: bool, keyword: str) -> str:
    """The text without what was struck before and what its form and its words strike."""
    if not keep_dates:
        for spelled in dates.find(value):
            rebuild.strike(struck, spelled.start, spelled.end, atoms.GONE)
    for start, end in patterns.find(value):
        rebuild.strike(struck, start, end, atoms.GONE)
    _strike_words(value, struck, keyword)
    left = rebuild.rebuild(value, struck) if any(struck) else value
    return places.AGE.sub(places.CAPPED, left)


def _strike_words(value: str, struck: bytearray, keyword: str) -> None:
    """Strike the words that may not stay, and again: a listed word beside a name goes with it."""
    style = words.Style.of(value, keyword.endswith(_DESCRIPTORS), keyword in _NUMBERS)
    found = atoms.split(value, struck)
    while True:
        gone = [
            w
            for i, w in enumerate(found)
            if not w.struck and not words.stays(found, i, value, style)
        ]
        if not gone:
            break
        for word in gone:
            code = any(c.isdigit() for c in word.text)
            rebuild.strike(struck, word.start, word.end, atoms.GONE if code else atoms.NAME)
        found = atoms.split(value, struck)
    for title in words.titles(found, value):
        rebuild.strike(struck, title.start, title.end, atoms.NAME)
