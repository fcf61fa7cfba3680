"""The identifying values of one file in comparable form: parts, codes, digits, days, phrases."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from watcher.scrub import dates
from watcher.scrub.folding import NUMBER, fold, folds, words

_GROUP = re.compile(r"[=^,;/\s]+")
_ALNUM = re.compile(r"[^\W_]+")
# Six digits are a day only where the day matters most; elsewhere they are a time or a number.
_BIRTH = frozenset({"PatientBirthDate"})

# Values that stand where an identifier should, and tell nobody.
PLACEHOLDERS = frozenset(
    """anon anonymous anonymized anonymised anonymize deidentified unknown none null test testing
    phantom patient name xxxx xxx noname nobody removed default system admin administrator user
    operator technologist doctor physician undefined empty unspecified service demo sample
    example hospital clinic institution station department radiology mr mrs ms dr prof md phd
    jr sr ii iii iv the and von van der den de la del da do dos di du le el al bin ibn""".split()
)


@dataclass(frozen=True, slots=True)
class Spellings:
    """What to look for, each mapped to the tag it came from.

    `names`: folded name parts. `codes`: folded letters and digits of an identifier, joined.
    `digits`: digit runs of an identifier. `days`: calendar days. `phrases`: folded word sequences of
    an address, place or full name. `compact_days`: days as digits only. `scripts`: name parts beyond ASCII, as written. `raws`: the source's own bytes of such values.
    """

    names: dict[str, str] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    digits: dict[str, str] = field(default_factory=dict)
    days: dict[dt.date, str] = field(default_factory=dict)
    phrases: dict[tuple[str, ...], str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)
    raws: dict[bytes, str] = field(default_factory=dict)
    uids: dict[str, str] = field(default_factory=dict)
    compact_days: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, known: Iterable[tuple[str, str, str, bytes]]) -> Spellings:
        """From (kind, value, tag, raw bytes)."""
        made = cls()
        for kind, value, tag, raw in known:
            if raw:
                made.raws.setdefault(raw, tag)
            getattr(made, _ADD[kind])(value, tag)
        return made

    def _name(self, value: str, tag: str) -> None:
        for group in value.split("="):
            parts = [p for p in _GROUP.split(group) if p]
            for part in parts:
                self._part(part, tag)
            flat = tuple(w for p in parts for w in words(p))
            if len(flat) > 1:
                self.phrases.setdefault(flat, tag)

    def _part(self, part: str, tag: str) -> None:
        if not part.isascii():
            self.scripts.setdefault(part, tag)
        pieces = words(part)
        for piece in (*pieces, "".join(pieces)):
            if len(piece) > 1 and piece not in PLACEHOLDERS:
                self.names.setdefault(piece, tag)
        for other in folds(part):
            if len(other) > 1 and other not in PLACEHOLDERS and other.isalpha():
                self.names.setdefault(other, tag)
        self._code(part, tag, names=False)

    def _code(self, value: str, tag: str, names: bool = True) -> None:
        runs = _ALNUM.findall(fold(value))
        joined = "".join(runs)
        if not any(c.isdigit() for c in joined):
            if names and joined.isalpha() and joined not in PLACEHOLDERS:
                self.places.setdefault(joined, tag)
            return
        self.codes.setdefault(joined, tag)
        for run in NUMBER.findall(joined):
            if len(run) >= 5:
                self.digits.setdefault(run, tag)
            if len(run.lstrip("0")) >= 5:
                self.digits.setdefault(run.lstrip("0"), tag)

    def _date(self, value: str, tag: str) -> None:
        when = dates.day(value)
        if when is not None:
            self.days.setdefault(when, tag)
            for form in ("%Y%m%d", "%d%m%Y", "%m%d%Y"):
                self.compact_days.setdefault(when.strftime(form), tag)
            if tag in _BIRTH:
                for form in ("%y%m%d", "%d%m%y", "%m%d%y"):
                    self.compact_days.setdefault(when.strftime(form), tag)

    def _phone(self, value: str, tag: str) -> None:
        run = "".join(NUMBER.findall(value))
        for number in (run, run[-10:], run[-7:]):
            if len(number) >= 6:
                self.digits.setdefault(number, tag)

    def _phrase(self, value: str, tag: str) -> None:
        runs = tuple(_ALNUM.findall(fold(value)))
        if len(runs) > 1:
            self.phrases.setdefault(runs, tag)
        for run in runs:
            if run.isdigit():
                if len(run) >= 5:
                    self.digits.setdefault(run, tag)
            elif len(run) > 3 and run not in PLACEHOLDERS:
                self.places.setdefault(run, tag)

    def _contact(self, value: str, tag: str) -> None:
        self._phrase(value, tag)
        self._phone(value, tag)

    def _uid(self, value: str, tag: str) -> None:
        self.uids.setdefault(value, tag)


_ADD: Mapping[str, str] = {
    "name": "_name",
    "id": "_code",
    "date": "_date",
    "phone": "_phone",
    "contact": "_contact",
    "address": "_phrase",
    "place": "_phrase",
    "device": "_code",
    "uid": "_uid",
}
