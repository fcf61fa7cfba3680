"""Where in the code something happened, and of what type it was; never what it said."""

from __future__ import annotations

import re
import traceback
from types import TracebackType

_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,79}", re.ASCII)
_OURS = "watcher."


def type_of(error: BaseException) -> str:
    """The name of an error's type; for a group, that of its first member."""
    name = type(leaf(error)).__name__
    return name if _MODULE.fullmatch(name) else "unknown"


def leaf(error: BaseException) -> BaseException:
    """The first error in a group of groups, or the error itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def place_of(error: BaseException) -> str:
    """`module:line` where it was raised, after our own innermost `module:line` if that differs."""
    return place_in(leaf(error).__traceback__)


def place_in(trace: TracebackType | None) -> str:
    """As `place_of`, from a traceback."""
    places = [
        f"{module_name(frame.f_globals.get('__name__'))}:{line}"
        for frame, line in traceback.walk_tb(trace)
    ]
    if not places:
        return "unknown"
    ours = [place for place in places if place.startswith(_OURS)]
    if not ours or ours[-1] == places[-1]:
        return places[-1]
    return f"{ours[-1]} {places[-1]}"


def module_name(name: object) -> str:
    """A module's name, unless somebody has made one out of a value."""
    return name if isinstance(name, str) and _MODULE.fullmatch(name) else "unknown"
