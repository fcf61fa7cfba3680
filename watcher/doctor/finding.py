"""What one check found: a word, a sentence, and the command that mends it."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Level(enum.StrEnum):
    """How much it matters."""

    OK = "ok"
    HINT = "hint"
    """Could be better, or cannot be seen from here."""
    TROUBLE = "trouble"
    """Images wait, or are not safe, until this is mended."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` names it, `says` is a sentence without a patient's name, `mend` a shell command."""

    check: str
    level: Level
    says: str
    mend: str = ""


def ok(check: str, says: str) -> Finding:
    """As it should be."""
    return Finding(check, Level.OK, says)


def hint(check: str, says: str, mend: str = "") -> Finding:
    """Worth a look."""
    return Finding(check, Level.HINT, says, mend)


def trouble(check: str, says: str, mend: str = "") -> Finding:
    """To be mended."""
    return Finding(check, Level.TROUBLE, says, mend)
