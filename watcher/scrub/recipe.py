"""The recipe in force: the shipped one for the options, a site's own over it, all read by deid.

deid fails open: it skips lines, actions and functions that it does not know. So every file is read
a second time by our own strict grammar, and the two readings must agree, or nothing starts.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from deid.config import DeidRecipe
from deid.logger import bot

from watcher.dicom.names import LIBRARY_ERRORS
from watcher.errors import ConfigError
from watcher.options import ScrubOptions
from watcher.scrub.lines import Line, parse_lines
from watcher.scrub.overlay import lay_over
from watcher.scrub.profile.generate import SHIPPED, recipe_text
from watcher.scrub.profile.table import EDITION

bot.level = 0  # its messages quote paths and values

_T = TypeVar("_T")


@dataclass(frozen=True)
class Recipe:
    """The lines in force, as read; the same lines as deid's object; and what a site loosened."""

    lines: tuple[Line, ...]
    deid: DeidRecipe
    loosened: tuple[str, ...]

    @cached_property
    def name(self) -> str:
        """The edition and a digest of the lines, to record with every output."""
        text = "\n".join(f"{line.action} {line.field} {line.value}" for line in self.lines)
        return f"{EDITION}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def load_recipe(options: ScrubOptions) -> Recipe:
    """The recipe for these options.

    Raises ConfigError for anything not understood, and where the site's recipe is looser than the
    base without `loosened` saying so.
    """
    base = _base(options)
    if options.recipe is None:
        if options.loosened:
            raise ConfigError("scrub.loosened: no scrub.recipe is set that could loosen anything")
        lines, loosened = base, tuple[str, ...]()
    else:
        lines, loosened = lay_over(base, read_lines(options.recipe), options.loosened)
    text = "\n".join(f"{line.action} {line.field} {line.value}".strip() for line in lines)
    merged = _with_file(f"FORMAT dicom\n\n%header\n\n{text}\n", _through_deid)
    _agree(lines, merged, "as merged")
    return Recipe(lines, merged, loosened)


def read_lines(path: Path) -> tuple[Line, ...]:
    """Every action of one recipe file, on which deid and we agree. Raises ConfigError."""
    if not path.is_file():
        raise ConfigError(f"recipe {path.name}: no such file")
    try:
        lines = parse_lines(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"recipe {path.name}: not readable as UTF-8 text") from None
    _agree(lines, _through_deid(path), path.name)
    return lines


def _base(options: ScrubOptions) -> tuple[Line, ...]:
    text = recipe_text(options)
    if SHIPPED.read_text(encoding="utf-8") == text:
        lines = read_lines(SHIPPED)
    else:
        lines = _with_file(text, read_lines)
    return tuple(replace(line, from_base=True) for line in lines)


def _agree(lines: Sequence[Line], theirs: DeidRecipe, name: str) -> None:
    read = [
        (each["action"], each["field"], (each.get("value") or "").strip())
        for each in theirs.get_actions()
    ]
    if read != [(line.action, line.field, line.value) for line in lines]:
        raise ConfigError(f"recipe {name}: deid reads it otherwise than it stands")


def _through_deid(path: Path) -> DeidRecipe:
    try:
        return DeidRecipe(str(path))
    except (*LIBRARY_ERRORS, SystemExit):  # deid ends the process over what it dislikes
        raise ConfigError(f"recipe {path.name}: deid does not read it") from None


def _with_file(text: str, use: Callable[[Path], _T]) -> _T:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "generated.recipe"
        path.write_text(text, encoding="utf-8")
        return use(path)
