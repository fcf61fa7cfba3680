"""One word of a text: may it stay? Vocabulary, form and neighbours decide."""

from __future__ import annotations

import re
from typing import NamedTuple

from watcher.scrub.folding import fold
from watcher.scrub.text import vocabulary

_ATOM = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_PIECE = re.compile(r"[^\W\d_]+|\d+")
_CAMEL = re.compile(r"[^\W\d_A-Z]+|[A-Z]+(?![a-z])|[A-Z][a-z]+")
_VOWEL = re.compile(r"[aeiouyäöüáéíóúàèùâêîôûåæøœ]")
_UNIT = re.compile(
    r"\s?(?:mm|cm|m|um|µm|nm|kg|g|mg|ug|µg|mcg|ng|ml|l|dl|mmol|mol|iu|units?|u|bq|kbq|mbq|gbq|ci|mci|uci|hz|khz|mhz|ghz|kv|kvp|ma|mas"
    r"|ms|msec|s|sec|secs|min|h|hr|hu|t|mt|gy|cgy|mgy|msv|sv|%|°|deg|degrees|px|pixels?|ppm|w|kw|counts?|kcts|cts|bpm|dpi|lp|ppi)\b",
    re.IGNORECASE,
)
_TITLE = frozenset(
    """dr drs doctor mr mrs ms miss mister mx prof professor sir dame herr frau fr hr dra sra srta
    señor señora senor senora monsieur madame mme mlle dott dottssa ing rev father sister nurse consultant
    surgeon registrar pgy""".split()
)
# What comes before a person in running text; weaker than a title: a listed word needs a name's look.
_CUE = frozenset(
    """by operator tech technologist technician radiographer sonographer physician provider performed
    name patient pat named called signed author reader referrer requested attn attention told asked ask spouse
    husband wife mother father son daughter brother sister kin per cc von bei durch arzt durchgeführt
    par por da dal porte""".split()
)
_SPEECH = frozenset(
    """said says reports reported states stated denies denied complains complained presents presented called
    phoned requested requests agreed performed dictated signed notified informed advised recommends""".split()
)
_EPONYM_NOUN = frozenset(
    """disease diseases syndrome sign signs cyst cysts fracture fractures view views lymphoma sarcoma palsy
    procedure operation shunt catheter method maneuver manoeuvre test score scale index grade classification type
    line lines node nodes nodule nodules lesion deformity contracture hernia aneurysm ligament duct fascia
    foramen canal ring tube drain plate nail wire prosthesis arthroplasty osteotomy angle ratio projection position
    stain anaemia anemia chorea dementia thyroiditis tumor tumour carcinoma ulcer esophagus oesophagus diverticulum
    triad law space pouch ganglion body bodies cell cells muscle tendon nerve artery vein valve cannula
    disorder phenomenon reflex reaction staging pancreatitis arthritis vasculitis malformation encephalopathy
    morbus maladie krankheit erkrankung morbo enfermedad""".split()
)


class Word(NamedTuple):
    """A run of letters and digits with its place and whether it was struck out already."""

    start: int
    end: int
    text: str
    gone: bool

    @property
    def folded(self) -> str:
        return fold(self.text)


def split(text: str, struck: bytearray) -> list[Word]:
    """The words of `text`, possessives whole; `struck` marks characters that go."""
    return [
        Word(m.start(), m.end(), m[0], any(struck[m.start() : m.end()]))
        for m in _ATOM.finditer(text)
    ]


def stays(words: list[Word], at: int, text: str, strict: bool) -> bool:
    """True if the word at index `at` may stay.

    `strict`: a short descriptor, where a bare family name is likelier than prose.
    """
    word = words[at]
    if word.text.isdigit():
        return _number_stays(word, text)
    pieces = _PIECE.findall(word.text)
    if len(pieces) > 1 and any(p.isdigit() for p in pieces):
        return _code_stays(pieces, word.text)
    return _letters_stay(words, at, text, strict)


