"""What is done to each standard Attribute: the recipe's lines, and where it is silent, the VR."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from watcher.dicom import dictionary
from watcher.dicom.names import DataElement, tag_for_keyword
from watcher.options import ScrubOptions
from watcher.scrub.lines import Line
from watcher.scrub.overlay import holds
from watcher.scrub.profile.table import unlisted

REMOVE, EMPTY, KEEP, ITEMS, LITERAL, FUNCTION, CHECKED = (
    "remove",
    "empty",
    "keep",
    "items",
    "literal",
    "function",
    "checked",
)
"""The acts. ITEMS: each item by itself. CHECKED: kept if the VR allows the value."""


@dataclass(frozen=True, slots=True)
class Step:
    """One act on an element; `value` is the literal, or the function's name; `why` the rule."""

    act: str
    value: str
    why: str


Steps = tuple[Step, ...]

# UIDs that name a kind of object, a scheme or a vendor, never an instance.
_CLASS_UID = re.compile(r"(SOPClass|TransferSyntax|CodingScheme|Context|MappingResource).*UID")
_CLASS_UIDS = frozenset({"SOPClassesInStudy", "SOPClassesSupported"})
_NUMBERS = frozenset({"AT", "FD", "FL", "SL", "SS", "SV", "UL", "US", "UV"})
_TEXT = frozenset({"LO", "LT", "SH", "ST", "UC", "UT"})
_BULK = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_REPEATING = (0x5000, 0x6000)  # curves and overlays (PS3.5 7.6)


PUBLIC_CODE: Steps = (Step(KEEP, "", "a code of a public scheme"),)
_UNSAFE: Steps = (Step(REMOVE, "", "private: not known to be safe"),)


class Plan:
    """The steps for a tag and VR; worked out once each, then looked up."""

    def __init__(self, lines: Sequence[Line], options: ScrubOptions) -> None:
        self._exact: dict[int, list[Line]] = {}
        for line in lines:
            if line.tag is not None and line.action != "ADD":
                self._exact.setdefault(line.tag, []).append(line)
        self._patterns = tuple(line for line in lines if line.is_pattern and line.action != "ADD")
        self.additions = tuple(line for line in lines if line.action == "ADD")
        self.by_path = bool(self._patterns)
        self._options = options
        self._known: dict[tuple[int, str, str], Steps] = {}
        self._private: dict[str, Steps] = {}

    def steps(self, tag: int, vr: str, path: str) -> Steps:
        """What to do, in order. `path` counts only where `by_path`: the keywords down to here."""
        key = (tag, vr, path)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self.recipe_steps(tag, vr, path) or self._silent(tag, vr)
        return found

    def recipe_steps(self, tag: int, vr: str, path: str) -> Steps:
        """What the recipe's lines alone say, with deid's order of precedence.

        KEEP outranks all; an element with a REPLACE line anywhere is not removed.
        """
        lines = list(self._exact.get(tag, ()))
        if self._patterns:
            element = DataElement(tag, vr or "UN", None)
            lines += [line for line in self._patterns if holds(line.field, element, path)]
        if any(line.action == "KEEP" for line in lines):
            return (Step(KEEP, "", "recipe: KEEP"),)
        replaced = any(line.action == "REPLACE" for line in lines)
        return tuple(_step(line) for line in lines if not (replaced and line.action == "REMOVE"))

    def private_steps(self, vr: str) -> Steps:
        """What to do with a private element of this VR; "" is one not known to be safe."""
        if not vr:
            return _UNSAFE
        found = self._private.get(vr)
        if found is None:
            found = self._private[vr] = (self._by_vr(0, vr),)
        return found

    def _silent(self, tag: int, vr: str) -> Steps:
        if tag >> 16 & 0xFF00 in _REPEATING:
            return (Step(REMOVE, "", "overlays and curves"),)
        if not dictionary.vr(tag) or tag & 0xFFFF == 0:
            return (Step(REMOVE, "", "not in the dictionary"),)
        for kind, act in (("remove", REMOVE), ("keep", KEEP), ("binary", KEEP)):
            if tag in _unlisted_tags(kind):
                return (Step(act, "", f"unlisted: {kind}"),)
        return (self._by_vr(tag, vr),)

    def _by_vr(self, tag: int, vr: str) -> Step:
        why = f"unlisted: {vr}"
        if vr in _NUMBERS:
            return Step(KEEP, "", why)
        if vr in _TEXT:
            return Step(FUNCTION, "clean_text", why)
        if vr in {"DA", "DT", "TM"}:
            return self._temporal(vr, why)
        if vr == "UI":
            stays = self._options.keep_uids or _names_a_class(tag)
            return Step(KEEP, "", why) if stays else Step(FUNCTION, "uid", why)
        plain = {"SQ": ITEMS, "PN": EMPTY, "CS": CHECKED, "DS": CHECKED, "IS": CHECKED}
        if vr == "AS":
            return Step(FUNCTION, "age", why)
        return Step(plain.get(vr, REMOVE), "", why)

    def _temporal(self, vr: str, why: str) -> Step:
        if self._options.dates == "full":
            return Step(KEEP, "", why)
        if self._options.dates == "removed":
            return Step(EMPTY, "", why)
        return Step(FUNCTION, "time" if vr == "TM" else "date", why)


def _step(line: Line) -> Step:
    why = f"recipe: {line.action} {line.value}".strip()
    if line.action == "REPLACE":
        return (
            Step(FUNCTION, line.function, why) if line.function else Step(LITERAL, line.value, why)
        )
    return Step(REMOVE if line.action == "REMOVE" else EMPTY, "", why)


def _names_a_class(tag: int) -> bool:
    keyword = dictionary.label(tag)
    return keyword in _CLASS_UIDS or _CLASS_UID.search(keyword) is not None


@cache
def _unlisted_tags(kind: str) -> frozenset[int]:
    return frozenset(int(tag_for_keyword(word) or 0) for word in unlisted(kind))
