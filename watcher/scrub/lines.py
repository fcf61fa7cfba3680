"""One action line of a recipe, by a strict grammar of deid's header language."""

from __future__ import annotations

import re
from dataclasses import dataclass

from watcher.dicom import dictionary
from watcher.dicom.names import tag_for_keyword
from watcher.errors import ConfigError
from watcher.scrub.functions import NAMES

_ACTION = re.compile(
    r"(?P<action>[A-Z]+) +(?P<field>(?:[^\s\"#]|\"[^\"]*\")+)(?: +(?P<value>[^#]*))?(?:#.*)?"
)
_TAG = re.compile(r"\(([0-9A-Fa-f]{4}),([0-9A-Fa-f]{4})\)|([0-9A-Fa-f]{4})([0-9A-Fa-f]{4})")
_PRIVATE = re.compile(r"\(?([0-9A-Fa-f]{4}),\"([^\"]+)\",([0-9A-Fa-f]{2})\)?")
_PATTERN = re.compile(
    r"(?:endswith|startswith|contains|except):\S.*|select:(?:vr:[a-z]{2}|group:[0-9a-f]{4})|all",
    re.IGNORECASE,
)
_LITERAL_VRS = frozenset(
    {"AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"}
)
_WITH_VALUE = frozenset({"ADD", "REPLACE"})
_WITHOUT_VALUE = frozenset({"BLANK", "KEEP", "REMOVE"})
_WHY_NOT = {
    "JITTER": "it keeps what it cannot parse; use REPLACE ... func:date",
    "LABEL": "pixel regions belong in the recipe of [pixels]",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One action. `tag` is the standard Attribute it names, None for a pattern or a private one."""

    action: str
    field: str
    value: str
    tag: int | None
    from_base: bool = False

    @property
    def function(self) -> str:
        """The name after `func:`, or "" for a literal value."""
        return self.value.removeprefix("func:") if self.value.startswith("func:") else ""

    @property
    def private(self) -> tuple[int, str, int] | None:
        """(group, Private Creator, last two digits) of the private element it names, if any."""
        match = _PRIVATE.fullmatch(self.field)
        return (int(match[1], 16), match[2], int(match[3], 16)) if match else None

    @property
    def is_pattern(self) -> bool:
        """Whether the field may stand for many elements."""
        return _PATTERN.fullmatch(self.field) is not None


def parse_lines(text: str, name: str) -> tuple[Line, ...]:
    """Every action in a recipe's text. Raises ConfigError, with the line's number only."""
    found: list[Line] = []
    section = ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("%"):
            section = line[1:].split("#")[0].strip()
            _require(section == "header", name, number, "only the %header section is taken here")
        elif line.split()[0] == "FORMAT":
            _require(line.split() == ["FORMAT", "dicom"], name, number, "the format is not dicom")
        else:
            _require(bool(section), name, number, "an action before %header")
            found.append(_parse(line, name, number))
    if not found:
        raise ConfigError(f"recipe {name}: holds no action")
    return tuple(found)


def _parse(line: str, name: str, number: int) -> Line:
    match = _ACTION.fullmatch(line)
    if match is None:
        raise ConfigError(f"recipe {name}, line {number}: not an action with a field")
    action, field, value = match["action"], match["field"], (match["value"] or "").strip()
    _require(action not in _WHY_NOT, name, number, _WHY_NOT.get(action, ""))
    _require(action in _WITH_VALUE | _WITHOUT_VALUE, name, number, "unknown action")
    _require(bool(value) == (action in _WITH_VALUE), name, number, f"{action} and its value")
    # deid takes "REMOVE x # why" for a condition that fails, and then removes nothing.
    _require(action in _WITH_VALUE or "#" not in line, name, number, "a comment on the line")
    _require(not value.startswith(("var:", "deid_func:")), name, number, "only func: is known")
    found = Line(action, field, value, _tag(field, name, number))
    known = not value.startswith("func:") or found.function in NAMES
    _require(known, name, number, "unknown function")
    _require(
        found.private is None or action in {"KEEP", "REMOVE"},
        name,
        number,
        "a private element can be kept or removed",
    )
    if value and found.tag is not None:
        _require(_takes(dictionary.vr(found.tag), found), name, number, "no such value for its VR")
    return found


def _takes(vr: str, line: Line) -> bool:
    """Whether an element of this VR can get what the line gives: numbers only from functions."""
    if vr == "SQ":
        return line.function == "dummy" and line.action == "REPLACE"
    if line.function:
        return line.action == "REPLACE"
    return vr in _LITERAL_VRS


def _tag(field: str, name: str, number: int) -> int | None:
    """The standard tag that a field names; None for patterns and private elements."""
    match = _TAG.fullmatch(field)
    if match is not None:
        return int("".join(part for part in match.groups() if part), 16)
    if _PATTERN.fullmatch(field) or _PRIVATE.fullmatch(field):
        return None
    tag = tag_for_keyword(field)
    if tag is None:
        raise ConfigError(f"recipe {name}, line {number}: unknown keyword")
    return int(tag)


def _require(holds: bool, name: str, number: int, what: str) -> None:
    if not holds:
        raise ConfigError(f"recipe {name}, line {number}: {what}")
