"""Words of everyday language that are a person's name by what stands right beside them."""

from __future__ import annotations

import re

from watcher.scrub.text import vocabulary
from watcher.scrub.text.atoms import NAME, Word

_INITIAL = re.compile(r"\. ?")
_ENDS = ("", ".", ",", ";", ")")
_BETWEEN = re.compile(r"[ ^]|, ")


def shown(words: list[Word], at: int, text: str, loud: bool) -> bool:
    """True for a common name with an initial ("J. Smith"), another name ("Grace Park") or both in
    an account ("smith.john"). `loud`: the whole text is in capitals."""
    if not _usual(words[at].folded):
        return False
    return _initialled(words, at, text) or dotted(words, at, text) or _paired(words, at, text, loud)


def dotted(words: list[Word], at: int, text: str) -> bool:
    """True if only a dot or a caret parts the word from a common name, or from a struck one."""
    return any(
        near.struck == NAME or _usual(near.folded)
        for near, gap in _neighbours(words, at, text)
        if gap in {".", "^"} and len(near.text) > 1
    )


def _initialled(words: list[Word], at: int, text: str) -> bool:
    if not words[at].text[0].isupper():
        return False
    for near, gap in _neighbours(words, at, text):
        if len(near.text) != 1 or not near.text.isupper():
            continue
        if near.start < words[at].start:
            found = _INITIAL.fullmatch(gap) is not None
        else:
            found = gap == " " and text[near.end : near.end + 1] in _ENDS
        if found:
            return True
    return False


def _paired(words: list[Word], at: int, text: str, loud: bool) -> bool:
    word = words[at]
    for near, gap in _neighbours(words, at, text):
        alike = (word.text.istitle() and near.text.istitle()) or loud
        both = {word.folded, near.folded} <= vocabulary.eponyms()
        if alike and not both and _usual(near.folded) and _BETWEEN.fullmatch(gap):
            return True
    return False


def _neighbours(words: list[Word], at: int, text: str) -> list[tuple[Word, str]]:
    """The words at either side, and what stands between."""
    found = []
    if at:
        found.append((words[at - 1], text[words[at - 1].end : words[at].start]))
    if at + 1 < len(words):
        found.append((words[at + 1], text[words[at].end : words[at + 1].start]))
    return found


def _usual(folded: str) -> bool:
    return folded in vocabulary.names() and not vocabulary.certain(folded)
