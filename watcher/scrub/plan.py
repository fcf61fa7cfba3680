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
from watcher.scrub.profile.generate import reasons
from watcher.scrub.profile.table import unlisted

REMOVE, EMPTY, KEEP, ITEMS, LITERAL, FUNCTION = (
    "remove",
    "empty",
    "keep",
    "items",
    "literal",
    "function",
)
"""The acts. ITEMS: each item by itself."""


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
_CHECKED = frozenset({"CS", "DS", "IS"})
_BULK = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_CODE_MEANING, _CHARACTER_SET = 0x00080104, 0x00080005
_REPEATING = (0x5000, 0x6000)  # curves and overlays (PS3.5 7.6)


KEPT_BY_RECIPE: Steps = (Step(KEEP, "", "site recipe: KEEP"),)
CODE: Steps = (Step(KEEP, "", "a code of its scheme"),)
NO_CODE: Steps = (Step(LITERAL, "ANON", "no code of its scheme"),)
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
        self._reasons = reasons(options)
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
            base = all(line.from_base for line in lines)
            return (Step(KEEP, "", self._reasons.get(tag, "")),) if base else KEPT_BY_RECIPE
        replaced = any(line.action == "REPLACE" for line in lines)
        return tuple(
            self._step(line, tag) for line in lines if not (replaced and line.action == "REMOVE")
        )

    def has_line(self, tag: int) -> bool:
        """Whether the recipe names this Attribute."""
        return tag in self._exact

    def _step(self, line: Line, tag: int) -> Step:
        why = self._reasons.get(tag, "") if line.from_base else f"site recipe: {line.action}"
        if line.action == "REPLACE" and line.function:
            return Step(FUNCTION, line.function, f"{why}, {line.function}")
        if line.action == "REPLACE":
            return Step(LITERAL, line.value, f"{why}, literal")
        return Step(REMOVE if line.action == "REMOVE" else EMPTY, "", why)

    def private_steps(self, vr: str) -> Steps:
        """What to do with a private element of this VR; "" is one not known to be safe."""
        if not vr:
            return _UNSAFE
        found = self._private.get(vr)
        if found is None:
            found = self._private[vr] = (self._by_private_vr(vr),)
        return found

    def _by_private_vr(self, vr: str) -> Step:
        step = self._by_vr(0, vr)
        act, value = (FUNCTION, "clean_technical") if vr in _TEXT else (step.act, step.value)
        return Step(act, value, f"private: safe, {vr}")

    def _silent(self, tag: int, vr: str) -> Steps:
        if tag >> 16 & 0xFF00 in _REPEATING:
            return (Step(REMOVE, "", "overlays and curves"),)
        if not dictionary.vr(tag) or tag & 0xFFFF == 0:
            return (Step(REMOVE, "", "not in the dictionary"),)
        if tag in _unlisted_tags("remove"):
            return (Step(REMOVE, "", "not in the table: names somebody or something"),)
        if tag in _unlisted_tags("binary") or tag == _CHARACTER_SET:
            return (Step(KEEP, "", "not in the table: no text"),)
        if tag in _unlisted_tags("keep"):
            return (
                Step(FUNCTION, "clean_known", "not in the table: a maker's words, clean_known"),
            )
        if tag in _unlisted_tags("technical"):
            return (
                Step(FUNCTION, "clean_technical", "not in the table: settings, clean_technical"),
            )
        return (self._by_vr(tag, vr),)

    def _by_vr(self, tag: int, vr: str) -> Step:
        why = self._reasons.get(tag) or f"not in the table: by VR {vr}"
        if vr in _NUMBERS:
            return Step(KEEP, "", why)
        if vr in _TEXT:
            needed = tag == _CODE_MEANING
            function = "clean_or_dummy" if needed else "clean_text"
            return Step(FUNCTION, function, f"{why}, {function}")
        if vr in {"DA", "DT", "TM"}:
            return self._temporal(vr, why)
        if vr == "UI":
            if self._options.keep_uids:
                return Step(KEEP, "", why)
            function = "class_uid" if _names_a_class(tag) else "uid"
            return Step(FUNCTION, function, f"{why}, {function}")
        if vr in _CHECKED:
            return Step(FUNCTION, "checked", f"{why}, checked")
        if vr == "AS":
            return Step(FUNCTION, "age", f"{why}, age")
        plain = {"SQ": ITEMS, "PN": EMPTY}
        return Step(plain.get(vr, REMOVE), "", why)

    def _temporal(self, vr: str, why: str) -> Step:
        if self._options.dates == "full":
            return Step(KEEP, "", why)
        if self._options.dates == "removed":
            return Step(EMPTY, "", why)
        function = "time" if vr == "TM" else "date"
        return Step(FUNCTION, function, f"{why}, {function}")


def _names_a_class(tag: int) -> bool:
    keyword = dictionary.label(tag)
    return keyword in _CLASS_UIDS or _CLASS_UID.search(keyword) is not None


@cache
def _unlisted_tags(kind: str) -> frozenset[int]:
    return frozenset(int(tag_for_keyword(word) or 0) for word in unlisted(kind))
