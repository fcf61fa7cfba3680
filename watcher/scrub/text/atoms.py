"""A text cut into words, each with its place and how it was struck."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from watcher.scrub.folding import fold
from watcher.scrub.text import vocabulary

_ATOM = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)*")
_POSSESSIVE = re.compile(r"['’]s?$", re.IGNORECASE)
_HAN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_LONGEST_HAN = 6

GONE, NAME = 1, 2
"""How a character was struck: as part of an identifier, or of a name."""


class Word(NamedTuple):
    """Letters and digits with their place, folded, and how they were struck (0 if not)."""

    start: int
    end: int
    text: str
    folded: str
    struck: int


def split(text: str, struck: bytearray) -> list[Word]:
    """The words of `text`, possessives whole, Chinese and Japanese cut at known words."""
    return [
        Word(start, end, word, fold(_POSSESSIVE.sub("", word)), max(struck[start:end]))
        for match in _ATOM.finditer(text)
        for start, end, word in _segments(match.start(), match[0])
    ]


def _segments(start: int, atom: str) -> Iterator[tuple[int, int, str]]:
    if not _HAN.search(atom):
        yield start, start + len(atom), atom
        return
    at = begun = 0
    while at < len(atom):
        size = next(
            (n for n in range(_LONGEST_HAN, 0, -1) if vocabulary.knows(fold(atom[at : at + n]))), 0
        )
        if size and at > begun:
            yield start + begun, start + at, atom[begun:at]
        if size:
            yield start + at, start + min(at + size, len(atom)), atom[at : at + size]
            begun = at + size
        at += size or 1
    if begun < len(atom):
        yield start + begun, start + len(atom), atom[begun:]
