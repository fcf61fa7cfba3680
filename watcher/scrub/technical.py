"""Text that speaks of machines: stricter than keeping it, looser than cleaning what people type."""

from __future__ import annotations

import re
from collections.abc import Sequence

from watcher.scrub import dates
from watcher.scrub.folding import fold
from watcher.scrub.identity import Identity
from watcher.scrub.text import known, patterns, vocabulary

_LONGEST_NUMBER = 7
_LONGEST_CAPITALS = 8
_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SETTING = re.compile(r"\s?[=:]")


def clean_known(value: str, identity: Identity) -> str:
    """`value` without this file's own identifying values: for the names of makers and models."""
    spans = _known(value, identity)
    return _without(value, spans) if spans else value


def clean_technical(value: str, identity: Identity) -> str:
    """`value` without what identifies, for text of vendors' private elements.

    Identifiers by their form and this file's own values go, and of the words that no list knows
    those that look like a name: unknown words are mostly settings here.
    """
    spans = [(spelled.start, spelled.end) for spelled in dates.find(value)]
    spans += patterns.find(value)
    spans += _known(value, identity)
    spans += [
        word.span()
        for word in _WORD.finditer(value)
        if _looks_like_a_name(word[0], value[word.end() :])
    ]
    return _without(value, spans) if spans else value


def _known(value: str, identity: Identity) -> list[tuple[int, int]]:
    return [
        (start, end)
        for start, end, name in known.find(value, identity.spellings)
        if not _is_common(name, value[start:end], identity)
    ]


def _without(value: str, spans: Sequence[tuple[int, int]]) -> str:
    gone = {place for start, end in spans for place in range(start, end)}
    kept = "".join(letter for place, letter in enumerate(value) if place not in gone)
    return " ".join(kept.split()) if any(letter.isalnum() for letter in kept) else ""


def _is_common(name: str, found: str, identity: Identity) -> bool:
    """Whether a hit among this file's values is too common to mean the patient, or the maker."""
    word = name or fold(found)
    if word in identity.makers and word not in identity.spellings.names:
        return True
    if name:
        return vocabulary.certain(name)
    return sum(letter.isalnum() for letter in found) < 4


def _looks_like_a_name(word: str, rest: str) -> bool:
    folded = fold(word)
    digits = sum(letter.isdigit() for letter in folded)
    if digits:
        return digits > _LONGEST_NUMBER
    if len(folded) < 4 or _is_known(word) or _SETTING.match(rest):
        return False
    if folded in vocabulary.names():
        return True
    return not (word.isupper() and len(folded) <= _LONGEST_CAPITALS)


def _is_known(word: str) -> bool:
    """Whether a list knows the word, or all the words that are run together in it."""
    if vocabulary.knows(fold(word)):
        return True
    parts = _CAMEL.findall(word)
    return len(parts) > 1 and all(vocabulary.knows(fold(part)) for part in parts)
