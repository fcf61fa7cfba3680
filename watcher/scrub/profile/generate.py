"""The profile written as a deid recipe: `python -m watcher.scrub.profile` renews the shipped one.

What deid's language cannot say stands in the recipe's head, and is done by `watcher.scrub.header`.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from watcher.options import ScrubOptions
from watcher.scrub.profile.resolve import Do, Resolved, resolve
from watcher.scrub.profile.table import EDITION, Row, rows

SHIPPED = Path(__file__).with_name("base.recipe")

_HEAD = f"""FORMAT dicom

# The Basic Application Level Confidentiality Profile, DICOM PS3.15 Table E.1-1, edition {EDITION},
# with the options of the [scrub] section, as a deid recipe. Generated from table.csv; do not edit
# it: your own recipe's lines take the place of the lines here for the same field.
#
# A line holds at every depth. Beyond what this language can say, the gateway also
# - removes overlays (60xx), curves (50xx), private elements not known to be safe, Attributes that
#   the dictionary does not know, group lengths and padding; rewrites preamble and group 0002;
# - treats Attributes without a line by their VR: names are emptied, dates moved, times checked,
#   UIDs remapped unless the standard registers them, free text cleaned, AE titles and URLs removed.

%header
"""
_MODIFIED = {"modified": "MODIFIED", "full": "UNMODIFIED", "removed": "REMOVED"}


def recipe_text(options: ScrubOptions) -> str:
    """The recipe for these options; deterministic."""
    found = sorted(
        ((resolve(row, options), row) for row in rows() if _has_one_tag(row)),
        key=lambda pair: (pair[0].why, pair[1].tag),
    )
    parts = [_HEAD]
    for why, pairs in groupby(found, key=lambda pair: pair[0].why):
        parts.append(f"\n# {why}\n")
        parts.extend(_line(resolved, row) for resolved, row in pairs)
    parts.append("\n# what was done (PS3.15 E.1.1)\nADD PatientIdentityRemoved YES\n")
    parts.append(f"ADD LongitudinalTemporalInformationModified {_MODIFIED[options.dates]}\n")
    return "".join(parts)


def reasons(options: ScrubOptions) -> dict[int, str]:
    """Tag to what Table E.1-1 and the options say of it, in the headings' words."""
    return {
        int(row.tag, 16): f"Table E.1-1, {resolve(row, options).why}"
        for row in rows()
        if _has_one_tag(row)
    }


def _has_one_tag(row: Row) -> bool:
    return len(row.tag) == 8 and "x" not in row.tag


def _line(resolved: Resolved, row: Row) -> str:
    if resolved.do is Do.ITEMS:
        return f"# the items of {row.keyword} are treated one by one\n"
    return f"{resolved.do.value}\n".format(field=row.keyword or row.tag)
