"""Which private elements are safe, and what they hold (PS3.15 E.3.10, PS3.5 7.8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from watcher.dicom.names import BaseTag, Tag
from watcher.scrub.elements import Clean, Coding, text
from watcher.scrub.nested import Element, Item
from watcher.scrub.profile.table import Private

Owners = Mapping[int, str]
"""(group << 16 | block) to the Private Creator that reserved it."""

_NONE: Owners = {}
_NUMBER_SIZES = {"SS": 2, "US": 2, "SL": 4, "UL": 4, "FL": 4, "FD": 8, "SV": 8, "UV": 8}


@dataclass(frozen=True)
class PrivateRules:
    """The safe elements. A Private Creator that owns none of them does not even keep its name."""

    safe: Private
    kept: frozenset[tuple[int, str, int]] = frozenset()

    def owners(self, source: Item) -> Owners:
        """Who reserved which block of which group in this data set or item."""
        found: dict[int, str] = {}
        for tag, element in source.items():
            if tag >> 16 & 1 and 0x10 <= tag & 0xFFFF <= 0xFF:
                creator = text(element, "LO", ("iso8859",)).strip(" \0")
                found[int(tag) & 0xFFFF0000 | tag & 0xFF] = creator
        return found or _NONE

    def vr(self, element: Element, owners: Owners) -> str:
        """The VR of a safe element, as its file or else the table says; "" when it is not safe."""
        place = self.place(element.tag, owners)
        if place in self.kept:
            return str(element.VR or "UN")
        allowed = self.safe.get(place, ())
        if not allowed:
            return ""
        if element.VR in allowed:
            return str(element.VR)
        if element.VR not in {None, "UN"}:
            return ""
        return _fitting(allowed, element.value)

    @staticmethod
    def place(tag: BaseTag, owners: Owners) -> tuple[int, str, int]:
        """(group, Private Creator, last two digits) of a private element; the creator may be ""."""
        block = int(tag) & 0xFFFF0000 | (tag & 0xFFFF) >> 8
        return tag >> 16, owners.get(block, ""), tag & 0xFF

    @staticmethod
    def reserve(found: Clean, owners: Owners, coding: Coding) -> None:
        """Put back the Private Creators of the blocks that still have elements."""
        blocks = {int(tag) & 0xFFFF0000 | (tag & 0xFFFF) >> 8 for tag in _private(found)}
        for block in sorted(blocks):
            found[Tag(block)] = coding.element(Tag(block), "LO", owners[block])


def _private(tags: Iterable[BaseTag]) -> list[BaseTag]:
    return [tag for tag in tags if tag >> 16 & 1 and tag & 0xFFFF > 0xFF]


def _fitting(allowed: tuple[str, ...], value: object) -> str:
    """Of the VRs that vendors use here, the first that a value without a VR can have."""
    for vr in allowed:
        size = _NUMBER_SIZES.get(vr)
        if size is None or not isinstance(value, bytes) or len(value) % size == 0:
            return vr
    return ""
