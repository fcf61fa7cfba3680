"""Dates as people and machines write them, found in text and read as calendar days."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import NamedTuple

_MONTHS = (
    "jan january januar janvier janv enero ene gennaio gen janeiro januari jaenner jänner",
    "feb february februar fevrier février fevr févr febrero febbraio fevereiro fev februari",
    "mar march maerz märz mrz mars marzo marco março maart mrt",
    "apr april avril avr abril abr aprile",
    "may mai mayo maggio mag maio mei",
    "jun june juni juin junio giugno giu junho",
    "jul july juli juillet juil julio luglio lug julho",
    "aug august aout août agosto ago agt augustus",
    "sep sept september septembre septiembre settembre set setembro",
    "oct october okt oktober octobre octubre ottobre ott outubro out",
    "nov november novembre noviembre novembro",
    "dec december dez dezember decembre décembre diciembre dic dicembre dezembro",
)
MONTH = {name: n for n, names in enumerate(_MONTHS, 1) for name in names.split()}
_NAME = "(?:" + "|".join(sorted(MONTH, key=len, reverse=True)) + r")(?![^\W\d_])\.?"
_YEAR = r"(?:1[89]\d\d|20\d\d)"
_SHORT = r"(?:['’]?\d\d)"
_ORD = r"(?:st|nd|rd|th|\.|er|º|ª)?"
_TIME = (
    r"(?:(?:\s*[,@T]?\s*|\s+at\s+|\s+um\s+)(?:[01]?\d|2[0-3])[:.h][0-5]\d"
    r"(?:[:.][0-5]\d(?:\.\d+)?)?(?:\s*[ap]\.?m\b\.?)?(?:\s?(?:Z|UTC|GMT|[+-]\d\d:?\d\d)\b)?)?"
)

# Compact: YYYYMMDD, or a DICOM DT that goes on with a time and an offset.
_COMPACT = re.compile(
    rf"(?<![\d.])(?P<c>{_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))"
    r"(?:[ T_-]?(?:[01]\d|2[0-3])(?:[0-5]\d){0,2}(?:\.\d{1,6})?(?:[+-]\d{4})?)?(?![\d.]\d|\d)"
)
_YMD = re.compile(
    rf"(?<![\d.])(?P<y>{_YEAR})(?:\s?(?P<s>[-/.,_]|\s)\s?(?P<m>\d\d?)\s?(?P=s)\s?(?P<d>\d\d?)"
    rf"|\s?[年년]\s?(?P<m2>\d\d?)\s?[月월](?:\s?(?P<d2>\d\d?)\s?[日일])?)(?!\d|[.]\d){_TIME}"
)
_DMY = re.compile(
    rf"(?<![\d.])(?P<a>\d\d?)(?P<s>\s?[-/._]\s?|\s)(?P<b>\d\d?)(?P=s)(?P<y>{_YEAR})(?!\d|[.]\d){_TIME}"
)
_DMY_SHORT = re.compile(
    rf"(?<![\d./-])(?P<a>\d\d?)(?P<s>[-/])(?P<b>\d\d?)(?P=s)(?P<y>\d\d)(?![\d/-]|[.]\d){_TIME}"
    rf"|(?<![\d./-])(?P<a2>\d\d)\.(?P<b2>\d\d)\.(?P<y2>\d\d)(?![\d]|[.]\d){_TIME}"
)
_NAMED_DMY = re.compile(
    rf"(?<![\w.])(?P<d>\d\d?){_ORD}[\s_-]*(?:of\s+|de\s+)?(?P<n>{_NAME})"
    rf"(?:[\s,_-]*(?:de\s+)?(?P<y>{_YEAR}|{_SHORT}))?(?!\d){_TIME}",
    re.IGNORECASE,
)
_NAMED_MDY = re.compile(
    rf"(?<![\w])(?P<n>{_NAME})[\s_-]*(?P<d>\d\d?){_ORD}(?:\s*,\s*|[\s_-]+)(?P<y>{_YEAR}|{_SHORT})(?!\d){_TIME}",
    re.IGNORECASE,
)
_NAMED_YMD = re.compile(
    rf"(?<!\d)(?P<y>{_YEAR})[\s_,-]*(?P<n>{_NAME})[\s_-]*(?P<d>\d\d?){_ORD}(?!\d){_TIME}",
    re.IGNORECASE,
)
_NAMED_MY = re.compile(
    rf"(?<![\w])(?P<n>{_NAME})[\s,_-]*(?:de\s+)?(?P<y>{_YEAR}|['’]\d\d)(?!\d)", re.IGNORECASE
)
_MY = re.compile(rf"(?<![\d./-])(?P<m>0[1-9]|1[0-2])[-/.](?P<y>{_YEAR})(?![\d/.-]\d|\d)")
_YM = re.compile(rf"(?<![\d./-])(?P<y>{_YEAR})[-/](?P<m>0[1-9]|1[0-2])(?![\d/.-]\d|\d)")
_DIGIT = re.compile(r"\d")
_MONTHISH = re.compile("|".join(sorted({m[:3] for m in MONTH})), re.IGNORECASE)


class Spelled(NamedTuple):
    """A date in a text: where it stands, and the days it may mean (none for a month)."""

    start: int
    end: int
    days: tuple[dt.date, ...]


def find(text: str) -> Iterator[Spelled]:
    """Every spelling of a date in `text`; spans may overlap. An underscore is a blank."""
    text = text.replace("_", " ")
    digits = len(_DIGIT.findall(text))
    if digits < 4:
        yield from named(text) if digits else ()
        return
    for match in _COMPACT.finditer(text):
        c = match["c"]
        if days := _days((c[:4], c[4:6], c[6:])):
            yield Spelled(*match.span(), days)
    for match in _YMD.finditer(text):
        y, m, d = match["y"], match["m"] or match["m2"], match["d"] or match["d2"] or "1"
        if days := _days((y, m, d), (y, d, m)):
            yield Spelled(*match.span(), days)
    for match in _DMY.finditer(text):
        a, b, y = match["a"], match["b"], match["y"]
        if days := _days((y, b, a), (y, a, b)):
            yield Spelled(*match.span(), days)
    for match in _DMY_SHORT.finditer(text):
        yield from _short(match)
    yield from named(text)


def _short(match: re.Match[str]) -> Iterator[Spelled]:
    a, b, y = (match[n] or match[n + "2"] for n in "aby")
    spelled = [(_full(y), b, a), (_full(y), a, b), (_full(a), b, y)]
    if days := _days(*spelled):
        yield Spelled(*match.span(), days)


def named(text: str) -> Iterator[Spelled]:
    """The spellings that name a month, and those of a month alone."""
    for pattern in (_NAMED_DMY, _NAMED_MDY, _NAMED_YMD) if _MONTHISH.search(text) else ():
        for match in pattern.finditer(text):
            if not 1 <= int(match["d"]) <= 31:
                continue
            month = str(MONTH[match["n"].rstrip(".").casefold()])
            year = _full(match["y"]) if match["y"] else ""
            yield Spelled(*match.span(), _days((year, month, match["d"])) if year else ())
    for pattern in (_NAMED_MY, _MY, _YM):
        for match in pattern.finditer(text):
            yield Spelled(*match.span(), ())


def _full(year: str) -> str:
    """Four digits for two: 30 and above are the last century's."""
    year = year.lstrip("'’")
    if len(year) != 2:
        return year
    return ("19" if year >= "30" else "20") + year


def _days(*spelled: tuple[str, str, str]) -> tuple[dt.date, ...]:
    """The calendar days among (year, month, day) readings."""
    found = []
    for y, m, d in spelled:
        try:
            found.append(dt.date(int(y), int(m), int(d)))
        except ValueError:
            continue
    return tuple(dict.fromkeys(found))


def day(value: str) -> dt.date | None:
    """The calendar day of a DA or DT value, in today's or the old dotted spelling (PS3.5 6.2)."""
    match = re.match(r"\s*(\d{4})[.\-/]?(\d\d)[.\-/]?(\d\d)", value)
    days = _days((match[1], match[2], match[3])) if match else ()
    return days[0] if days else None
