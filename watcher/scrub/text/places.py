"""Addresses, institutions and ages above 89: what tells where and how old somebody is."""

from __future__ import annotations

import re
from collections.abc import Iterator

from watcher.scrub.folding import words
from watcher.scrub.text import vocabulary

_CAP = r"(?-i:[A-ZÀ-ÞŁŚŽČŠ][\w'’-]*\.?)"

_STREET = (
    r"street|avenue|ave|road|rd|lane|drive|boulevard|blvd|bvd|terrace|highway|hwy|parkway|pkwy"
    r"|crescent|mews|alley"
)
# A dot behind a whole word ends the sentence, behind one that is cut short it may not.
_STREET_END = r"(?:(?<=ave)\.|(?<=rd)\.|(?<=blvd)\.|(?<=bvd)\.|(?<=[hkp]wy)\.)?"
# These are clinical words and abbreviations too ("4 phase liver CT"): other words must be none.
_WEAK_STREET = (
    r"st|str|ln|dr|court|ct|place|pl|square|sq|way|circle|cir|close|cres|gardens|grove|row|walk"
    r"|trail|loop|pike|hill|heights|park|plaza|quay|wharf|gate|green|rise|view|mount|av|ter"
)
_TOWN = (
    rf"(?:,?\s*{_CAP}(?:\s{_CAP}){{0,2}})?(?:,?\s*(?-i:[A-Z]{{2}})\b)?"
    r"(?:,?\s*\d{5}(?:-\d{4})?)?"
)
_NUMBER = r"(?<![\w.])\d{1,5}[a-z]?(?:[-/]\d{1,4})?,?\s+(?:(?:[nsew]|north|south|east|west)\.?\s+)?"
_UNIT = r"(?:,?\s*(?:apt|suite|unit|flat|room|floor|#)\.?\s*\w+)?"
_NUMBERED_STREET = rf"{_NUMBER}(?:[\w'’-]+\.?\s+){{1,3}}(?:{_STREET})\b{_STREET_END}{_UNIT}{_TOWN}"
_WEAK_NUMBERED_STREET = (
    rf"{_NUMBER}(?P<street>(?:{_CAP}\s+){{1,3}})(?:{_WEAK_STREET})\b\.?{_UNIT}{_TOWN}"
)
_STREET_NUMBER = (
    r"\b[\w'’-]*(?:stra(?:ss|ß)e|str\.|weg|platz|allee|gasse|ufer|damm|laan|straat|gracht|vej"
    r"|gatan|gata)\s+\d{1,4}\s?[a-z]?\b"
    rf"(?:,?\s*(?:[A-Z]{{1,2}}-)?\d{{4,5}}\s+{_CAP})?"
)
_OF = r"(?:(?:de|du|des|della|del|la|le|da|do|dos|l')\s*){0,2}"
_ROMANCE = (
    r"rue|avenue|boulevard|place|chemin|impasse|quai|calle|avenida|carrer|paseo|plaza|rua|travessa"
    r"|via|viale|piazza|corso|ulica|ul\."
)
_ROMANCE_STREET = (
    rf"\b\d{{1,4}}(?:\s?bis)?,?\s+(?:{_ROMANCE})\s+{_OF}{_CAP}(?:\s{_CAP}){{0,2}}"
    rf"(?:,?\s*\d{{4,5}}\s+{_CAP})?"
    rf"|\b(?:{_ROMANCE})\s+{_OF}{_CAP}(?:\s{_CAP}){{0,2}},?\s*(?:n[°o.]\s*)?\d{{1,4}}\b"
    rf"(?:,?\s*\d{{4,5}}\s+{_CAP})?"
    rf"|\b(?:rue|calle|avenida|rua|viale|travessa|carrer|impasse)\s+{_OF}{_CAP}(?:\s{_CAP}){{0,2}}"
)
_POST_BOX = rf"\bp\.?\s?o\.?\s?box\s+\d+{_TOWN}"
_ADDRESS = re.compile(
    "|".join((_NUMBERED_STREET, _STREET_NUMBER, _ROMANCE_STREET, _POST_BOX)), re.IGNORECASE
)
_WEAK_ADDRESS = re.compile(_WEAK_NUMBERED_STREET, re.IGNORECASE)
_ADDRESS_WORD = re.compile(
    rf"\b(?:{_STREET}|{_WEAK_STREET}|{_ROMANCE}|box)\b|stra(?:ss|ß)e|str\.|weg|platz|allee|gasse"
    r"|ufer|damm|laan|straat|gracht|vej|gata",
    re.IGNORECASE,
)
_POSTCODE = re.compile(r"\b[A-Z]{1,2}\d[\dA-Z]\s\d[ABD-HJLNP-UW-Z]{2}\b")
_ZIP = re.compile(
    r"\b(?:zip|zip\s*code|postcode|postal\s*code|plz|cap)\b[\s.:#]*"
    r"(?P<v>[A-Z]?\d[\dA-Z]{2,5}(?:[\s-]\d[\dA-Z]{2,3})?)\b",
    re.IGNORECASE,
)

