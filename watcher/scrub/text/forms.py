"""How words are formed: endings, prefixes and compounds of listed words."""

from __future__ import annotations

import re
from collections.abc import Callable

Listed = Callable[[str], bool]

_MEDICAL_END = re.compile(
    r"(?:itis|itides|[aeiou]sis|oses|[eo]tom(?:y|ies)|ectom(?:y|ies)|ostom(?:y|ies)|oplast(?:y|ies)"
    r"|megaly|graph(?:y|ic|ies)|ograms?|oscop(?:y|ic|ies)|opath(?:y|ic|ies)"
    r"|(?:gly|az|ox|aem|lip|hydr)a?emi[ac]|uria|algia|troph(?:y|ic)|plas(?:ia|tic)|lysis|lytic"
    r"|openi[ac]|rrho?ea|rrhag(?:ic|e)|sclerotic|stenotic|genic|ologists?|ologic(?:al)?|ology"
    r"|therapy|ectasis|ectatic|ectasia|ocytic|blastic|blastoma|carcinomas?|sarcomas?|lymphomas?"
    r"|adenomas?|fibromas?|myomas?|angiomas?|metr(?:y|ic)|odesis|opexy|centesis|plegi[ac]|paresis"
    r"|phas?i[ac]|phagi[ac]|kinesi[as]|kinetic|metasta(?:sis|ses|tic))$"
)
_PLAIN_END = re.compile(
    r"(?:[aiu]tions?|[cst]sions?|ements?|fulness|lessness|iveness|[ai]bilit(?:y|ies)|ically|ously"
    r"|i[sz]ing|i[sz]ation|ivity)$"
)
_PREFIX = re.compile(
    r"^(?:anti|auto|bi|contra|de|dis|extra|hemi|hyper|hypo|infra|inter|intra|iso|macro|micro|mid"
    r"|mono|multi|non|over|para|peri|poly|post|pre|pseudo|quadri|re|retro|semi|sub|super|supra"
    r"|tetra|trans|tri|ultra|un|under|angio|antero|arterio|broncho|cardio|cerebro|cervico|cholangio"
    r"|chondro|colo|costo|cranio|cysto|dorso|electro|endo|entero|fibro|gastro|hepato|histo|ileo"
    r"|laryngo|latero|lipo|lumbo|lympho|medio|musculo|myelo|myo|naso|nephro|neuro|oculo|oro|osteo"
    r"|pharyngo|phlebo|photo|pneumo|postero|pyelo|radio|recto|reno|sacro|sclero|spleno|sterno"
    r"|temporo|thoraco|thrombo|thyro|tracheo|uretero|urethro|utero|vaso|ventriculo|vertebro|vesico"
    r"|xantho)"
)
# (ending, what stood there before, letters the stem must have): short stems make names of words.
_INFLECTIONS = (
    *(("s", "", 3), ("es", "", 3), ("ies", "y", 3), ("ed", "", 3), ("ed", "e", 3), ("ied", "y", 3)),
    *(("ing", "", 3), ("ing", "e", 3), ("ly", "", 4), ("ally", "", 4), ("ily", "y", 3)),
    *(("er", "", 4), ("er", "e", 4), ("est", "", 4), ("ness", "", 3)),
)
_DOUBLING = frozenset({"ed", "ing", "er"})
_SHORTEST = 4
_SHORTEST_SUFFIXED = 8


def formed(word: str, listed: Listed, part: Listed, parts: re.Pattern[str]) -> bool:
    """True if the folded `word` is formed from listed words.

    `part` knows the words that clinical compounds are made of, `parts` those of other languages.
    """
    if len(word) < _SHORTEST or not word.isascii():
        return False
    long = len(word) >= _SHORTEST_SUFFIXED
    if long and (_MEDICAL_END.search(word) or _PLAIN_END.search(word)):
        return True
    if _inflected(word, listed) or _prefixed(word, listed):
        return True
    return long and (parts.fullmatch(word) is not None or _compound(word, part))


def _prefixed(word: str, listed: Listed) -> bool:
    rest = _PREFIX.sub("", word, count=1)
    if rest == word or len(rest) < _SHORTEST:
        return False
    return listed(rest) or _inflected(rest, listed)


def _compound(word: str, part: Listed) -> bool:
    """Two clinical words written as one: "abdomenroutine"."""
    return any(part(word[:i]) and part(word[i:]) for i in range(4, len(word) - 3))


def _inflected(word: str, listed: Listed) -> bool:
    for end, base, least in _INFLECTIONS:
        if not word.endswith(end) or len(word) - len(end) < least:
            continue
        stem = word[: -len(end)] + base
        if listed(stem):
            return True
        if end in _DOUBLING and stem[-1:] == stem[-2:-1] and listed(stem[:-1]):
            return True
    return False
