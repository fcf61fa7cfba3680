"""Free text cleaned, not destroyed: identifiers go, clinical words stay (PS3.15 E.3.4)."""

from __future__ import annotations

from watcher.scrub import dates
from watcher.scrub.identity import Identity
from watcher.scrub.text import known, patterns, rebuild, vocabulary, words

__all__ = ["clean"]

# Long text is prose: there, a capital at the start of a sentence means nothing.
_PROSE = 64
_ROUNDS = 4


def clean(value: str, identity: Identity, shift_days: int, keyword: str) -> str:
    """`value` of attribute `keyword` without what identifies; unchanged if nothing does.

    Three sources decide: the file's own identifying values, the form of an identifier, and the
    lists of words that may stay. Dates go, as do times beside them: a shifted date in prose could be
    taken for another date of the same patient. With `shift_days` 0, the option that retains full
    dates, only the known birth date goes. The result is stable: cleaning it again changes nothing.
    """
    for _ in range(_ROUNDS):
        cleaned = _once(value, identity, shift_days == 0, keyword)
        if cleaned == value:
            break
        value = cleaned
    return value


def _once(value: str, identity: Identity, keep_dates: bool, keyword: str) -> str:
    value = patterns.AGE.sub(patterns.CAPPED, value)
    struck = bytearray(len(value))
    if not keep_dates:
        for spelled in dates.find(value):
            rebuild.strike(struck, spelled.start, spelled.end)
    for start, end in patterns.find(value):
        rebuild.strike(struck, start, end)
    for start, end, word in known.find(value, identity.spellings):
        if not word or not vocabulary.certain(word):
            rebuild.strike(struck, start, end)
    _judge(value, struck, len(value) < _PROSE)
    return rebuild.rebuild(value, struck) if any(struck) else value


def _judge(value: str, struck: bytearray, strict: bool) -> None:
    """Strike the words that may not stay; those that are only names beside names come last."""
    for _ in range(2):
        found = words.split(value, struck)
        for at, word in enumerate(found):
            if not word.gone and not words.stays(found, at, value, strict):
                rebuild.strike(struck, word.start, word.end)
