"""Which rectangles of one file the device rules mask: pure functions of its data set."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import index
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from watcher.dicom import charset
from watcher.dicom.names import (
    Dataset,
    RawDataElement,
    convert_raw_data_element,
    tag_for_keyword,
)
from watcher.errors import RefusedError
from watcher.model import Reason
from watcher.scrub.pixels.recipe import TESTS_WITH_VALUE, ULTRASOUND_REGIONS, Area, Line, Rule, Test

Rectangle = tuple[int, int, int, int]
"""(left, top, right, bottom) in pixels, right and bottom exclusive."""

CORNERS = ("RegionLocationMinX0", "RegionLocationMinY0")
FAR_CORNERS = ("RegionLocationMaxX1", "RegionLocationMaxY1")
_REMEMBERED = 256  # devices
# What reads the same in every file while it is plain ASCII.
_PLAIN = frozenset({"AE", "CS", "DA", "LO", "SH", "UI"})


@dataclass(frozen=True, slots=True)
class Regions:
    """What the rules say of one file.

    `masked` is (rows, columns) bool, True where pixels must go. `known_device` says that a rule
    with coordinates for this device matched; `declared` that one did that keeps the file's own
    ultrasound regions, and it has some; `flagged` that a rule of the blacklist did.
    """

    masked: NDArray[np.bool_]
    known_device: bool
    flagged: bool
    declared: bool = False


class Fact(NamedTuple):
    """What the tests ask of one attribute: is it there, has it a value, how does it print?"""

    there: bool = False
    null: bool = True
    empty: bool = True
    text: str = ""


def _fact_of(value: Any, printed: bool) -> Fact:
    text = str(value).lower().strip() if printed and value is not None else ""
    return Fact(True, value is None, not value or value == "", text)


@functools.lru_cache(_REMEMBERED)
def _fact_of_raw(raw: RawDataElement) -> Fact:
    """Converted once: that takes longer than all the rules."""
    return _fact_of(convert_raw_data_element(raw).value, printed=True)


def _is_plain(value: bytes | None) -> bool:
    return not value or (value.isascii() and charset.ESCAPE not in value)


class RuleBook:
    """Device rules, and which of them hold for the devices seen last.

    Slices of one Series ask the same questions with the same answers: what is kept is the answers,
    which are attributes that the rules themselves name, and never a region of a file.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        tests = [test for rule in self._rules for line in rule.lines for test in line.tests]
        # deid's recipe misspells three keywords, which no file has.
        self._tags = {test.keyword: tag_for_keyword(test.keyword) for test in tests}
        self._printed = {test.keyword for test in tests if test.kind in TESTS_WITH_VALUE}
        self._matching = functools.lru_cache(_REMEMBERED)(self._evaluated)

    def matching(self, dataset: Dataset) -> tuple[Rule, ...]:
        """The rules that hold for a file, in their order."""
        return self._matching(tuple(self._fact(dataset, keyword) for keyword in self._tags))

    def _fact(self, dataset: Dataset, keyword: str) -> Fact:
        """In deid's sense: a multi-valued attribute is one printed list."""
        tag = self._tags[keyword]
        if tag is None or tag not in dataset:
            return Fact()
        printed = keyword in self._printed
        raw: Any = dataset.get_item(tag)
        plain = isinstance(raw, RawDataElement) and raw.VR in _PLAIN and _is_plain(raw.value)
        if printed and plain:
            return _fact_of_raw(raw._replace(value_tell=0))
        return _fact_of(dataset[tag].value, printed)

    def _evaluated(self, answers: tuple[Fact, ...]) -> tuple[Rule, ...]:
        facts = dict(zip(self._tags, answers, strict=True))
        return tuple(rule for rule in self._rules if _holds(rule, facts))


def apply_rules(book: RuleBook, dataset: Dataset, rows: int, columns: int) -> Regions:
    """Evaluate the rules for one file; none of its regions is kept anywhere."""
    masked = np.zeros((rows, columns), bool)
    known = flagged = declared = False
    for rule in book.matching(dataset):
        flagged |= rule.group == "blacklist"
        known |= any(area.source == "box" for area in rule.areas)
        declared |= any(area.source == "regions" for area in rule.areas)
        for area in rule.areas:
            for left, top, right, bottom in rectangles(area, dataset, rows, columns):
                masked[top:bottom, left:right] = not area.keep
    return Regions(masked, known, flagged, declared)


