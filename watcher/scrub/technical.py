"""Text of vendors' private elements: it speaks of machines, so unknown words are mostly settings.

Stricter than keeping it, looser than the cleaning of what people type: identifiers by their form
and this patient's own values go, and of the words that no list knows those that look like a name.
"""

from __future__ import annotations

import re

from watcher.scrub import dates
from watcher.scrub.folding import fold
from watcher.scrub.identity import Identity
from watcher.scrub.text import known, patterns, rebuild, vocabulary, words

_LONGEST_NUMBER = 7
_LONGEST_CAPITALS = 8
_SETTING = re.compile(r"\s?[=:]")


def clean_technical(value: str, identity: Identity) -> str:
    """`value` without what identifies; unchanged if nothing does."""
    struck = bytearray(len(value))
    for spelled in dates.find(value):
        rebuild.strike(struck, spelled.start, spelled.end)
    for start, end in patterns.find(value):
        rebuild.strike(struck, start, end)
    for start, end, word in known.find(value, identity.spellings):
        if not _is_common(word, value[start:end]):
            rebuild.strike(struck, start, end)
    for each in words.split(value, struck):
        if not each.gone and _looks_like_a_name(each, value):
            rebuild.strike(struck, each.start, each.end)
    return rebuild.rebuild(value, struck) if any(struck) else value


def _is_common(word: str, found: str) -> bool:
    """Whether a hit among this patient's values is too common to mean the patient."""
    if word:
        return vocabulary.certain(word)
    return sum(letter.isalnum() for letter in found) < 4


def _looks_like_a_name(word: words.Word, text: str) -> bool:
    folded = fold(word.text)
    if any(letter.isdigit() for letter in folded):
        return sum(letter.isdigit() for letter in folded) > _LONGEST_NUMBER
    if len(folded) < 4 or vocabulary.knows(folded) or _SETTING.match(text, word.end):
        return False
    if folded in vocabulary.names():
        return True
    return not (word.text.isupper() and len(folded) <= _LONGEST_CAPITALS)
