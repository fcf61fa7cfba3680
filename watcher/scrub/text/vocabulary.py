"""The words that may stay, and those that may be a name: the lists, and what they know."""

from __future__ import annotations

import functools
import re
from importlib import resources

from watcher.scrub.folding import fold
from watcher.scrub.text import forms


def _lines(name: str) -> list[str]:
    text = resources.files(__package__).joinpath(name).read_text("utf-8")
    return [line for line in text.splitlines() if line and line[0] != "#"]


def _load(*names: str) -> frozenset[str]:
    return frozenset(fold(w) for name in names for line in _lines(name) for w in line.split())


@functools.cache
def sure() -> frozenset[str]:
    """Clinical and technical words: they stay wherever they stand."""
    return _technical() | _load("dicom.txt")


@functools.cache
def plain() -> frozenset[str]:
    """Words of everyday language: they give way where a name is expected."""
    return _load("english.txt", "languages.txt")


@functools.cache
def eponyms() -> frozenset[str]:
    """People's names that are also names of diseases, signs, views and devices."""
    return _load("eponyms.txt")


@functools.cache
def names() -> frozenset[str]:
    """Common family and given names."""
    return _load("names.txt")


@functools.cache
def rare() -> frozenset[str]:
    """Words that are now and then a name: taken for one only beside a cue or another name."""
    return _load("rare.txt")


@functools.cache
def terms() -> frozenset[str]:
    """Words of defined terms (VR CS), which may stay there and nowhere else."""
    return _load("terms.txt")


@functools.cache
def cue(section: str) -> frozenset[str]:
    """The folded words of one section of cues.txt."""
    rows = (line.partition(": ") for line in _lines("cues.txt"))
    return frozenset(fold(w) for name, _, words in rows if name == section for w in words.split())


@functools.lru_cache(maxsize=16384)
def knows(word: str) -> bool:
    """True if the folded `word` is listed, or formed from listed words."""
    if not formed(word):
        return True
    return forms.formed(word, _listed, _technical().__contains__, _parts())


@functools.lru_cache(maxsize=16384)
def certain(word: str) -> bool:
    """True if the folded `word` is clinical or technical, and nobody's usual name."""
    return word in sure() and word not in names()


@functools.lru_cache(maxsize=16384)
def formed(word: str) -> bool:
    """True if the folded `word` is on no list of words itself."""
    return not (_listed(word) or word in eponyms())


def _listed(word: str) -> bool:
    return word in sure() or word in plain()


@functools.cache
def _technical() -> frozenset[str]:
    return _load("clinical.txt", "protocol.txt")


@functools.cache
def _parts() -> re.Pattern[str]:
    """Compounds of clinical parts, joined as German joins them: "frakturausschluss"."""
    parts = sorted(_load("compounds.txt"), key=len, reverse=True)
    return re.compile(f"(?:(?:{'|'.join(parts)})(?:e?[sn])?){{2,4}}")
