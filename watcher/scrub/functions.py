"""The functions of the recipe (`func:NAME`): one original value in, one clean value out.

Each takes (text, VR, keyword), where `text` holds several values with a backslash between them as
in the file, and returns text in the same form, or bytes for a binary VR. None ever returns its
input because it could not be understood: what is no date, time or age becomes empty.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from functools import cache

from watcher.scrub.patient import Subject
from watcher.scrub.pseudonyms import Pseudonyms, move

Function = Callable[[str, str, str], str | bytes]
TextCleaner = Callable[[str, str], str]
"""(text, keyword) to the text without what identifies."""

NAMES = frozenset(
    {
        "uid",
        "date",
        "time",
        "age",
        "patient_id",
        "patient_name",
        "accession_number",
        "clean_text",
        "clean_or_dummy",
        "clean_technical",
        "clean_known",
        "checked",
        "class_uid",
        "dummy",
    }
)

_REGISTERED = "1.2.840.10008."  # PS3.6 Annex A: names a class, a syntax or a well-known object
# Makers' own classes and published schemes have few and small components, instances have not.
_CLASS_UID = re.compile(r"(?=.{5,40}$)[0-2](?:\.\d{1,6}){2,11}")
_ONE_NUMBER = r"[+-]?(?:\d++\.?\d*+|\.\d++)(?:[eE][+-]?\d++)?"
_NUMBER = re.compile(_ONE_NUMBER)
_NUMBERS = re.compile(rf" *+(?:{_ONE_NUMBER})?+ *+(?:\\ *+(?:{_ONE_NUMBER})?+ *+)*+\0*+")
_TELLING_NUMBER = re.compile(r"\d{6}")
_DAY = re.compile(r"(\d{4})[-.:/]?(\d\d)[-.:/]?(\d\d)")
_DATETIME = re.compile(r"(\d{4})(\d\d)?(\d\d)?((?:\d\d){0,3}(?:\.\d{1,6})?)([+-]\d{4})?")
_TIME = re.compile(r"(?:[01]\d|2[0-3])(?::?[0-5]\d(?::?(?:[0-5]\d|60)(?:\.\d{1,6})?)?)?|[+-]\d{4}")
_AGE = re.compile(r"(\d{1,3})([DWMY])")
_AGE_CAP = 89  # 45 CFR 164.514(b)(2)(i)(C): ages above are one group
_PER_YEAR = {"D": 365.25, "W": 365.25 / 7, "M": 12.0, "Y": 1.0}
_ONE_VALUE = frozenset({"LT", "ST", "UT", "UR"})  # PS3.5 6.2: the backslash is text there
_DUMMIES: Mapping[str, str | bytes] = {
    "AS": "000Y",
    "DA": "19000101",
    "DT": "19000101000000",
    "TM": "000000",
    "DS": "0",
    "IS": "0",
    "UR": "urn:anonymized",
    "OB": b"\0\0",
    "OW": b"\0\0",
    "UN": b"\0\0",
    "US": b"\0\0",
    "SS": b"\0\0",
    "FL": b"\0\0\0\0",
    "UL": b"\0\0\0\0",
    "SL": b"\0\0\0\0",
    "FD": b"\0" * 8,
}
_DUMMY = "ANONYMIZED"


def _nothing(text: str) -> str:
    del text
    return ""


def _no(text: str) -> bool:
    del text
    return False


class Functions:
    """The functions for one file."""

    def __init__(
        self,
        names: Pseudonyms,
        subject: Subject,
        clean_text: TextCleaner,
        technical: Callable[[str], str] = _nothing,
        known: Callable[[str], str] = _nothing,
        identifies: Callable[[str], bool] = _no,
        is_term: Callable[[str], bool] = _no,
    ) -> None:
        self._names = names
        self._subject = subject
        self._clean_text = cache(clean_text)
        self._technical = cache(technical)
        self._known = cache(known)
        self._identifies = identifies
        self._term = cache(is_term)
        self._one_uid = cache(self._new_uid)
        self.shift_days = names.shift_days(subject.patient)

    def table(self) -> Mapping[str, Function]:
        """By the names that recipes use."""
        return {name: getattr(self, name) for name in NAMES}

    def uid(self, text: str, vr: str, keyword: str) -> str:
        """Every UID that the standard does not register, remapped one to one."""
        del vr, keyword
        return _each(text, self._one_uid)

    def date(self, text: str, vr: str, keyword: str) -> str:
        """DA or DT moved by this patient's days; its precision, time of day and offset stay."""
        del keyword
        return _each(text, self._one_datetime if vr == "DT" else self._one_day)

    def time(self, text: str, vr: str, keyword: str) -> str:
        """A time of day (or an offset from UTC) as it is: whole days do not change it."""
        del vr, keyword
        return _each(text, lambda one: one if _TIME.fullmatch(one) else "")

    def age(self, text: str, vr: str, keyword: str) -> str:
        """An age as it is up to 89 years, and 090Y above."""
        del vr, keyword
        return _each(text, _one_age)

    def patient_id(self, text: str, vr: str, keyword: str) -> str:
        """The pseudonym of the patient, or of the other patient whose ID this is."""
        del vr, keyword
        bare = text.strip(" \0")
        return self._names.patient_id(
            self._subject.patient if bare == self._subject.patient_id else bare
        )

    def patient_name(self, text: str, vr: str, keyword: str) -> str:
        """The pseudonym again, so that viewers which show only the name stay usable."""
        del text, vr, keyword
        return self._names.patient_id(self._subject.patient)

    def accession_number(self, text: str, vr: str, keyword: str) -> str:
        """The pseudonym of an Accession Number, or empty."""
        del vr, keyword
        return _each(text, self._names.accession_number)

    def clean_text(self, text: str, vr: str, keyword: str) -> str:
        """Free text without what identifies."""
        if vr in _ONE_VALUE:
            return self._clean_text(text.rstrip(" \0"), keyword)
        return _each(text, lambda one: self._clean_text(one, keyword))

    def clean_or_dummy(self, text: str, vr: str, keyword: str) -> str:
        """The same where a value is required: a dummy rather than nothing (Type 1)."""
        return self.clean_text(text, vr, keyword) or (_DUMMY if text.strip(" \0") else "")

    def clean_technical(self, text: str, vr: str, keyword: str) -> str:
        """A vendor's technical text without what identifies."""
        del keyword
        return (
            self._technical(text.rstrip(" \0"))
            if vr in _ONE_VALUE
            else _each(text, self._technical)
        )

    def clean_known(self, text: str, vr: str, keyword: str) -> str:
        """A maker's or model's name without this file's own identifying values."""
        del keyword
        return self._known(text.rstrip(" \0")) if vr in _ONE_VALUE else _each(text, self._known)

    def checked(self, text: str, vr: str, keyword: str) -> str:
        """A code string of listed words, or a number (DS, IS) that is none of this patient's."""
        if vr == "CS":
            return _each(
                text, lambda one: one if self._term(one) else self._clean_text(one, keyword)
            )
        if _NUMBERS.fullmatch(text) and not _TELLING_NUMBER.search(text):
            return text
        return _each(text, self._number)

    def class_uid(self, text: str, vr: str, keyword: str) -> str:
        """A UID that can name a class, a scheme or a maker; what looks like an instance's moves."""
        del vr, keyword
        return _each(text, lambda one: one if _CLASS_UID.fullmatch(one) else self._one_uid(one))

    def dummy(self, text: str, vr: str, keyword: str) -> str | bytes:
        """A value that says nothing, valid for the VR; a UID is remapped all the same."""
        return self.uid(text, vr, keyword) if vr == "UI" else _DUMMIES.get(vr, _DUMMY)

    def _number(self, text: str) -> str:
        return text if _NUMBER.fullmatch(text) and not self._identifies(text) else ""

    def _new_uid(self, original: str) -> str:
        return original if original.startswith(_REGISTERED) else self._names.uid(original)

    def _one_day(self, text: str) -> str:
        match = _DAY.fullmatch(text)
        day = _calendar(match) if match else None
        moved = move(day, self.shift_days) if day else None
        return f"{moved:%Y%m%d}".zfill(8) if moved else ""

    def _one_datetime(self, text: str) -> str:
        match = _DATETIME.fullmatch(text)
        if match is None:
            return self._one_day(text)
        day = _calendar(match)
        moved = move(day, self.shift_days) if day else None
        if moved is None:
            return ""
        digits = f"{moved:%Y%m%d}".zfill(8)[: 4 + len(match[2] or "") + len(match[3] or "")]
        return digits + (match[4] or "") + (match[5] or "")


def _each(text: str, function: Callable[[str], str]) -> str:
    """Every value by itself; where none changes, the text with its padding."""
    values = [value.strip(" \0") for value in text.split("\\")]
    cleaned = [function(value) if value else "" for value in values]
    return text if cleaned == values else "\\".join(cleaned)


def _calendar(match: re.Match[str]) -> dt.date | None:
    try:
        return dt.date(int(match[1]), int(match[2] or 1), int(match[3] or 1))
    except ValueError:
        return None


def _one_age(text: str) -> str:
    match = _AGE.fullmatch(text)
    if match is None:
        return ""
    years = int(match[1]) / _PER_YEAR[match[2]]
    return "090Y" if years >= _AGE_CAP + 1 else text
