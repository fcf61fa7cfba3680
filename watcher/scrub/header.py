"""The header engine: one pass over a data set, each element by the recipe, the table or its VR."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from watcher.dicom import charset, dictionary
from watcher.dicom.names import BaseTag, Dataset, Tag
from watcher.scrub.elements import TEXT_VRS, Coding, Element, charset_terms, text
from watcher.scrub.functions import Function
from watcher.scrub.plan import (
    CHECKED,
    EMPTY,
    FUNCTION,
    KEEP,
    LITERAL,
    PUBLIC_CODE,
    REMOVE,
    Plan,
    Steps,
)
from watcher.scrub.private import PrivateRules

_CHARACTER_SET = 0x00080005
_CODE_VALUES = frozenset({0x00080100, 0x00080119})
_SCHEME = 0x00080102
# PS3.16 chapter 8: schemes whose codes are published, so that a code names no one.
_PUBLIC_SCHEMES = frozenset(
    "SCT SRT SNM3 99SDM DCM LN UCUM FMA MA NCIt RADLEX UMLS I9C I10 ICDO3 RXNORM NDC BI CTV3 NYUMCCG "
    "ISO639_1 ISO639_2 ISO3166_1 ISO_IR DCMUID UBERON PUBCHEM_CID IEC61966 ACR BARI ITIS_TSN MSH".split()
)
_VALID = {
    "CS": re.compile(r"[A-Z0-9 _\\\0]*"),
    "DS": re.compile(r"[0-9eE+\-. \\\0]*"),
    "IS": re.compile(r"[0-9+\- \\\0]*"),
}


@dataclass(frozen=True, slots=True)
class Treated:
    """One element of the source and what became of it, for `explain`; `after` None if removed."""

    path: tuple[str, ...]
    name: str
    why: str
    before: Element
    after: Element | None


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

    def clean(
        self, source: Dataset, encodings: tuple[str, ...], path: tuple[str, ...] = ()
    ) -> dict[BaseTag, Element]:
        """The clean elements of a data set or item.

        `encodings` are the codecs of the data set around it, in force until it declares its own.
        """
        if _CHARACTER_SET in source:
            encodings = charset.codecs(charset_terms(source.get_item(_CHARACTER_SET)))
        found: dict[BaseTag, Element] = {}
        owners = self._private.owners(source)
        for element in source.values():
            tag = element.tag
            if tag >> 16 & 1:
                vr = self._private.vr(element, owners)
                steps = self._plan.private_steps(vr)
            else:
                vr = _vr(element)
                steps = self._steps(source, element, vr, path)
            after = self._apply(steps, source, element, vr, encodings, path)
            if after is not None:
                found[tag] = after
            if self._trace is not None:
                self._trace(Treated(path, _name(tag, owners), steps[-1].why, element, after))
        self._private.reserve(found, owners, self._coding)
        return found

    def _steps(self, source: Dataset, element: Element, vr: str, path: tuple[str, ...]) -> Steps:
        tag = int(element.tag)
        if tag in _CODE_VALUES and _is_public(source):
            return PUBLIC_CODE
        name = ""
        if self._by_path:
            name = "__".join([step.partition("[")[0] for step in path] + [dictionary.label(tag)])
        return self._plan.steps(tag, vr, name)

    def _apply(
        self,
        steps: Steps,
        source: Dataset,
        element: Element,
        vr: str,
        encodings: tuple[str, ...],
        path: tuple[str, ...],
    ) -> Element | None:
        if vr == "SQ":
            return self._sequence(steps, source, element, encodings, path)
        value: str | bytes | None = None
        for step in steps:
            if step.act == REMOVE:
                return None
            if step.act == KEEP:
                return self._kept(element, vr, encodings)
            if value is None and step.act in {FUNCTION, CHECKED}:
                value = text(element, vr, encodings)
            value = self._value(step.act, step.value, value, element, vr)
        assert value is not None
        return self._coding.element(element.tag, vr, value)

    def _value(
        self, act: str, argument: str, value: str | bytes | None, element: Element, vr: str
    ) -> str | bytes:
        if act == EMPTY:
            return ""
        if act == LITERAL:
            return argument
        if not isinstance(value, str):
            return value or ""
        if act == CHECKED:
            if _VALID[vr].fullmatch(value):
                return value
            if vr != "CS":
                return ""
            argument = "clean_text"
        return self._functions[argument](value, vr, dictionary.label(int(element.tag)))

    def _kept(self, element: Element, vr: str, encodings: tuple[str, ...]) -> Element:
        """The element as it is, but for its character set."""
        value = element.value
        if vr not in TEXT_VRS or (
            isinstance(value, bytes) and value.isascii() and charset.ESCAPE not in value
        ):
            return element
        return self._coding.element(element.tag, vr, text(element, vr, encodings))

    def _sequence(
        self,
        steps: Steps,
        source: Dataset,
        element: Element,
        encodings: tuple[str, ...],
        path: tuple[str, ...],
    ) -> Element | None:
        act = steps[-1].act
        if act == REMOVE:
            return None
        if act == EMPTY:
            return self._coding.sequence(element.tag, ())
        if act in {FUNCTION, LITERAL}:
            return self._coding.sequence(element.tag, (self._dummy_item(),))
        items = source[element.tag].value or ()
        if act == KEEP:
            return element
        name = dictionary.label(int(element.tag))
        return self._coding.sequence(
            element.tag,
            [
                self._coding.dataset(self.clean(item, encodings, (*path, f"{name}[{i}]")))
                for i, item in enumerate(items)
            ],
        )

    def _dummy_item(self) -> Dataset:
        """A code that says nothing (PS3.15 E.1.1 wants a dummy that is valid)."""
        coded = ((0x00080100, "SH", "ANON"), (_SCHEME, "SH", "99ANON"), (0x00080104, "LO", "ANON"))
        return self._coding.dataset(
            {Tag(tag): self._coding.element(Tag(tag), vr, value) for tag, vr, value in coded}
        )


def _vr(element: Element) -> str:
    """The VR an element is treated as: its own, or where it has none, the dictionary's."""
    vr = element.VR
    if vr is None or vr == "UN":
        return dictionary.vr(int(element.tag)) or "UN"
    return str(vr)


def _is_public(source: Dataset) -> bool:
    scheme = source.get_item(_SCHEME) if _SCHEME in source else None
    return scheme is not None and text(scheme, "SH", ("ascii",)).strip(" \0") in _PUBLIC_SCHEMES


def _name(tag: BaseTag, owners: Mapping[int, str]) -> str:
    if not tag >> 16 & 1:
        return dictionary.label(int(tag))
    return f"({tag >> 16:04x},{tag & 0xFFFF:04x})"