def _holds(rule: Rule, facts: Mapping[str, Fact]) -> bool:
    """Whether the lines of a rule hold: all of them, or all from a line that begins with `||`.

    deid reads a leading `||` as `+`, so that such a rule hardly ever flags; we take it at its word.
    """
    ways: list[list[Line]] = [[]]
    for line in rule.lines:
        if line.alternative and ways[-1]:
            ways.append([])
        ways[-1].append(line)
    return any(all(_line_holds(line, facts) for line in way) for way in ways)


def _line_holds(line: Line, facts: Mapping[str, Fact]) -> bool:
    outcome = _test_holds(line.tests[0], facts)
    for join, test in zip(line.joins, line.tests[1:], strict=True):
        if join == "and":
            outcome = outcome and _test_holds(test, facts)
        else:
            outcome = outcome or _test_holds(test, facts)
    return outcome


def _test_holds(test: Test, facts: Mapping[str, Fact]) -> bool:
    fact = facts[test.keyword]
    if test.kind in {"missing", "present"}:
        return fact.null == (test.kind == "missing")
    if test.kind == "empty":
        return fact.there and fact.empty
    if test.pattern is not None:
        found = not fact.null and test.pattern.search(fact.text) is not None
        return found == (test.kind == "contains")
    return (not fact.null and fact.text == test.value) == (test.kind == "equals")


def rectangles(area: Area, dataset: Dataset, rows: int, columns: int) -> Iterator[Rectangle]:
    """The rectangles of one coordinate line, cut to the frame."""
    if area.source == "all":
        yield (0, 0, columns, rows)
    elif area.source == "box":
        left, top, right, bottom = area.box
        yield (min(left, columns), min(top, rows), min(right, columns), min(bottom, rows))
    else:
        yield from ultrasound_regions(dataset, rows, columns)


def ultrasound_regions(dataset: Dataset, rows: int, columns: int) -> Iterator[Rectangle]:
    """SequenceOfUltrasoundRegions (0018,6011), PS3.3 C.8.5.5.

    The far corner is exclusive, as in deid, unless it is the frame's own last row or column.
    Raises RefusedError(BURNED_IN) when a region cannot be read or lies outside of the frame.
    """
    for item in dataset.get(ULTRASOUND_REGIONS) or ():
        try:
            left, top = (index(item[keyword].value) for keyword in CORNERS)
            right, bottom = (index(item[keyword].value) for keyword in FAR_CORNERS)
        except (KeyError, TypeError, AttributeError):
            raise RefusedError(Reason.BURNED_IN, "ultrasound region not readable") from None
        if not (0 <= left <= right and 0 <= top <= bottom and left < columns and top < rows):
            raise RefusedError(Reason.BURNED_IN, "ultrasound region outside of the frame")
        right = columns if right >= columns - 1 else right
        bottom = rows if bottom >= rows - 1 else bottom
        yield (left, top, right, bottom)


def as_rectangles(masked: NDArray[np.bool_]) -> list[Rectangle]:
    """Disjoint rectangles that cover exactly the True pixels, top to bottom."""
    if not masked.any():
        return []
    if masked.all():
        return [(0, 0, masked.shape[1], masked.shape[0])]
    found: list[Rectangle] = []
    open_runs: dict[tuple[int, int], int] = {}
    closed = np.vstack([masked, np.zeros_like(masked[:1])])
    unchanged = np.insert((closed[1:] == closed[:-1]).all(1), 0, False)
    for row in np.flatnonzero(~unchanged).tolist():
        line = closed[row]
        edges = np.flatnonzero(np.diff(line, prepend=False, append=False))
        runs = {(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)}
        for run in [run for run in open_runs if run not in runs]:
            found.append((run[0], open_runs.pop(run), run[1], row))
        for run in runs - open_runs.keys():
            open_runs[run] = row
    return sorted(found, key=lambda box: (box[1], box[0]))


def merged(boxes: Iterable[Rectangle]) -> list[Rectangle]:
    """Bounding rectangles of groups of boxes that touch, until none do."""
    groups: list[Rectangle] = []
    for box in boxes:
        fused = box
        while touching := [other for other in groups if _touch(fused, other)]:
            groups = [other for other in groups if other not in touching]
            for other in touching:
                fused = (
                    min(fused[0], other[0]),
                    min(fused[1], other[1]),
                    max(fused[2], other[2]),
                    max(fused[3], other[3]),
                )
        groups.append(fused)
    return sorted(groups, key=lambda box: (box[1], box[0]))


def _touch(one: Rectangle, other: Rectangle) -> bool:
    apart = one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1]
    return not apart
