"""Which rectangles of one file the device rules mask: pure functions of its data set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import index
from typing import Any

import numpy as np
from numpy.typing import NDArray

from watcher.dicom.names import Dataset
from watcher.errors import RefusedError
from watcher.model import Reason
from watcher.scrub.pixels.recipe import ULTRASOUND_REGIONS, Area, Line, Rule, Test

Rectangle = tuple[int, int, int, int]
"""(left, top, right, bottom) in pixels, right and bottom exclusive."""

CORNERS = ("RegionLocationMinX0", "RegionLocationMinY0")
FAR_CORNERS = ("RegionLocationMaxX1", "RegionLocationMaxY1")


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


class Attributes:
    """A file's attributes, each looked up once for all rules."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._values: dict[str, Any] = {}

    def get(self, keyword: str) -> Any:
        """The value, or None."""
        if keyword not in self._values:
            self._values[keyword] = self._dataset.get(keyword)
        return self._values[keyword]

    def __contains__(self, keyword: str) -> bool:
        return keyword in self._dataset


def apply_rules(rules: Iterable[Rule], dataset: Dataset, rows: int, columns: int) -> Regions:
    """Evaluate `rules` for one file; nothing of the file is kept anywhere."""
    masked = np.zeros((rows, columns), bool)
    known = flagged = declared = False
    attributes = Attributes(dataset)
    for rule in rules:
        if not holds(rule, attributes):
            continue
        flagged |= rule.group == "blacklist"
        known |= any(area.source == "box" for area in rule.areas)
        declared |= any(area.source == "regions" for area in rule.areas)
        for area in rule.areas:
            for left, top, right, bottom in rectangles(area, dataset, rows, columns):
                masked[top:bottom, left:right] = not area.keep
    return Regions(masked, known, flagged, declared)


def holds(rule: Rule, dataset: Dataset | Attributes) -> bool:
    """Whether the lines of a rule hold: all of them, or all from a line that begins with `||`.

    deid reads a leading `||` as `+`, so that such a rule hardly ever flags; we take it at its word.
    """
    ways: list[list[Line]] = [[]]
    for line in rule.lines:
        if line.alternative and ways[-1]:
            ways.append([])
        ways[-1].append(line)
    return any(all(_line_holds(line, dataset) for line in way) for way in ways)


def _line_holds(line: Line, dataset: Dataset | Attributes) -> bool:
    outcome = _test_holds(line.tests[0], dataset)
    for join, test in zip(line.joins, line.tests[1:], strict=True):
        if join == "and":
            outcome = outcome and _test_holds(test, dataset)
        else:
            outcome = outcome or _test_holds(test, dataset)
    return outcome


def _test_holds(test: Test, dataset: Dataset | Attributes) -> bool:
    """One test, in deid's sense: a multi-valued attribute is compared as one printed list."""
    value = dataset.get(test.keyword)
    if test.kind in {"missing", "present"}:
        return (value is None) == (test.kind == "missing")
    if test.kind == "empty":
        return test.keyword in dataset and (not value or value == "")
    text = "" if value is None else str(value).lower().strip()
    if test.pattern is not None:
        found = value is not None and test.pattern.search(text) is not None
        return found == (test.kind == "contains")
    return (value is not None and text == test.value) == (test.kind == "equals")


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
