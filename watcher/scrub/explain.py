"""What was done to a file, tag by tag, for an auditor; values only when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from watcher.dicom import charset
from watcher.dicom.part10 import Part10
from watcher.scrub.cleaner import HeaderCleaner
from watcher.scrub.elements import TEXT_VRS, text
from watcher.scrub.header import Treated
from watcher.scrub.nested import Element
from watcher.scrub.private import PrivateRules

_LONGEST = 120


@dataclass(frozen=True, slots=True)
class Row:
    """One element: where it is, what became of it and by which rule.

    `action` is kept, changed, emptied, removed or items. `before` and `after` are "" unless values
    were asked for; they are the only fields that can name a patient.
    """

    path: str
    tag: str
    vr: str
    action: str
    rule: str
    before: str = ""
    after: str = ""


def explain(cleaner: HeaderCleaner, part: Part10, values: bool = False) -> Iterator[Row]:
    """One row for each element of the header, in file order, a sequence after its items.

    Private Creators have no rows: they stay where an element of theirs does.

    Raises RefusedError(MISSING_ATTRIBUTE) for a file without one of its UIDs. The pixels and
    group 0002, which is always written anew, have no rows.
    """
    for treated in cleaner.explain(part):
        if PrivateRules.is_creator(treated.before.tag):
            continue
        yield Row(
            path="/".join((*treated.path, treated.name)),
            tag=f"({treated.before.tag >> 16:04X},{treated.before.tag & 0xFFFF:04X})",
            vr=treated.vr or str(treated.before.VR or ""),
            action=_action(treated),
            rule=treated.why,
            before=_shown(treated.before, treated.vr) if values else "",
            after=_shown(treated.after, treated.vr) if values else "",
        )


def _action(treated: Treated) -> str:
    if treated.after is None:
        return "removed"
    if treated.vr == "SQ":
        return "items" if treated.after.value else "emptied"
    if _shown(treated.before, treated.vr) == _shown(treated.after, treated.vr):
        return "kept"
    return "changed" if treated.after.value else "emptied"


def _shown(element: Element | None, vr: str) -> str:
    if element is None or not element.value:
        return ""
    if vr in TEXT_VRS:
        shown = text(element, vr, charset.codecs(())).strip(" \0")
        return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]} ..."
    if isinstance(element.value, bytes):
        return f"{len(element.value)} bytes"
    return f"{len(element.value)} items" if vr == "SQ" else str(element.value)
