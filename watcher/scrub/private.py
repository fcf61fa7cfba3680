"""Which private elements are safe, and what they hold (PS3.15 E.3.10, PS3.5 7.8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from watcher.dicom import dictionary
from watcher.dicom.names import Tag
from watcher.scrub.elements import Clean, Coding, text
from watcher.scrub.lines import Line
from watcher.scrub.nested import Element, Item
from watcher.scrub.profile.table import Private, safe_private

Owners = Mapping[int, str]
"""(group << 16 | block) to the Private Creator that reserved it."""

Place = tuple[int, str, int]
"""(group, Private Creator, last two digits) of a private element."""

_NONE: Owners = {}
_STRINGS = frozenset({"AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "SH", "ST", "TM", "UC", "UT"})
_NUMBER_SIZES = {"SS": 2, "US": 2, "SL": 4, "UL": 4, "FL": 4, "FD": 8, "SV": 8, "UV": 8}


@dataclass(frozen=True)
class PrivateRules:
    """The safe elements. A Private Creator that owns none of them does not even keep its name."""

    safe: Private
    kept: frozenset[Place] = frozenset()
    """Places that a site's recipe keeps as they are, whatever they hold."""

    @classmethod
    def load(cls, lines: Iterable[Line], keep_safe: bool) -> PrivateRules:
        """The table as far as the option allows, less what a recipe removes, and what it keeps."""
        named = [(line.action, line.private) for line in lines if line.private is not None]
        gone = {place for action, place in named if action == "REMOVE"}
        safe = {place: vrs for place, vrs in safe_private().items() if keep_safe}
        return cls(
            {place: vrs for place, vrs in safe.items() if place not in gone},
            frozenset(place for action, place in named if action == "KEEP"),
        )

    def owners(self, source: Item) -> Owners:
        """Who reserved which block of which group in this data set or item."""
        found: dict[int, str] = {}
        for tag, element in source.items():
            if tag & 0x10000 and 0x10 <= tag & 0xFFFF <= 0xFF:
                creator = text(element, "LO", ("iso8859",)).strip(" \0")
                found[tag & 0xFFFF0000 | tag & 0xFF] = creator
        return found or _NONE

    def knows(self, tag: int, owners: Owners) -> bool:
        """Whether anything but removal can become of this element."""
        creator = owners.get(tag & 0xFFFF0000 | (tag & 0xFFFF) >> 8)
        if creator is None:
            return False
        place = tag >> 16, creator, tag & 0xFF
        return place in self.safe or place in self.kept

    def vr(self, element: Element, owners: Owners) -> str:
        """The VR of a safe element, as its file or else the table says; "" when it is not safe."""
        place = self.place(int(element.tag), owners)
        allowed = self.safe.get(place, ())
        if not allowed:
            return ""
        vr = element.VR
        if vr is None or vr == "UN":
            return _fitting(allowed, element.value)
        return str(vr) if vr in allowed or _alike(str(vr), allowed) else ""

    def keeps(self, tag: int, owners: Owners) -> bool:
        """Whether a site keeps this element as it is."""
        return bool(self.kept) and self.place(tag, owners) in self.kept

    def label(self, tag: int, owners: Owners) -> str:
        """A name for an element; a private one's creator is told only where a table knows it."""
        place = self.place(tag, owners)
        if not tag >> 16 & 1 or place not in self.safe:
            return dictionary.label(tag)
        return f'({place[0]:04X},"{place[1]}",{place[2]:02X})'

    @staticmethod
    def place(tag: int, owners: Owners) -> Place:
        """(group, Private Creator, last two digits) of a private element; the creator may be ""."""
        block = tag & 0xFFFF0000 | (tag & 0xFFFF) >> 8
        return tag >> 16, owners.get(block, ""), tag & 0xFF

    @staticmethod
    def is_creator(tag: int) -> bool:
        """Whether this is a Private Creator: it goes or stays with the elements of its block."""
        return tag >> 16 & 1 == 1 and 0x10 <= tag & 0xFFFF <= 0xFF

    @staticmethod
    def reserve(found: Clean, owners: Owners, coding: Coding) -> None:
        """Put back the Private Creators of the blocks that still have elements."""
        blocks = {tag & 0xFFFF0000 | (tag & 0xFFFF) >> 8 for tag in _private(found)}
        for block in sorted(blocks):
            found[block] = coding.element(Tag(block), "LO", owners[block])


def _private(tags: Iterable[int]) -> list[int]:
    return [tag for tag in tags if tag >> 16 & 1 and tag & 0xFFFF > 0xFF]


def _alike(vr: str, allowed: tuple[str, ...]) -> bool:
    """Whether the file writes as text what others write as other text, or numbers as numbers."""
    kind = next((kind for kind in (_STRINGS, _NUMBER_SIZES.keys()) if vr in kind), None)
    return kind is not None and any(other in kind for other in allowed)


def _fitting(allowed: tuple[str, ...], value: object) -> str:
    """Of the VRs that vendors use here, the first that a value without a VR can have."""
    for vr in allowed:
        size = _NUMBER_SIZES.get(vr)
        if size is None or not isinstance(value, bytes) or len(value) % size == 0:
            return vr
    return ""
