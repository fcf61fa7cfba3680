"""Addresses, institutions and ages above 89: what tells where and how old somebody is."""

from __future__ import annotations

import re
from collections.abc import Iterator

_CAP = r"(?-i:[A-ZÀ-ÞŁŚŽČŠ][\w'’-]*\.?)"

_STREET = (
    r"street|str|st|avenue|ave|av|road|rd|lane|ln|drive|dr|boulevard|blvd|bvd|court|ct|place|pl"
    r"|square|sq|terrace|ter|way|circle|cir|highway|hwy|parkway|pkwy|close|crescent|cres|gardens"
    r"|grove|mews|row|walk|alley|trail|loop|pike|hill|heights|park|plaza|quay|wharf|gate|green|rise"
    r"|view|mount"
)
_TOWN = (
    rf"(?:,?\s*{_CAP}(?:\s{_CAP}){{0,2}})?(?:,?\s*(?-i:[A-Z]{{2}})\b)?"
    r"(?:,?\s*\d{5}(?:-\d{4})?)?"
)
_NUMBERED_STREET = (
    r"(?<![\w.])\d{1,5}[a-z]?(?:[-/]\d{1,4})?,?\s+"
    r"(?:(?:[nsew]|north|south|east|west)\.?\s+)?"
    rf"(?:[\w'’-]+\.?\s+){{1,3}}(?:{_STREET})\b\.?"
    rf"(?:,?\s*(?:apt|suite|unit|flat|room|floor|#)\.?\s*\w+)?{_TOWN}"
)
_STREET_NUMBER = (
    r"\b[\w'’-]*(?:stra(?:ss|ß)e|str\.|weg|platz|allee|gasse|ufer|damm|laan|straat|gracht|vej"
    r"|gatan|gata)\s+\d{1,4}\s?[a-z]?\b"
    rf"(?:,?\s*(?:[A-Z]{{1,2}}-)?\d{{4,5}}\s+{_CAP})?"
)
_ROMANCE_STREET = (
    r"\b(?:\d{1,4}(?:\s?bis)?,?\s+)?(?:rue|avenue|boulevard|place|chemin|impasse|quai|calle"
    r"|avenida|carrer|paseo|plaza|rua|travessa|via|viale|piazza|corso|ulica|ul\.)\s+"
    rf"(?:(?:de|du|des|della|del|la|le|da|do|dos|l')\s*){{0,2}}{_CAP}(?:\s{_CAP}){{0,2}}"
    rf"(?:,?\s*(?:n[°o.]\s*)?\d{{1,4}}\b)?(?:,?\s*\d{{4,5}}\s+{_CAP})?"
)
_POST_BOX = rf"\bp\.?\s?o\.?\s?box\s+\d+{_TOWN}"
_ADDRESS = re.compile(
    "|".join((_NUMBERED_STREET, _STREET_NUMBER, _ROMANCE_STREET, _POST_BOX)), re.IGNORECASE
)
_ADDRESS_WORD = re.compile(
    rf"\b(?:{_STREET})\b|stra(?:ss|ß)e|str\.|weg|platz|allee|gasse|ufer|damm|laan|straat|gracht|vej"
    r"|gata|\b(?:rue|chemin|impasse|quai|calle|avenida|carrer|paseo|rua|travessa|via|viale|piazza"
    r"|corso|ulica|ul\.|box)\b",
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
    if digits > 1:
        yield from (m.span() for m in _POSTCODE.finditer(text))
        yield from (m.span("v") for m in _ZIP.finditer(text))
    if _HOUSE_WORD.search(text):
        for match in _INSTITUTION.finditer(text):
            yield match.span(match.lastgroup or 0)
