"""One word of a text: may it stay? Vocabulary, form and neighbours decide."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from watcher.scrub.folding import fold
from watcher.scrub.text import people, vocabulary
from watcher.scrub.text.atoms import NAME, Word

_PIECE = re.compile(r"[^\W\d_]+|\d+")
_CAMEL = re.compile(r"[^\W\d_A-Z]+|[A-Z]+(?![a-z])|[A-Z][a-z]+")
_ELISION = re.compile(r"^(?:l|d|qu|n|s|j|c|m|t|all|dell|nell|sull|un)['’]", re.IGNORECASE)
_VOWEL = re.compile(r"[aeiouy]")
_UNIT = re.compile(
    r"\s?(?:[mckuµn]?m|m?kg|[mcuµn]?g|mcg|[md]?l|mmol|mol|iu|units?|[kmg]?bq|[mu]?ci|[kmg]?hz|kvp?"
    r"|mas?|m?s|msec|secs?|mins?|hr?|hu|m?t|c?gy|msv|%|°|deg|degrees|px|pixels?|ppm|k?w|k?c(?:oun)?ts"
    r"|bpm|dpi)\b",
    re.IGNORECASE,
)
_LIGHT = re.compile(r"[\s.,:;=^_/-]{0,4}")
_BESIDE = re.compile(r"[ ^_,-]{1,2}|\. ?")
_SENTENCE = re.compile(r"(?:.*[.!?:(\n]\s*)?", re.DOTALL)


class Style(NamedTuple):
    """What kind of text it is: its case says something or not, it is a descriptor or prose."""

    descriptor: bool
    numbers: bool
    quiet: bool
    loud: bool

    @classmethod
    def of(cls, text: str, descriptor: bool, numbers: bool) -> Style:
        """`numbers`: bare numbers are technical in this attribute."""
        return cls(descriptor, numbers, text.lower() == text, text.upper() == text)


def stays(words: list[Word], at: int, text: str, style: Style) -> bool:
    """True if the word at index `at` may stay."""
    word = words[at]
    if word.text.isdigit():
        return style.numbers or _number_stays(word, text)
    pieces = _PIECE.findall(word.text)
    if len(pieces) > 1 and any(p.isdigit() for p in pieces):
        return _code_stays(pieces)
    if len(word.folded) == 1 and word.folded.isascii():
        return not (word.text.isupper() and _beside_name(words, at, text))
    if not _known(word) or _only_formed_name(word, style):
        return (
            _acronym(word) and not _titled(words, at, text) and not people.dotted(words, at, text)
        )
    return not _is_name(words, at, text, style)


def _number_stays(word: Word, text: str) -> bool:
    """Up to four digits, decimals, and whatever has a unit; longer bare numbers identify."""
    size = len(word.text)
    if size < 5:
        return True
    decimal = text[word.start - 2 : word.start - 1].isdigit() and text[word.start - 1] in ".,"
    whole = re.match(r"[.,]\d", text[word.end : word.end + 2]) is not None
    return decimal or (size < 7 and (whole or _UNIT.match(text, word.end) is not None))


def _code_stays(pieces: list[str]) -> bool:
    """Letters with few digits are technical when the letters are short or known."""
    counts = [len(p) for p in pieces if p.isdigit()]
    if max(counts) > 4 or sum(counts) > 6:
        return False
    return all(len(p) <= 3 or _parts_known(p) for p in pieces if not p.isdigit())


def _known(word: Word) -> bool:
    if vocabulary.knows(word.folded):
        return True
    bare = _ELISION.sub("", word.text)
    return _parts_known(bare) if bare != word.text else _parts_known(word.text)


def _only_formed_name(word: Word, style: Style) -> bool:
    """ "Hastings" and "Browning": a name by its list, a word only by its ending and its capital."""
    capital = word.text[0].isupper() and not (style.loud and word.folded in vocabulary.plain())
    return capital and word.folded in vocabulary.names() and vocabulary.formed(word.folded)


def _parts_known(word: str) -> bool:
    """True for a listed word, or several written as one with inner capitals."""
    if vocabulary.knows(fold(word)):
        return True
    parts = _CAMEL.findall(word)
    return (
        len(parts) > 1
        and "".join(parts) == word
        and all(len(p) > 1 and vocabulary.knows(fold(p)) for p in parts)
    )


def _acronym(word: Word) -> bool:
    """Unknown letters that no name is made of: short ones, and those without a vowel."""
    folded = word.folded
    if not folded.isascii() or not folded.isalpha() or folded in vocabulary.names():
        return False
    if len(folded) <= 2 or (len(folded) <= 6 and not _VOWEL.search(folded)):
        return True
    return len(folded) == 3 and (word.text.isupper() or word.text.islower())


def _is_name(words: list[Word], at: int, text: str, style: Style) -> bool:
    """True where a listed word is a person's name after all."""
    word = words[at]
    capital = word.text[0].isupper() or style.quiet
    if capital and _titled(words, at, text):
        return not (style.loud and vocabulary.certain(word.folded))
    if _medical(words, at):
        return False
    if people.shown(words, at, text, style.loud):
        return True
    if not capital:
        return False
    if not _common(word.folded):
        return word.folded in vocabulary.rare() and _is_rare_name(words, at, text, style)
    if _expected(words, at, text):
        return word.folded in vocabulary.names() or _beside_name(words, at, text)
    if word.folded not in vocabulary.names() or word.folded in vocabulary.sure() or style.quiet:
        return False
    return _stands_as_name(words, at, text, style)


