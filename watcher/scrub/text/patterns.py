"""Identifiers that show by their form: contacts, numbers and what stands behind their cues."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from watcher.scrub.folding import fold
from watcher.scrub.text import places, vocabulary

_URL = r"(?:[a-z][a-z0-9+.-]{1,9}://|www\.)[^\s<>\"')\]]+"
_MAIL = r"[\w.+'-]+\s?(?:@|\(at\)|\[at\])\s?[\w-]+(?:\.[\w-]+)*"
_HANDLE = r"(?<![\w@])@[a-z]\w{2,}"
_HOST = (
    r"(?<![\w@.])(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+"
    r"(?:com|org|net|edu|gov|mil|int|info|biz|local|lan|intern|internal|corp|example|test|invalid"
    r"|health|hospital|clinic|care|med|io|ai|eu|uk|us|ca|au|nz|de|at|ch|fr|es|pt|nl|be|lu|dk|se|no"
    r"|fi|pl|cz|hu|ro|gr|tr|ru|ua|cn|jp|kr|tw|hk|sg|my|th|vn|ph|br|mx|ar|cl|za|ie|il|ae|sa)"
    r"(?![\w.-]*\w)(?:[:/]\S*)?"
)
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
# A software version has four small numbers; an address has some of two or three digits.
_IPV4 = (
    rf"(?<![\d.])(?=[\d.]*\d\d\d?\.[\d.]*\d\d)(?:{_OCTET}\.){{3}}{_OCTET}(?::\d{{2,5}})?"
    rf"(?![\d.]*\d)|(?<=\bip\s)(?:{_OCTET}\.){{3}}{_OCTET}"
)
_HEX = r"[0-9a-f]{1,4}"
_IPV6 = (
    rf"(?<![\w:])(?:{_HEX}:){{7}}{_HEX}(?![\w:])"
    rf"|(?<![\w:])(?:{_HEX}:){{1,6}}:(?:{_HEX}:){{0,5}}{_HEX}(?![\w:])"
)
_MAC = r"(?<![\w:])(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}(?![\w:])"
_UUID = r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
_UID = r"(?<![\d.])(?!1\.2\.840\.10008\.)[0-2](?:\.\d+){5,}(?![\d.]*\d)"
_PATH = (
    r"\\\\[\w.-]+\\\S+|\b[a-z]:\\\S+"
    r"|(?<![\w/])/(?:home|users|mnt|data|export|tmp|var|volumes|srv)/\S+"
)

# 3-3-4, 3-4 and international groupings; a lone run of digits is judged as a number, not here.
_PHONE = (
    r"(?<![\w.])(?=(?:\D?\d){9})(?:\+|00)\d{1,3}[\s./-]?(?:\(0?\)\s?)?(?:\(?\d{1,5}\)?[\s./-]?){1,6}"
    r"\d{2,}(?!\w)"
    r"|(?<![\w.])(?:1[-.\s])?\(?\d{3}\)?[-.\s/]{1,2}\d{3}[-.\s]\d{4}(?:\s?(?:x|ext\.?)\s?\d{1,6})?"
    r"(?![\w-])"
    r"|(?<![\w.-])\d{3}-\d{4}(?![\w-]|\.\d)"
    r"|(?<![\w.])0\d{1,4}[\s/-]\d{2,4}(?:[\s/-]?\d{2,4}){1,3}(?!\w)"
    r"|(?<![\w.])0\d{2,4}[\s/-]\d{5,8}(?!\w)"
)
_GROUPED = (
    r"(?<![\w.-])(?:\d{3}[-\s]\d{2}[-\s]\d{4}|\d{3}\s\d{3}\s\d{4}|\d{4}(?:[\s-]\d{4}){2,4}"
    r"|\d{5}-\d{4})(?![\w-])"
)
# Plates whose form alone tells: 7ABC123, M-AB 1234.
_BARE_PLATE = (
    r"(?<![\w-])\d[A-Z]{3}\d{3}(?![\w-])|(?<![\w-])(?-i:[A-ZÄÖÜ]{1,3}-[A-Z]{2}\s\d{3,4})(?![\w.])"
)

# A cue, and the value behind it: the cue stays, the value goes. It must hold a digit.
_CUES = (
    r"mrn|medical\s+record|med\.?\s*rec|record|hospital|hosp|patient|pat|pt|unit|case|file|chart"
    r"|visit|encounter|episode|admission|adm|account|acct|acc|accession|order|req|requisition"
    r"|request|ssn|social\s+security|nhs|chi|nric|passport|national|identity|tax|citizen|personnel"
    r"|insurance|ins|policy|plan|member|subscriber|beneficiary|medicare|medicaid|health\s+card"
    r"|licen[cs]e|permit|certificate|cert|dea|npi|registration|reg|badge|staff|employee|plate"
    r"|vehicle|car|vin|tag|chassis|serial|device|implant|lot|ref|reference|token|key|session"
    r"|fingerprint|biometric|template|barcode|room|bed|ward|locker|study|exam|specimen|sample"
    r"|subject|fallnummer|patientennummer|patienten|versicherung|kennzeichen|num[eé]ro|dossier"
    r"|expediente"
)
_VALUE = r"(?=[^\s,;]*\d)[A-Z0-9][\w./-]*\w(?:[ -](?=[A-Z]*\d)[A-Z]{0,3}[\d-]{2,}\b)*"
_NUMBERED = (
    rf"\b(?:{_CUES})(?:'?s)?[\s._-]*(?:id(?:ent\w*)?|no|nr|num|number|nbr|code|#|№|n°)[\s.:#=]*"
    rf"(?:is\s+)?(?P<v>{_VALUE})"
)
_CUED = (
    r"\b(?:mrn|ssn|nhs|npi|dea|vin|acc(?:ession)?|acct|account|serial|s/n|sn|licen[cs]e|passport"
    r"|policy|plate|fingerprint|certificate|token|kennzeichen|medicare|medicaid|insurance|badge"
    rf"|barcode|dob|pid|uid|udi)\b[\s.:#=]*(?:is\s+|no\.?\s+)?(?P<v>{_VALUE})"
)
_HASHED = (
    rf"(?:\b(?:id|no|nr|ref)\b\s?[.:#=]+\s?|#\s?|№\s?)(?P<v>(?=[\w-]*\d[\w-]*\d[\w-]*\d){_VALUE})"
)
_PLATE = (
    r"\b(?:plate|vehicle|car|ambulance|kennzeichen|registration|reg)\b(?:\s+(?:plate|no|number|nr))*[\s.:#]*"
    r"(?P<v>[A-ZÄÖÜ]{1,3}[\s-]?(?:[A-Z]{1,2}[\s-]?)?\d{1,5}[A-Z]{0,3}"
    r"|\d{1,3}[\s-]?[A-Z]{2,3}[\s-]?\d{2,4})\b"
)


class _Rule(NamedTuple):
    """A pattern, and what a text must have for it to be worth trying."""

    digits: int
    any_of: str
    pattern: re.Pattern[str]


def _rules(*rows: tuple[int, str, str]) -> tuple[_Rule, ...]:
    return tuple(_Rule(n, chars, re.compile(p, re.IGNORECASE)) for n, chars, p in rows)


_RULES = _rules(
    (0, "@[(", _MAIL),
    (0, "@", _HANDLE),
    (0, "./", _URL),
    (0, ".", _HOST),
    (0, "/\\", _PATH),
    (4, ".", _IPV4),
    (2, ":", _IPV6),
    (4, ":-", _MAC),
    (8, "-", _UUID),
    (6, ".", _UID),
    (7, "", _PHONE),
    (9, "- ", _GROUPED),
    (3, "", _BARE_PLATE),
    (2, "", _NUMBERED),
    (2, "", _CUED),
    (3, "#:.=№", _HASHED),
    (1, "", _PLATE),
)


def find(text: str) -> Iterator[tuple[int, int]]:
    """Spans of `text` that are an identifier by their form; they may overlap."""
    if "_" in text:
        yield from find(text.replace("_", " "))
    digits = sum(map(text.count, "0123456789"))
    for rule in _RULES:
        if digits < rule.digits or (rule.any_of and not any(c in text for c in rule.any_of)):
            continue
        for match in rule.pattern.finditer(text):
            if not _is_sentence_end(match[0], rule):
                yield match.span(match.lastgroup or 0)
    yield from places.find(text, digits)


def _is_sentence_end(found: str, rule: _Rule) -> bool:
    """ "left knee.No fracture" is no host: its labels are all words."""
    if rule.pattern.pattern != _HOST or "/" in found:
        return False
    labels = found.split(".")[:-1]
    return all(label.isalpha() and vocabulary.knows(fold(label)) for label in labels)
