"""The header engine: one pass over a data set, each element by the recipe, the table or its VR."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from watcher.dicom import charset, dictionary
from watcher.dicom.names import RawDataElement, Tag
from watcher.scrub.codes import is_code
from watcher.scrub.elements import KNOWN_VRS, TEXT_VRS, Clean, Coding, charset_terms, text
from watcher.scrub.functions import Function
from watcher.scrub.nested import Element, Item, items_of
from watcher.scrub.plan import (
    CODE,
    EMPTY,
    FUNCTION,
    KEEP,
    KEPT_BY_RECIPE,
    LITERAL,
    NO_CODE,
    REMOVE,
    Plan,
    Steps,
)
from watcher.scrub.private import PrivateRules

_CHARACTER_SET = 0x00080005
_CODE_VALUES = frozenset({0x00080100, 0x00080119})
_SCHEME = 0x00080102
# Numbers too short to be anybody's: `checked` would return them as they are.
_ONE_NUMBER = rb"[+-]?(?:\d{1,5}+(?:\.\d{0,5}+)?|\.\d{1,5}+)(?:[eE][+-]?\d{1,3}+)?"
_SHORT_NUMBERS = re.compile(
    rb" *+(?:" + _ONE_NUMBER + rb")?+ *+(?:\\ *+(?:" + _ONE_NUMBER + rb")?+ *+)*+\0*+"
)


@dataclass(frozen=True, slots=True)
class Treated:
    """One element and what became of it, for `explain`: `before` None if added, `after` if removed.

    `encodings` are the codecs of `before`; `after` is ASCII or UTF-8.
    """

    path: tuple[str, ...]
    name: str
    vr: str
    why: str
    before: Element | None
    after: Element | None
    encodings: tuple[str, ...] = ()


Trace = Callable[[Treated], None]


class Header:
    """Cleans the data sets of one file. The source is left as it is."""

    def __init__(
        self,
        plan: Plan,
        private: PrivateRules,
        functions: Mapping[str, Function],
        coding: Coding,
        trace: Trace | None = None,
    ) -> None:
        self._plan = plan
        self._private = private
        self._functions = functions
        self._coding = coding
        self._trace = trace
        self._by_path = plan.by_path

    def clean(self, source: Item, encodings: tuple[str, ...], path: tuple[str, ...] = ()) -> Clean:
        """The clean elements of a data set or item.

        `encodings` are the codecs of the data set around it, in force until it declares its own.
        """
        if _CHARACTER_SET in source:
            encodings = charset.codecs(charset_terms(source[_CHARACTER_SET]))
        found: Clean = {}
        owners, traced = self._private.owners(source), self._trace is not None
        for tag, element in source.items():
            if tag & 0x10000:
                if not traced and not self._private.knows(tag, owners):
                    continue
                vr = self._private.vr(element, owners)
                steps = self._plan.private_steps(vr)
                if self._private.keeps(tag, owners):
                    vr, steps = str(element.VR or "UN"), KEPT_BY_RECIPE
            else:
                vr = _vr(element)
                steps = self._steps(source, tag, vr, path)
            after = self._apply(steps, element, vr, encodings, path)
            if after is not None:
                found[tag] = after
            if self._trace is not None:
                name = self._private.label(tag, owners)
                self._trace(Treated(path, name, vr, steps[-1].why, element, after, encodings))
        if owners:
            self._private.reserve(found, owners, self._coding)
        return found

    def _steps(self, source: Item, tag: int, vr: str, path: tuple[str, ...]) -> Steps:
        if tag in _CODE_VALUES and not self._plan.has_line(tag):
            value = text(source[tag], vr, ("ascii",)).strip(" \0")
            return CODE if not value or is_code(_scheme(source), value) else NO_CODE
        name = ""
        if self._by_path:
            name = "__".join([step.partition("[")[0] for step in path] + [dictionary.label(tag)])
        return self._plan.steps(tag, vr, name)

    def _apply(
        self,
        steps: Steps,
        element: Element,
        vr: str,
        encodings: tuple[str, ...],
        path: tuple[str, ...],
    ) -> RawDataElement | None:
        if vr == "SQ":
            return self._sequence(steps, element, encodings, path)
        value: str | bytes = b""
        before = ""
        if vr in {"DS", "IS"} and steps[0].value == "checked" and _are_short(element.value):
            return self._kept(element, vr, encodings)
        for number, step in enumerate(steps):
            if step.act == REMOVE:
                return None
            if step.act == KEEP:
                return self._kept(element, vr, encodings)
            if number == 0 and step.act == FUNCTION:
                value = before = text(element, vr, encodings)
            value = self._value(step.act, step.value, value, int(element.tag), vr)
        if before and (value == before or value == before.rstrip(" \0")):
            return self._kept(element, vr, encodings)
        return self._coding.element(element.tag, vr, value)

    def _value(self, act: str, argument: str, value: str | bytes, tag: int, vr: str) -> str | bytes:
        if act == EMPTY:
            return ""
        if act == LITERAL:
            return argument
        if isinstance(value, bytes):
            return value
        return self._functions[argument](value, vr, dictionary.label(tag))

    def _kept(self, element: Element, vr: str, encodings: tuple[str, ...]) -> RawDataElement | None:
        """The element as it is, but for its character set."""
        value = element.value
        if vr in TEXT_VRS and not (
            isinstance(value, bytes) and value.isascii() and charset.ESCAPE not in value
        ):
            return self._coding.element(element.tag, vr, text(element, vr, encodings))
        return self._coding.same(element, vr)

    def _sequence(
        self, steps: Steps, element: Element, encodings: tuple[str, ...], path: tuple[str, ...]
    ) -> RawDataElement | None:
        act, source = steps[-1].act, items_of(element)
        if act == REMOVE or source is None:
            return None
        items: list[Clean] = []
        if act in {FUNCTION, LITERAL}:
            items = [self._dummy_item()]
        elif act == KEEP:
            items = [self._whole(item, encodings) for item in source]
        elif act != EMPTY:
            name = dictionary.label(int(element.tag))
            items = [
                self.clean(item, encodings, (*path, f"{name}[{number}]"))
                for number, item in enumerate(source)
            ]
        return self._coding.sequence(element.tag, items)

    def _whole(self, source: Item, encodings: tuple[str, ...]) -> Clean:
        """An item of which a site's recipe wants everything kept."""
        kept: Clean = {}
        for tag, element in source.items():
            after: RawDataElement | None
            if element.VR == "SQ":
                items = [self._whole(item, encodings) for item in items_of(element) or ()]
                after = self._coding.sequence(element.tag, items)
            else:
                after = self._kept(element, _vr(element), encodings)
            if after is not None:
                kept[tag] = after
        return kept

    def _dummy_item(self) -> Clean:
        """A code that says nothing (PS3.15 E.1.1 wants a dummy that is valid)."""
        coded = ((0x00080100, "SH", "ANON"), (_SCHEME, "SH", "99ANON"), (0x00080104, "LO", "ANON"))
        return {tag: self._coding.element(Tag(tag), vr, value) for tag, vr, value in coded}


def _are_short(value: object) -> bool:
    return isinstance(value, bytes) and _SHORT_NUMBERS.fullmatch(value) is not None


def _vr(element: Element) -> str:
    """The VR an element is treated as: its own, or where that says nothing, the dictionary's."""
    vr = element.VR
    return vr if vr in KNOWN_VRS else dictionary.vr(int(element.tag)) or "UN"


def _scheme(source: Item) -> str:
    if _SCHEME not in source:
        return ""
    return text(source[_SCHEME], "SH", ("ascii",)).strip(" \0")
