"""The words that may stay: lists of clinical, technical and plain words, and how words are formed."""

from __future__ import annotations

import functools
import re
from importlib import resources

from watcher.scrub.folding import fold

# Sure words stay wherever they stand; plain words give way where a name is expected.
_SURE = ("clinical.txt", "protocol.txt", "dicom.txt")
_PLAIN = ("english.txt", "languages.txt")
_EPONYMS = ("eponyms.txt",)
_NAMES = ("names.txt",)


def _load(*names: str) -> frozenset[str]:
    found: set[str] = set()
    for name in names:
        text = resources.files(__package__).joinpath(name).read_text("utf-8")
        for line in text.splitlines():
            if not line.startswith("#"):
                found.update(fold(w) for w in line.split())
    return frozenset(found)


@functools.cache
def sure() -> frozenset[str]:
    """Clinical and technical words."""
    return _load(*_SURE)


@functools.cache
def plain() -> frozenset[str]:
    """Words of everyday language."""
    return _load(*_PLAIN)


@functools.cache
def eponyms() -> frozenset[str]:
    """People's names that are also names of diseases, signs, views and devices."""
    return _load(*_EPONYMS)


@functools.cache
def names() -> frozenset[str]:
    """Common family and given names."""
    return _load(*_NAMES)


@functools.cache
def cue(section: str) -> frozenset[str]:
    """The folded words of one section of cues.txt."""
    text = resources.files(__package__).joinpath("cues.txt").read_text("utf-8")
    lines = (line.partition(": ") for line in text.splitlines() if not line.startswith("#"))
    return frozenset(fold(w) for name, _, words in lines if name == section for w in words.split())


_MEDICAL_END = re.compile(
    r"""(?:itis|itides|osis|oses|ectom(?:y|ies)|otom(?:y|ies)|ostom(?:y|ies)|plast(?:y|ies)|megaly|graph(?:y|ic|ies)
    |gram|grams|scop(?:y|ic|ies)|path(?:y|ic|ies)|a?emia|a?emic|uria|algia|troph(?:y|ic)|plas(?:ia|tic)|lysis|lytic|penia
    |penic|rrh(?:ea|oea|agic|age)|scler(?:osis|otic)|sten(?:osis|otic)|genic|genesis|ologist|ologic|ological|ology|therapy
    |ectasis|ectatic|ectasia|cytic|cytosis|blastic|blastoma|carcinoma|sarcoma|lymphoma|adenoma|fibroma|myoma|angioma
    |metr(?:y|ic)|desis|pexy|centesis|plegi[ac]|paresis|phas?i[ac]|phagi[ac]|kinesi[as]|kinetic|thora[cx]|cranial|caval|hepatic
    |renal|gastric|enteric|colic|vesical|arterial|venous|vascular|muscular|osseous|articular|lateral|medial|axial|sagittal
    |coronal|pleural|pulmonary|bronchial|cardia[cl]?|ventricular|atrial|valvular|aortic|cerebral|spinal|vertebral|neural
    |dural|orbital|nasal|oral|dental|lingual|tonsillar|thyroid|glandular|nodal|tumou?r(?:al|s)?|metast(?:asis|ases|atic))$""",
    re.VERBOSE,
)
_PLAIN_END = re.compile(
    r"(?:(?:a|i|u)tions?|[cst]sions?|ements?|fulness|lessness|iveness|abilit(?:y|ies)|ibilit(?:y|ies)|ically|ously|izing|ising|ization|isation|ivity)$"
)
_PREFIX = re.compile(
    r"^(?:anti|auto|bi|contra|de|dis|extra|hemi|hyper|hypo|infra|inter|intra|iso|macro|micro|mid|mono|multi|non|over|para"
    r"|peri|poly|post|pre|pseudo|quadri|re|retro|semi|sub|super|supra|tetra|trans|tri|ultra|un|under"
    r"|angio|antero|arterio|broncho|cardio|cerebro|cervico|cholangio|chondro|colo|costo|cranio|cysto|dorso|electro|endo|entero"
    r"|fibro|gastro|hepato|histo|ileo|laryngo|latero|lipo|lumbo|lympho|medio|musculo|myelo|myo|naso|nephro|neuro|oculo|oro|osteo"
    r"|pharyngo|phlebo|photo|pneumo|postero|pyelo|radio|recto|reno|sacro|sclero|spleno|sterno|temporo|thoraco|thrombo|thyro"
    r"|tracheo|uretero|urethro|utero|vaso|ventriculo|vertebro|vesico|xantho)"
)
_INFLECTIONS = (
    ("'s", ""), ("s", ""), ("es", ""), ("ies", "y"), ("ed", ""), ("ed", "e"), ("ied", "y"), ("ing", ""), ("ing", "e"),
    ("ly", ""), ("ally", ""), ("ily", "y"), ("er", ""), ("er", "e"), ("est", ""), ("ness", ""),
)  # fmt: skip
_LONG_STEM = frozenset({"ly", "er", "est", "ally"})


@functools.lru_cache(maxsize=16384)
def knows(word: str) -> bool:
    """True if the folded `word` is listed, or formed from listed words."""
    return word in sure() or word in plain() or word in eponyms() or _formed(word)


@functools.lru_cache(maxsize=16384)
def certain(word: str) -> bool:
    """True if the folded `word` is clinical or technical, and nobody's usual name."""
    return word in sure() and word not in names()


def _listed(word: str) -> bool:
    return word in sure() or word in plain()


def _formed(word: str) -> bool:
    if len(word) < 4 or not word.isascii() or word in names():
        return False
    if len(word) >= 7 and (_MEDICAL_END.search(word) or _PLAIN_END.search(word)):
        return True
    if _inflected(word):
        return True
    rest = _PREFIX.sub("", word, count=1)
    if rest != word and len(rest) >= 4:
        return _listed(rest) or _inflected(rest)
    return False


def _inflected(word: str) -> bool:
    for end, base in _INFLECTIONS:
        if word.endswith(end) and len(word) - len(end) >= (4 if end in _LONG_STEM else 3):
            stem = word[: -len(end)] + base
            if _listed(stem):
                return True
            if end in ("ed", "ing", "er") and stem[-1:] == stem[-2:-1] and _listed(stem[:-1]):
                return True
    return False
