"""Device rules in deid's recipe language: read once and strictly, never written to again."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from watcher.dicom.names import tag_for_keyword
from watcher.errors import ConfigError

TESTS_WITH_VALUE = frozenset({"contains", "notcontains", "equals", "notequals"})
TESTS_ALONE = frozenset({"missing", "present", "empty"})
COORDINATES = {
    "ctpcoordinates": (False, True),
    "ctpkeepcoordinates": (True, True),
    "coordinates": (False, False),
    "keepcoordinates": (True, False),
}
ULTRASOUND_REGIONS = "SequenceOfUltrasoundRegions"


@dataclass(frozen=True, slots=True)
class Test:
    """One question about one attribute, e.g. `contains ManufacturerModelName LOGIQ`."""

    kind: str
    keyword: str
    value: str = ""
    pattern: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """Tests of one line; `joins[i]` ("and", "or") stands between test i and i + 1.

    `alternative` is a line that began with `||`: it opens another way to fulfil the rule.
    """

    tests: tuple[Test, ...]
    joins: tuple[str, ...]
    alternative: bool = False


@dataclass(frozen=True, slots=True)
class Area:
    """One coordinate line: `keep` re-opens what earlier lines masked.

    `source` is "all", "regions" (SequenceOfUltrasoundRegions) or "box", and then `box` is (left,
    top, right, bottom), right and bottom exclusive.
    """

    keep: bool
    source: str
    box: tuple[int, int, int, int] = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Rule:
    """One LABEL: when its lines hold for a file, its areas apply in their order."""

    group: str
    label: str
    lines: tuple[Line, ...]
    areas: tuple[Area, ...]


def read_rules(path: Path, *, strict: bool) -> tuple[Rule, ...]:
    """Read the `%filter` sections of a recipe.

    Every line must be understood, else ConfigError with the line's number. `strict` is for a
    recipe a site wrote: attributes must exist in the data dictionary, only `%filter` sections may
    be there, and it must hold a rule. deid's bundled recipe misspells three keywords and carries a
    header section, so it is read without.
    """
    return _rules(_text(path), path, strict)


def extended(path: Path | None, rule: str) -> str:
    """The text of a site's recipe with one more rule; a new recipe when there is none.

    Raises ConfigError when the whole would not be read.
    """
    text = (
        _text(path) if path is not None and path.exists() else "FORMAT dicom\n\n%filter graylist\n"
    )
    whole = f"{text.rstrip()}\n\n{rule.strip()}\n"
    _rules(whole, path or Path("the rule"), strict=True)
    return whole


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"pixel recipe {path} cannot be read") from None


def _rules(text: str, path: Path, strict: bool) -> tuple[Rule, ...]:
    reader = _Reader(strict)
    for number, line in enumerate(text.splitlines(), 1):
        try:
            reader.take(line.strip())
        except ValueError as error:
            raise ConfigError(f"pixel recipe {path}, line {number}: {error}") from None
    if not reader.rules or not all(rule.lines or rule.areas for rule in reader.rules):
        raise ConfigError(f"pixel recipe {path} holds no rule, or an empty one")
    return tuple(reader.rules)


class _Reader:
    """The recipe so far. `group` is None outside of a `%filter` section."""

    def __init__(self, strict: bool) -> None:
        self.strict = strict
        self.group: str | None = None
        self.rules: list[Rule] = []
        self.labelled = False

    def take(self, line: str) -> None:
        """Understand one line, or raise ValueError saying why not."""
        head = line.split(maxsplit=1)[0].lower() if line else "#"
        if head.startswith("#"):
            return
        if head.startswith("%"):
            self.group, self.labelled = _section(line, self.strict), False
        elif head == "format":
            _require(line.split()[1:] == ["dicom"], "FORMAT must be dicom")
        elif self.group is None:
            _require(not self.strict, "a rule outside of a %filter section")
        elif head == "label":
            name = line[5:].split("#", 1)[0].strip()
            _require(bool(name), "LABEL without a name")
            self.rules.append(Rule(self.group, name, (), ()))
            self.labelled = True
        else:
            _require(self.labelled, "a test or coordinates outside of a LABEL")
            self._extend(head, line)

    def _extend(self, head: str, line: str) -> None:
        rule = self.rules[-1]
        if head in COORDINATES:
            area = _area(head, line[len(head) :].split("#", 1)[0].strip())
            self.rules[-1] = replace(rule, areas=(*rule.areas, area))
        else:
            self.rules[-1] = replace(rule, lines=(*rule.lines, _line(line, self.strict)))


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


def _section(line: str, strict: bool) -> str | None:
    """The group's name, or None for a section that is none of ours."""
    kind, _, name = line[1:].split("#", 1)[0].strip().partition(" ")
    if kind.lower() == "filter":
        _require(bool(name.strip()), "%filter without a name")
        return name.strip()
    _require(not strict, f"%{kind} does not belong in a pixel recipe")
    return None


def _area(head: str, text: str) -> Area:
    keep, ctp = COORDINATES[head]
    if text.lower() == "all":
        return Area(keep, "all")
    if text.startswith("from:"):
        _require(text == f"from:{ULTRASOUND_REGIONS}", "from: knows ultrasound regions only")
        return Area(keep, "regions")
    left, top, third, fourth = (int(x) for x in text.split(","))
    right, bottom = (left + third, top + fourth) if ctp else (third, fourth)
    _require(0 <= left < right and 0 <= top < bottom, "the rectangle is empty or negative")
    return Area(keep, "box", (left, top, right, bottom))


def _line(line: str, strict: bool) -> Line:
    """`[+ | ||] test [+ test | || test]...`; a `+` that starts no test belongs to the value."""
    alternative = line.startswith("||")
    body = re.sub(r"^(\+|\|\|)\s*", "", line)
    words = "|".join(sorted(TESTS_WITH_VALUE | TESTS_ALONE))
    parts = re.split(rf"\s*(\+|\|\|)\s*(?=(?:{words})\s)", body)
    tests = tuple(_test(part, strict) for part in parts[::2])
    return Line(tests, tuple("and" if j == "+" else "or" for j in parts[1::2]), alternative)


def _test(text: str, strict: bool) -> Test:
    kind, _, rest = text.strip().partition(" ")
    kind = kind.lower()
    _require(kind in TESTS_WITH_VALUE | TESTS_ALONE, "not a test, a coordinate line or a LABEL")
    keyword, _, value = rest.strip().partition(" ")
    keyword, value = keyword.strip(), value.strip().lower()
    _require(not strict or tag_for_keyword(keyword) is not None, f"unknown attribute {keyword!r}")
    if kind in TESTS_ALONE:
        _require(not value, f"{kind} takes no value")
        return Test(kind, keyword)
    _require(bool(value), f"{kind} needs a value")
    try:
        pattern = re.compile(value) if kind in {"contains", "notcontains"} else None
    except re.error:
        raise ValueError(f"{value!r} is not a regular expression") from None
    return Test(kind, keyword, value, pattern)
