"""Free text cleaned, not destroyed: identifiers go, clinical words stay (PS3.15 E.3.4)."""

from __future__ import annotations

from watcher.scrub import dates
from watcher.scrub.identity import Identity
from watcher.scrub.text import known, patterns, rebuild, vocabulary, words

__all__ = ["clean"]

_ROUNDS = 5
# Attributes of a few words, where a bare family name is likelier than a word that is also a name.
_DESCRIPTORS = (
    "SeriesDescription",
    "StudyDescription",
    "ProtocolName",
    "ProcedureStepDescription",
    "ProcedureDescription",
    "ContrastBolusAgent",
    "ImagePresentationComments",
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
    value = patterns.AGE.sub(patterns.CAPPED, value)
    struck = bytearray(len(value))
    if not keep_dates:
        for spelled in dates.find(value):
            rebuild.strike(struck, spelled.start, spelled.end, words.GONE)
    for start, end in patterns.find(value):
        rebuild.strike(struck, start, end, words.GONE)
    _known(value, identity, struck)
    style = words.Style.of(value, keyword.endswith(_DESCRIPTORS), keyword in _NUMBERS)
    _judge(value, struck, style)
    return rebuild.rebuild(value, struck) if any(struck) else value


def _known(value: str, identity: Identity, struck: bytearray) -> None:
    """Strike the file's own values; of single words, those that are no clinical word."""
    for start, end, word in known.find(value, identity.spellings):
        if not word:
            rebuild.strike(struck, start, end, words.GONE)
        elif not vocabulary.certain(word):
            rebuild.strike(struck, start, end, words.NAME)


def _judge(value: str, struck: bytearray, style: words.Style) -> None:
    """Strike the words that may not stay, twice: a listed word beside a name goes with it."""
    for _ in range(2):
        found = words.split(value, struck)
        for at, word in enumerate(found):
            if not word.struck and not words.stays(found, at, value, style):
                code = any(c.isdigit() for c in word.text)
                rebuild.strike(struck, word.start, word.end, words.GONE if code else words.NAME)
    for title in words.titles(words.split(value, struck), value):
        rebuild.strike(struck, title.start, title.end, words.NAME)