def _number_stays(word: Word, text: str) -> bool:
    """Up to four digits, decimals, and whatever has a unit; longer bare numbers identify."""
    size = len(word.text)
    if size < 5:
        return True
    before, after = text[word.start - 1 : word.start], text[word.end : word.end + 2]
    if before in (".", ",") and text[word.start - 2 : word.start - 1].isdigit():
        return True
    if re.match(r"[.,]\d", after):
        return size < 7
    return bool(_UNIT.match(text, word.end)) and size < 7


def _code_stays(pieces: list[str], word: str) -> bool:
    """Letters with few digits are technical when the letters are short or known."""
    if any(len(p) > 4 for p in pieces if p.isdigit()) or sum(c.isdigit() for c in word) > 5:
        return False
    letters = [p for p in pieces if not p.isdigit()]
    return all(len(p) <= 3 or _known(p) for p in letters)


def _known(word: str) -> bool:
    folded = fold(word)
    if vocabulary.knows(folded):
        return True
    parts = _CAMEL.findall(word)
    if len(parts) > 1 and "".join(parts) == word:
        return all(vocabulary.knows(fold(p)) for p in parts)
    return False


def _letters_stay(words: list[Word], at: int, text: str, strict: bool) -> bool:
    word = words[at]
    base = re.sub(r"['’]s?$", "", word.text)
    folded = fold(base)
    if len(folded) == 1:
        return not (base.isupper() and _beside_struck(words, at, text))
    if not _known(base):
        return _acronym(base, folded)
    if vocabulary.certain(folded) or folded not in _ambiguous():
        return True
    return _common_word(words, at, text, strict)


def _ambiguous() -> frozenset[str]:
    return vocabulary.names() | vocabulary.eponyms()


def _acronym(word: str, folded: str) -> bool:
    """Unknown letters that no name is made of: short ones, and those without a vowel."""
    if folded in vocabulary.names():
        return False
    if len(folded) <= 2 or (len(folded) <= 6 and folded.isascii() and not _VOWEL.search(folded)):
        return True
    return len(folded) == 3 and (word.isupper() or word.islower())


def _common_word(words: list[Word], at: int, text: str, strict: bool) -> bool:
    """A listed word that is also a name goes where a name is expected."""
    word = words[at]
    folded = fold(re.sub(r"['’]s?$", "", word.text))
    before = words[at - 1] if at else None
    after = words[at + 1] if at + 1 < len(words) else None
    named = word.text[:1].isupper()
    if (
        before is not None
        and not before.gone
        and before.folded in _TITLE
        and _close(before, word, text)
    ):
        return not named
    if folded in vocabulary.eponyms() and _medical(words, at):
        return True
    if not named:
        return True
    if _beside_struck(words, at, text):
        return vocabulary.certain(folded)
    if before is not None and before.folded in _CUE and _close(before, word, text):
        return False
    if after is not None and after.folded in _SPEECH and _close(word, after, text):
        return False
    if folded in vocabulary.eponyms():
        return folded not in vocabulary.names()
    if strict:
        return folded in vocabulary.sure()
    return folded in vocabulary.sure() or _starts(word, text) or word.text.isupper()


def _medical(words: list[Word], at: int) -> bool:
    """An eponym has its noun within the next two words, or is a possessive before a known word."""
    near = [w.folded for w in words[at + 1 : at + 3]] + [
        w.folded for w in words[max(0, at - 1) : at]
    ]
    return any(n in _EPONYM_NOUN for n in near)


def _close(left: Word, right: Word, text: str) -> bool:
    """Nothing but blanks and light punctuation between two words."""
    return bool(re.fullmatch(r"[\s.,:;=^_/-]{0,4}", text[left.end : right.start]))


def _beside_struck(words: list[Word], at: int, text: str) -> bool:
    word = words[at]
    for other in words[max(0, at - 1) : at] + words[at + 1 : at + 2]:
        left, right = (other, word) if other.start < word.start else (word, other)
        gap = text[left.end : right.start]
        if other.gone and not other.text[:1].isdigit() and re.fullmatch(r"[\s.^_,-]{1,2}", gap):
            return True
    return False


def _starts(word: Word, text: str) -> bool:
    """True at the start of the text or of a sentence."""
    return bool(re.fullmatch(r"|.*[.!?:;(\n]\s*", text[: word.start], re.DOTALL))
