"""The identifying values of one file in comparable form: parts, codes, digits, days, phrases."""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib import resources

from watcher.scrub import dates
from watcher.scrub.folding import NUMBER, fold, folds, words

_GROUP = re.compile(r"[=^,;/\s]+")
_ALNUM = re.compile(r"[^\W_]+")
_RUN = re.compile(r"[^\W\d_]+|\d+")
# Six digits are a day only where the day matters most; elsewhere they are a time or a number.
_BIRTH = frozenset({"PatientBirthDate"})


@functools.cache
def placeholders() -> frozenset[str]:
    """What stands where an identifier should, and tells nobody."""
    text = resources.files(__package__).joinpath("placeholders.txt").read_text("utf-8")
    return frozenset(w for line in text.splitlines() if line[0] != "#" for w in line.split())


@dataclass(frozen=True)
class Spellings:
    """What to look for, each mapped to the tag it came from.

    `names`: folded name parts; `places`: words of addresses and institutions; `codes`: folded
    letters and digits of an identifier, joined; `digits`: digit runs of an identifier; `days`:
    calendar days; `compact_days`: days as digits only; `phrases`: folded runs of an address, an
    institution or a full name; `starts`: the first run of whatever has several; `scripts`: name
    parts beyond ASCII, as written; `raws`: the source's own bytes of such values; `uids`.
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
    starts: set[str] = field(default_factory=set)

    @functools.cached_property
    def heads(self) -> frozenset[str]:
        """Every folded run of letters or digits with which a known value may begin."""
        return frozenset(self.names) | self.places.keys() | self.starts

    @classmethod
    def of(cls, known: Iterable[tuple[str, str, str, bytes]]) -> Spellings:
        """From (kind, value, tag, raw bytes)."""
        made = cls()
        for kind, value, tag, raw in known:
            if raw:
                made.raws.setdefault(raw, tag)
            getattr(made, _ADD[kind])(value, tag)
        return made

    def naming(self, uids: dict[str, str]) -> Spellings:
        """The same with the UIDs of one file."""
        return replace(self, uids=uids)

    def _name(self, value: str, tag: str) -> None:
        for group in value.split("="):
            parts = [p for p in _GROUP.split(group) if p]
            for part in parts:
                self._part(part, tag)
            flat = tuple(w for p in parts for w in words(p))
            if len(flat) > 1:
                self._phrase_of(flat, tag)
                self._joined(flat, tag)

    def _phrase_of(self, flat: tuple[str, ...], tag: str) -> None:
        """A full name as it stands, and the given name first."""
        for phrase in (flat, (*flat[1:], flat[0]), (flat[1], flat[0])):
            self.phrases.setdefault(phrase, tag)
            self.starts.add(phrase[0])

    def _joined(self, flat: tuple[str, ...], tag: str) -> None:
        """Family and given name written as one word, as accounts are: "smithjohn"."""
        family, given = flat[0], flat[1]
        for joined in (family + given, given + family):
            if len(family) > 1 and len(given) > 1 and joined not in placeholders():
                self.names.setdefault(joined, tag)

    def _part(self, part: str, tag: str) -> None:
        if not part.isascii():
            self.scripts.setdefault(part, tag)
        pieces = words(part)
        if len(pieces) > 1:
            self.starts.add(pieces[0])
        for piece in (*pieces, "".join(pieces)):
            if len(piece) > 1 and piece not in placeholders():
                self.names.setdefault(piece, tag)
        for other in folds(part):
            if len(other) > 1 and other not in placeholders() and other.isalpha():
                self.names.setdefault(other, tag)
        self._code(part, tag, names=False)

    def _code(self, value: str, tag: str, names: bool = True) -> None:
        runs = _ALNUM.findall(fold(value))
        joined = "".join(runs)
        if not any(c.isdigit() for c in joined):
            if names and joined.isalpha() and joined not in placeholders():
                self.places.setdefault(joined, tag)
            return
        self.codes.setdefault(joined, tag)
        self.starts.add(first_run(joined))
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
        runs = tuple(_RUN.findall(fold(value)))
        if len(runs) > 1:
            self.phrases.setdefault(runs, tag)
            self.starts.add(runs[0])
        for run in runs:
            if run.isdigit():
                if len(run) >= 5:
                    self.digits.setdefault(run, tag)
            elif len(run) > 3 and run not in placeholders():
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


def first_run(folded: str) -> str:
    """The first run of letters, or of digits, of a folded code."""
    match = _RUN.search(folded)
    return match[0] if match else ""
