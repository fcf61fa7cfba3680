"""Which action a row of Table E.1-1 comes down to, given the options in force.

The options speak first: what an option keeps (K) stays, what it cleans (C) is cleaned. Otherwise
the basic action holds, and where that offers a choice (X/Z, X/D, Z/D, X/Z/D, X/Z/U*) the strictest
Type that the Attribute has in any IOD decides, so that the result is valid in every IOD: Type 3 is
removed, Type 2 emptied, Type 1 given a dummy; a choice that lacks that action takes the next one
that is still valid.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from watcher.options import ScrubOptions
from watcher.scrub.profile.table import Row


class Do(enum.Enum):
    """What is done to an element; the value is the line of a deid recipe, or None for no line."""

    REMOVE = "REMOVE {field}"
    EMPTY = "BLANK {field}"
    DUMMY = "REPLACE {field} func:dummy"
    UID = "REPLACE {field} func:uid"
    DATE = "REPLACE {field} func:date"
    TIME = "REPLACE {field} func:time"
    TEXT = "REPLACE {field} func:clean_text"
    TEXT_OR_DUMMY = "REPLACE {field} func:clean_or_dummy"
    AGE = "REPLACE {field} func:age"
    PATIENT_ID = "REPLACE {field} func:patient_id"
    PATIENT_NAME = "REPLACE {field} func:patient_name"
    ACCESSION = "REPLACE {field} func:accession_number"
    ITEMS = None
    CHECKED = "REPLACE {field} func:checked"
    KEEP = "KEEP {field}"


@dataclass(frozen=True, slots=True)
class Resolved:
    """The action and the reason for it, in the table's terms."""

    do: Do
    why: str


# Where the profile asks for a dummy or an empty value, a keyed pseudonym serves consistency better.
_PSEUDONYMS = {
    "PatientID": Do.PATIENT_ID,
    "PatientName": Do.PATIENT_NAME,
    "AccessionNumber": Do.ACCESSION,
}
# The offset from UTC goes with the times, which stay (PS3.15 E.3.6).
_BY_KEYWORD = {"TimezoneOffsetFromUTC": Do.TIME}
_PLAIN = {"X": Do.REMOVE, "Z": Do.EMPTY, "D": Do.DUMMY, "U": Do.UID, "U*": Do.UID}
_BY_VR = {"DA": Do.DATE, "DT": Do.DATE, "TM": Do.TIME, "SQ": Do.ITEMS, "UI": Do.UID, "AS": Do.AGE}
_TEXT_VRS = frozenset({"LO", "SH", "ST", "LT", "UT", "UC", "CS"})


def resolve(row: Row, options: ScrubOptions) -> Resolved:
    """The one action for this row."""
    if row.keyword in _PSEUDONYMS:
        return Resolved(_PSEUDONYMS[row.keyword], f"{row.basic}: keyed pseudonym")
    for name, on in _in_force(options):
        action = row.options.get(name)
        if on and action == "K":
            return Resolved(_kept(row, name), f"option {name}: K")
        if on and action == "C":
            return Resolved(_cleaned(row), f"option {name}: C")
    letter = _choose(row)
    return Resolved(_basic(row, letter), f"basic profile: {row.basic}")


def _in_force(options: ScrubOptions) -> tuple[tuple[str, bool], ...]:
    """The options in the order in which they outrank each other: keeping before cleaning."""
    return (
        ("uids", options.keep_uids),
        ("full-dates", options.dates == "full"),
        ("modified-dates", options.dates == "modified"),
        ("device", options.keep_device_identity),
        ("institution", options.keep_institution_identity),
        ("patient", options.keep_patient_characteristics),
        ("descriptors", options.clean_descriptors),
        ("structured", options.clean_structured_content),
        ("graphics", options.clean_graphics),
        ("private", options.keep_safe_private),
    )


def _kept(row: Row, option: str) -> Do:
    if row.vr == "SQ":
        return Do.ITEMS
    if row.vr == "AS":
        return Do.AGE
    # What describes a patient stays; a name that somebody typed there does not.
    if option == "patient" and row.vr in _TEXT_VRS | {"DS", "IS"}:
        return Do.CHECKED if row.vr in {"CS", "DS", "IS"} else Do.TEXT
    return Do.KEEP


def _cleaned(row: Row) -> Do:
    if row.keyword in _BY_KEYWORD:
        return _BY_KEYWORD[row.keyword]
    if row.vr in _TEXT_VRS:
        return Do.TEXT_OR_DUMMY if _choose(row) == "D" else Do.TEXT
    if row.vr in _BY_VR:
        return _BY_VR[row.vr]
    # Binary and Application Entity values have no words to keep, overlays and curves no text.
    return _basic(row, _choose(row))


def _basic(row: Row, letter: str) -> Do:
    do = _PLAIN[letter]
    if row.vr == "SQ" and (do is Do.UID or (do is Do.DUMMY and not _is_replaced(row))):
        return Do.ITEMS
    return do


def _is_replaced(row: Row) -> bool:
    """Whether a dummy stands for the whole sequence: codes, and content no option cleans.

    The items of other sequences hold nothing but Attributes that the table lists themselves.
    """
    content = row.options.keys() & {"structured", "graphics"}
    return row.keyword.endswith("CodeSequence") or bool(content)


def _choose(row: Row) -> str:
    choice = row.basic.split("/")
    if len(choice) == 1:
        return choice[0]
    if row.type.startswith("1"):
        return choice[-1]
    if row.type.startswith("2"):
        return "Z" if "Z" in choice else choice[-1]
    return choice[0]
