"""Identifiers that show by their form: addresses of every kind, numbers with their cues, titles."""

from __future__ import annotations

import re
from collections.abc import Iterator

_FLAGS = re.IGNORECASE

_URL = r"(?:[a-z][a-z0-9+.-]{1,9}://|www\.)[^\s<>\"')\]]+"
_MAIL = r"[\w.+'-]+\s?(?:@|\(at\)|\[at\])\s?[\w-]+(?:\.[\w-]+)*"
_HOST = (
    r"(?<![\w@.])(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+"
    r"(?:com|org|net|edu|gov|mil|int|info|biz|local|lan|intern|internal|corp|example|test|invalid"
    r"|health|hospital|clinic|care|med|io|ai|eu|uk|us|ca|au|nz|de|at|ch|fr|es|pt|nl|be|lu|dk|se|no"
    r"|fi|pl|cz|hu|ro|gr|tr|ru|ua|cn|jp|kr|tw|hk|sg|my|th|vn|ph|br|mx|ar|cl|za|ie|il|ae|sa)"
    r"(?![\w.-]*[\w])(?:[:/][^\s]*)?"
)
_IPV4 = r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?::\d{2,5})?(?![\d.]*\d)"
_IPV6 = r"(?<![\w:])(?:[0-9a-f]{1,4}:){2,7}(?::?[0-9a-f]{1,4}){1,6}(?![\w:])|(?<![\w:])(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}"
_MAC = r"(?<![\w:])(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}(?![\w:])"
_UID = r"(?<![\d.])[0-2](?:\.\d+){5,}(?![\d.]*\d)"
_UUID = r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
_PATH = r"(?:\\\\[\w.-]+\\[^\s]+|\b[a-z]:\\[^\s]+|(?<![\w/])/(?:home|users|mnt|data|export|tmp|var)/[^\s]+)"
_HANDLE = r"(?<![\w@])@[a-z]\w{2,}"

# 3-3-4, 3-2-4 and international groupings; a lone run of digits is judged as a number, not here.
_PHONE = (
    r"(?<![\w.])(?:\+|00)\d{1,3}[\s./-]?(?:\(0?\)\s?)?(?:\(?\d{1,5}\)?[\s./-]?){1,6}\d{2,}(?![\w])"
    r"|(?<![\w.])(?:1[-.\s])?\(?\d{3}\)?[-.\s/]{1,2}\d{3}[-.\s]\d{4}(?:\s?(?:x|ext\.?)\s?\d{1,6})?(?![\w-])"
    r"|(?<![\w.-])\d{3}-\d{4}(?![\w-]|\.\d)"
    r"|(?<![\w.])0\d{1,4}[\s/-]\d{2,4}(?:[\s/-]?\d{2,4}){1,3}(?!\w)"
)
_SSN = r"(?<![\w.-])\d{3}[-\s]\d{2}[-\s]\d{4}(?![\w-])"
_NHS = r"(?<![\w.-])\d{3}\s\d{3}\s\d{4}(?!\w)"
_CARD = r"(?<![\w.])\d{4}(?:[\s-]\d{4}){2,4}(?!\w)"
_ZIP4 = r"(?<![\w.-])\d{5}-\d{4}(?![\w-])"
_POSTCODE = r"\b[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2}\b"

# A cue, and the value behind it: the cue stays, the value goes. It must hold a digit.
_CUES = (
    r"mrn|medical\s+record|med\.?\s*rec|record|hospital|hosp|patient|pat|pt|unit|case|file|chart|visit"
    r"|encounter|episode|admission|adm|account|acct|acc|accession|order|req|requisition|request"
    r"|ssn|social\s+security|nhs|chi|nric|passport|national|identity|tax|citizen|personnel"
    r"|insurance|ins|policy|plan|member|subscriber|beneficiary|medicare|medicaid|health\s+card"
    r"|licen[cs]e|permit|certificate|cert|dea|npi|registration|reg|badge|staff|employee"
    r"|plate|vehicle|car|vin|tag|chassis|serial|device|implant|lot|ref|reference|token|key|session"
    r"|fingerprint|biometric|template|barcode|room|bed|ward|locker|study|exam|specimen|sample|subject"
    r"|fallnummer|patientennummer|patienten|versicherung|kennzeichen|nummer|num[eé]ro|dossier|expediente"
)
_VALUE = r"(?=[^\s,;]*\d)[A-Z0-9][\w./-]*\w(?:[ -](?=[A-Z]*\d)[A-Z]{0,3}[\d-]{2,}\b)*"
_NUMBERED = (
    rf"\b(?:{_CUES})(?:'?s)?[\s._-]*(?:id(?:ent\w*)?|no|nr|num|number|nbr|code|#|№|n°)[\s.:#=]*(?:is\s+)?"
    rf"(?P<v1>{_VALUE})"
)
_CUED = (
    r"\b(?:mrn|ssn|nhs|npi|dea|vin|acc(?:ession)?|acct|account|serial|s/n|sn|licen[cs]e|passport|policy"
    r"|plate|fingerprint|certificate|token|kennzeichen|medicare|medicaid|insurance|badge|barcode|dob|pid|uid|udi)"
    rf"\b[\s.:#=]*(?:is\s+|no\.?\s+)?(?P<v2>{_VALUE})"
)
_HASHED = (
    rf"(?:\b(?:id|no|nr|ref)\b\s?[.:#=]+\s?|#\s?|№\s?)(?P<v3>(?=[\w-]*\d[\w-]*\d[\w-]*\d){_VALUE})"
)
_PLATE = (
    r"\b(?:plate|vehicle|car|kennzeichen|registration|reg)\b(?:\s+(?:plate|no|number|nr))*[\s.:#]*"
    r"(?P<v4>[A-ZÄÖÜ]{1,3}[\s-]?(?:[A-Z]{1,2}[\s-]?)?\d{1,5}[A-Z]{0,3}|\d{1,3}[\s-]?[A-Z]{2,3}[\s-]?\d{2,4})\b"
)

