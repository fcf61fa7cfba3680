"""Coded values (PS3.3 8): which are codes of a scheme, and which could be somebody's number."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"\d{1,18}")
_ANY = re.compile(r".{1,16}")
# PS3.16 chapter 8: published schemes, and what their codes look like.
_PUBLISHED = {
    "SCT": _NUMBER,
    "DCM": re.compile(r"\d{6}"),
    "SRT": re.compile(r"[A-Z][0-9A-Z]?-[0-9A-F]{4,6}"),
    "SNM3": re.compile(r"[A-Z][0-9A-Z]?-[0-9A-F]{4,6}"),
    "99SDM": re.compile(r"[A-Z][0-9A-Z]?-[0-9A-F]{4,6}"),
    "LN": re.compile(r"(LP|LA)?\d{1,7}-\d"),
    "UCUM": _ANY,
    "FMA": re.compile(r"\d{1,6}"),
    "MA": re.compile(r"\d{1,7}"),
    "UBERON": re.compile(r"\d{1,7}"),
    "RADLEX": re.compile(r"RID\d{1,6}"),
    "NCIt": re.compile(r"C\d{1,6}"),
    "UMLS": re.compile(r"C\d{7}"),
    "RXNORM": re.compile(r"\d{1,7}"),
    "MSH": re.compile(r"[A-Z]\d{6,9}"),
    "I9C": re.compile(r"[VE]?\d{2,3}(\.\d{1,2})?"),
    "I10": re.compile(r"[A-Z]\d\w(\.\w{1,4})?"),
    "BI": re.compile(r"[A-Z0-9]{1,4}"),
    "ACR": re.compile(r"[\d.]{1,8}"),
    "C4": re.compile(r"\d{4}[0-9A-Z]"),
    "ISO639_1": re.compile(r"[a-z]{2}"),
    "ISO639_2": re.compile(r"[a-z]{3}"),
    "ISO3166_1": re.compile(r"[A-Z]{2,3}"),
    "RFC5646": re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*"),
    "NEU": re.compile(r"\d{1,6}"),
    "MDC": re.compile(r"[\d:]{1,12}"),
    "ITIS_TSN": re.compile(r"\d{1,7}"),
    "PUBCHEM_CID": re.compile(r"\d{1,9}"),
    "IBSI": re.compile(r"[A-Z0-9]{4}"),
    "BARI": re.compile(r"[A-Z0-9.-]{1,8}"),
    "NYUMCCG": re.compile(r"[A-Z0-9.-]{1,8}"),
    "DCMUID": re.compile(r"1\.2\.840\.10008\.[\d.]+"),
}
# Of any other scheme: runs too short to be a name or a number given to a person.
_SHORT = re.compile(r"(?=.{1,16}$)(?:[A-Za-z]{1,4}(?![A-Za-z])|\d{1,5}(?!\d)|[-._/ ])+")


def is_code(scheme: str, value: str) -> bool:
    """Whether `value` is a code of `scheme` by its look, so that it may stay as it is."""
    known = _PUBLISHED.get(scheme, _SHORT)
    return known.fullmatch(value) is not None
