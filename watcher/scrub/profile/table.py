"""PS3.15 Table E.1-1 and the safe private elements, read from the data files beside this module."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

EDITION = "2025a"

Private = Mapping[tuple[int, str, int], tuple[str, ...]]
"""(group, Private Creator, element's last two digits) to the Value Representations it may have."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of Table E.1-1.

    `tag` is eight hex digits, with x where a group repeats, or "odd" for all private Attributes;
    `keyword` is "" where the dictionary has none; `type` is the strictest Type over the IODs and
    only given where `basic` offers a choice; `options` maps an option to the action it asks for.
    """

    tag: str
    keyword: str
    vr: str
    basic: str
    type: str
    options: Mapping[str, str]


@cache
def rows() -> tuple[Row, ...]:
    """All rows, by tag."""
    return tuple(_row(line) for line in csv.DictReader(_lines("table.csv")))


@cache
def safe_private() -> Private:
    """The private elements that the Retain Safe Private Option keeps (PS3.15 E.3.10)."""
    found: dict[tuple[int, str, int], tuple[str, ...]] = {}
    for line in csv.DictReader(_lines("private.csv"), delimiter=";"):
        for entry in line["elements"].split():
            element, _, vrs = entry.partition(":")
            place = (int(line["group"], 16), line["creator"], int(element, 16))
            found[place] = tuple(vrs.split("/"))
    return found


@cache
def unlisted(kind: str) -> frozenset[str]:
    """Keywords of unlisted.txt under `kind`: remove, keep, technical or binary."""
    found = (line.partition(": ") for line in _lines("unlisted.txt"))
    return frozenset(word for name, _, words in found if name == kind for word in words.split())


def _row(line: dict[str, str]) -> Row:
    options = dict(option.split("=") for option in line["options"].split())
    keyword = line["keyword"].strip("-")
    return Row(line["tag"], keyword, line["vr"], line["basic"], line["type"].strip("-"), options)


def _lines(name: str) -> Iterator[str]:
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    return (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
