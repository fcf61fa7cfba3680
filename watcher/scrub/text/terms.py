"""Code strings (VR CS): defined terms stay, whatever else somebody typed there is cleaned."""

from __future__ import annotations

import functools
import re

from watcher.scrub.folding import fold
from watcher.scrub.identity import Identity
from watcher.scrub.text import known, vocabulary

_RUN = re.compile(r"[^\W\d_]+|\d+")
_LONGEST_NUMBER = 6
_SHORTEST_WORD = 4


def is_term(value: str, identity: Identity) -> bool:
    """Whether a code string holds nothing but listed words and short runs, none of this patient."""
    if not _listed(value):
        return False
    return all(
        bool(word) and vocabulary.certain(word)
        for _, _, word in known.find(value, identity.spellings)
    )


@functools.lru_cache(maxsize=8192)
def _listed(value: str) -> bool:
    return all(_passes(run) for run in _RUN.findall(value))


def _passes(run: str) -> bool:
    if run.isdigit():
        return len(run) <= _LONGEST_NUMBER
    if not run.isascii():
        return False
    word = fold(run)
    if len(word) < _SHORTEST_WORD or word in vocabulary.terms():
        return True
    return vocabulary.knows(word) and (vocabulary.certain(word) or word not in vocabulary.names())