_STREET = (
    r"street|str|st|avenue|ave|av|road|rd|lane|ln|drive|dr|boulevard|blvd|bvd|court|ct|place|pl|square|sq"
    r"|terrace|ter|way|circle|cir|highway|hwy|parkway|pkwy|close|crescent|cres|gardens|grove|mews|row"
    r"|walk|alley|trail|loop|pike|hill|heights|park|plaza|quay|wharf|gate|green|rise|view|mount"
)
_CAP = r"(?-i:[A-ZÀ-ÞŁŚŽČŠ][\w'’-]*\.?)"
_PLACE = rf"(?:,?\s*{_CAP}(?:\s{_CAP}){{0,2}})?(?:,?\s*(?-i:[A-Z]{{2}})\b)?(?:,?\s*\d{{5}}(?:-\d{{4}})?)?"
_ADDRESS = (
    rf"(?<![\w.])\d{{1,5}}[a-z]?(?:[-/]\d{{1,4}})?,?\s+(?:(?:[nsew]|north|south|east|west)\.?\s+)?"
    rf"(?:[\w'’-]+\.?\s+){{1,3}}(?:{_STREET})\b\.?(?:,?\s*(?:apt|suite|unit|flat|room|floor|#)\.?\s*\w+)?{_PLACE}"
    r"|\b[\w'’-]*(?:stra(?:ss|ß)e|str\.|weg|platz|allee|gasse|ufer|damm|laan|straat|gracht|vej|gatan|gata)"
    rf"\s+\d{{1,4}}\s?[a-z]?\b(?:,?\s*(?:[A-Z]{{1,2}}-)?\d{{4,5}}\s+{_CAP})?"
    r"|\b(?:\d{1,4}(?:\s?bis)?,?\s+)?(?:rue|avenue|boulevard|place|chemin|impasse|quai|calle|avenida|carrer|paseo|plaza"
    rf"|rua|travessa|via|viale|piazza|corso|ulica|ul\.)\s+(?:(?:de|du|des|della|del|la|le|da|do|dos|l')\s*){{0,2}}{_CAP}"
    rf"(?:\s{_CAP}){{0,2}}(?:,?\s*(?:n[°o.]\s*)?\d{{1,4}}\b)?(?:,?\s*\d{{4,5}}\s+{_CAP})?"
    rf"|\bp\.?\s?o\.?\s?box\s+\d+{_PLACE}"
)
_ZIP_CUED = r"\b(?:zip|zip\s*code|postcode|postal\s*code|plz|cap)\b[\s.:#]*(?P<v5>[A-Z]?\d[\dA-Z]{2,5}(?:[\s-]\d[\dA-Z]{2,3})?)\b"

# Ages above 89 are capped (PS3.15 E.3.6 and the Safe Harbor rule).
_OLD = r"(?:9\d|1[0-3]\d)"
_AGE = (
    rf"(?<![\w.+-])0?(?P<a>{_OLD})(?=\s*-?\s*(?:years?|yrs?|yo|y/o|y\.o\.?|jahre|jährig|ans|años|anni"
    rf"|anos|jaar)\b|(?-i:[YMFW])\b|\s(?-i:[YF])\b)"
    rf"|(?:(?<=\bage\s)|(?<=\bage:\s)|(?<=\bage:)|(?<=\baged\s)|(?<=\balter\s))(?P<b>{_OLD})\b(?![.\d+])"
)
AGE = re.compile(_AGE, _FLAGS)
CAPPED = "90+"

_WHOLE = (
    tuple(
        re.compile(p, _FLAGS)
        for p in (_URL, _MAIL, _HOST, _IPV4, _IPV6, _MAC, _UID, _UUID, _PATH, _HANDLE, _PHONE, _SSN)
    )
    + tuple(re.compile(p, _FLAGS) for p in (_NHS, _CARD, _ZIP4, _ADDRESS))
    + (re.compile(_POSTCODE),)
)
_VALUES = tuple(re.compile(p, _FLAGS) for p in (_NUMBERED, _CUED, _HASHED, _PLATE, _ZIP_CUED))
_STANDARD = "1.2.840.10008."


def find(text: str) -> Iterator[tuple[int, int]]:
    """Spans of `text` that are an identifier by their form; they may overlap."""
    for pattern in _WHOLE:
        for match in pattern.finditer(text):
            if not match[0].startswith(_STANDARD):
                yield match.span()
    for pattern in _VALUES:
        for match in pattern.finditer(text):
            yield match.span(match.lastgroup or 0)