# What kind of place it is says nothing; the words before it say which.
_KINDS = (
    "general|memorial|university|children'?s?|community|district|regional|county|city|state|public"
    "|private|medical|teaching|military|veterans|acute|primary|secondary|elementary|middle|high"
    "|grammar|boarding|nursing|day"
)
_GENERIC = (
    rf"{_KINDS}|outside|local|referring|other|same|our|the|this|that|previous|prior|another|from"
    "|into|with|any|each|every|large|small|at|in|to|of|on|for|by|and|or|left|was|is"
)
_HOUSE = (
    r"hospitals?|hosp|clinic|infirmary|klinik(?:um)?|krankenhaus|h[ôo]pital|ospedale|sanatorium"
    r"|hospice|school|college|university|universit[äye]t?"
    r"|(?:medical|health|imaging|cancer|heart|radiology|diagnostic)\s+"
    r"(?:center|centre|group|associates)"
)
_SAINT = r"(?:st\.?|saint|mount|mt\.?|san|santa|sankt)"
_INSTITUTION = re.compile(
    rf"(?P<before>\b(?:{_SAINT}\s+)?(?!(?:{_GENERIC})\b){_CAP}"
    rf"(?:\s(?!(?:{_GENERIC})\b){_CAP}){{0,2}})(?=\s(?:(?:{_KINDS})\s)?(?:{_HOUSE})\b)"
    rf"|\b(?:{_HOUSE})\s(?:of|de|da|do|del|della|von|zum|zur)\s"
    rf"(?P<behind>{_CAP}(?:\s{_CAP}){{0,2}})",
    re.IGNORECASE,
)
_HOUSE_WORD = re.compile(_HOUSE, re.IGNORECASE)

# Ages above 89 are capped (PS3.15 E.3.6, and the Safe Harbor rule behind it).
_OLD = r"(?:9\d|1[0-3]\d)"
AGE = re.compile(
    rf"(?<![\w.+-])0?(?P<a>{_OLD})(?=\s*-?\s*(?:years?|yrs?|yo|y/o|y\.o\.?|jahre|jährig|ans|años"
    r"|anni|anos|jaar)\b|(?-i:[YMFW])\b|\s(?-i:[YF])\b)"
    r"|(?:(?<=\bage\s)|(?<=\bage:\s)|(?<=\bage:)|(?<=\baged\s)|(?<=\balter\s))"
    rf"(?P<b>{_OLD})\b(?![.\d+])",
    re.IGNORECASE,
)
CAPPED = "90+"


def find(text: str, digits: int) -> Iterator[tuple[int, int]]:
    """Spans of addresses, postal codes and names of institutions; `digits` counts the text's."""
    if _ADDRESS_WORD.search(text):
        yield from (m.span() for m in _ADDRESS.finditer(text))
        for match in _WEAK_ADDRESS.finditer(text) if digits > 1 else ():
            if not _any_clinical(match["street"]):
                yield match.span()
    if digits > 1:
        yield from (m.span() for m in _POSTCODE.finditer(text))
        yield from (m.span("v") for m in _ZIP.finditer(text))
    if _HOUSE_WORD.search(text):
        for match in _INSTITUTION.finditer(text):
            if not _all_clinical(match[match.lastgroup or 0]):
                yield match.span(match.lastgroup or 0)


def _any_clinical(text: str) -> bool:
    return any(vocabulary.certain(word) for word in words(text))


def _all_clinical(text: str) -> bool:
    return all(vocabulary.certain(word) for word in words(text))
