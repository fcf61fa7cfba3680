"""What may stand in a log line: numbers, members of enums, and text of a few checked forms."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping

Value = str | int | float | bool | None
Field = Value | enum.Enum

WITHHELD = "(withheld)"

NAME = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)
_STEP = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_ID = re.compile(r"[0-9a-f][0-9a-f-]{3,63}", re.ASCII)
_CUSTOMER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_PLACE = re.compile(r"[A-Za-z0-9_.,:()/+#-]+(?: [A-Za-z0-9_.,:()/+#-]+){0,11}", re.ASCII)

# Text is let through only in these fields. A place is a tag, a keyword, a rule, an errno or a
# line of code; the form cannot tell a word of ours from a patient's, so callers must pass literals.
_FORMS: Mapping[str, re.Pattern[str]] = {
    "id": _ID,
    "customer": _CUSTOMER,
    "detail": _PLACE,
    "rule": _PLACE,
    "place": _PLACE,
    "library": NAME,
    "trouble": NAME,
    "error": _PLACE,
}


def checked(name: str, value: Field) -> Value:
    """The value as it may be written; text that is not of its field's form is withheld."""
    if isinstance(value, enum.Enum):
        return str(value.value)
    if not isinstance(value, str):
        return value
    form = _FORMS.get(name)
    if value == "" or (form is not None and len(value) <= 160 and form.fullmatch(value)):
        return value
    return WITHHELD


def checked_steps(steps_ms: Mapping[str, float]) -> dict[str, float]:
    """Milliseconds by step, with a tenth of a millisecond."""
    return {
        name: round(float(value), 1) for name, value in steps_ms.items() if _STEP.fullmatch(name)
    }
