"""What was done to a file, tag by tag, for an auditor; values only when asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from watcher.dicom.part10 import Part10
from watcher.scrub.cleaner import HeaderCleaner
from watcher.scrub.elements import TEXT_VRS, numbers_of, text
from watcher.scrub.functions import NAMES, Functions
from watcher.scrub.header import Treated
from watcher.scrub.nested import Element
from watcher.scrub.private import PrivateRules

_LONGEST = 120
_MOST_NUMBERS = 16
_UTF8 = ("utf-8",)


@dataclass(frozen=True, slots=True)
class Row:
    """One element: where it is, what became of it and by which rule.

    `action` is kept, changed, emptied, removed, added or items. `before` and `after` are "" unless
    values were asked for; they are the only fields that can name a patient.
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

    What is added comes last. Private Creators have no rows: they stay where an element of theirs
    does.

    Raises RefusedError(MISSING_ATTRIBUTE) for a file without one of its UIDs. The pixels and
    group 0002, which is always written anew, have no rows.
    """
    for treated in cleaner.explain(part):
        element = treated.before or treated.after
        if element is None or PrivateRules.is_creator(int(element.tag)):
            continue
        before, after = _shown(treated.before, treated), _shown(treated.after, treated)
        yield Row(
            path="/".join((*treated.path, treated.name)),
            tag=f"({element.tag >> 16:04X},{element.tag & 0xFFFF:04X})",
            vr=treated.vr or str(element.VR or ""),
            action=_action(treated, before == after),
            rule=treated.why,
            before=_shortened(before) if values else "",
            after=_shortened(after) if values else "",
        )


def legend(rows: Iterable[Row]) -> Iterator[tuple[str, str]]:
    """(function, what it does) of every function that the rules of these rows name."""
    named = {row.rule.rpartition(", ")[2] for row in rows}
    for name in sorted(named & NAMES):
        yield name, (getattr(Functions, name).__doc__ or "").partition("\n")[0]


def _action(treated: Treated, same: bool) -> str:
    if treated.before is None:
        return "added"
    if treated.after is None:
        return "removed"
    if treated.vr == "SQ":
        return "items" if treated.after.value else "emptied"
    if same:
        return "kept"
    return "changed" if treated.after.value else "emptied"


def _shown(element: Element | None, treated: Treated) -> str:
    """The whole value as text, what has none by a digest that tells whether it changed."""
    if element is None or not element.value:
        return ""
    if treated.vr in TEXT_VRS:
        encodings = treated.encodings if element is treated.before else _UTF8
        return text(element, treated.vr, encodings or _UTF8).strip(" \0")
    if treated.vr == "SQ":
        return f"{len(element.value)} items" if element is treated.before else "items"
    if isinstance(element.value, bytes):
        numbers = numbers_of(element)
        if 0 < len(numbers) <= _MOST_NUMBERS:
            return "\\".join(f"{number:g}" for number in numbers)
        digest = hashlib.sha256(element.value).hexdigest()[:8]
        return f"{len(element.value)} bytes, SHA-256 {digest}..."
    return str(element.value)


def _shortened(value: str) -> str:
    return value if len(value) <= _LONGEST else f"{value[:_LONGEST]} ..."