def _is_rare_name(words: list[Word], at: int, text: str, style: Style) -> bool:
    """A word that is now and then a name: where one is expected, or odd in a descriptor."""
    if words[at].text.istitle() and _expected(words, at, text):
        return True
    return style.descriptor and not style.quiet and words[at].folded not in vocabulary.sure()


def _stands_as_name(words: list[Word], at: int, text: str, style: Style) -> bool:
    """A plain word and common name, capital, with no cue: the place decides."""
    word = words[at]
    if style.descriptor or word.folded not in vocabulary.plain():
        return not _collocated(words, at, text)
    if _closing(words, at, text):
        return True
    return not style.loud and _SENTENCE.fullmatch(text[: word.start]) is None


def _expected(words: list[Word], at: int, text: str) -> bool:
    """True where a person is likely: after a cue, before a verb of speech, beside a name."""
    return (
        _after_person(words, at, text)
        or _before_speech(words, at, text)
        or _beside_name(words, at, text)
    )


def _common(folded: str) -> bool:
    return folded in vocabulary.names() or folded in vocabulary.eponyms()


def _medical(words: list[Word], at: int) -> bool:
    """An eponym has its noun within the next two words, or "morbus" before it."""
    folded = words[at].folded
    if folded not in vocabulary.eponyms() and folded not in vocabulary.sure():
        return False
    if at and words[at - 1].folded in ("morbus", "maladie", "enfermedad", "post"):
        return True
    return any(w.folded in vocabulary.cue("noun") and not w.struck for w in words[at + 1 : at + 3])


def _collocated(words: list[Word], at: int, text: str) -> bool:
    """A colour before a clinical word is its adjective: "black blood", "white matter"."""
    if words[at].folded not in vocabulary.cue("adjective") or at + 1 == len(words):
        return False
    after = words[at + 1]
    gap = text[words[at].end : after.start]
    return not after.struck and vocabulary.certain(after.folded) and gap in (" ", "-")


def _closing(words: list[Word], at: int, text: str) -> bool:
    """The last word of a text, set off by a comma, a semicolon or a dash."""
    before = text[: words[at].start].rstrip(" ")
    return at + 1 == len(words) and before[-1:] in (",", ";", "-", "(")


def _titled(words: list[Word], at: int, text: str) -> bool:
    """True after a title. "MR", "DR" and "MS" in capitals without a dot are modalities first."""
    if not _follows(words, at, text, "title"):
        return False
    title = words[at - 1]
    modality = title.text in ("MR", "DR", "MS") and text[title.end : title.end + 1] != "."
    return not modality or _common(words[at].folded)


def _after_person(words: list[Word], at: int, text: str) -> bool:
    if _follows(words, at, text, "person"):
        return True
    ends = at + 1 == len(words) or words[at + 1].struck == NAME
    return ends and at > 0 and words[at - 1].folded in ("for", "für", "pour", "para", "per")


def _follows(words: list[Word], at: int, text: str, section: str) -> bool:
    if not at or words[at - 1].struck:
        return False
    before = words[at - 1]
    gap = text[before.end : words[at].start]
    return before.folded in vocabulary.cue(section) and _LIGHT.fullmatch(gap) is not None


def _before_speech(words: list[Word], at: int, text: str) -> bool:
    if at + 1 == len(words) or words[at + 1].struck:
        return False
    after = words[at + 1]
    return after.folded in vocabulary.cue("speech") and text[words[at].end : after.start] == " "


def _beside_name(words: list[Word], at: int, text: str) -> bool:
    """True next to a word that was struck as a name."""
    for near in (at - 1, at + 1):
        if 0 <= near < len(words) and words[near].struck == NAME:
            left, right = sorted((words[near], words[at]))
            if _BESIDE.fullmatch(text[left.end : right.start]):
                return True
    return False


def titles(words: list[Word], text: str) -> Iterator[Word]:
    """Titles whose name was struck: they go with it."""
    for title, name in pairwise(words):
        gap = text[title.end : name.start]
        named = name.struck == NAME and not title.struck and _LIGHT.fullmatch(gap) is not None
        if named and title.folded in vocabulary.cue("title"):
            yield title
