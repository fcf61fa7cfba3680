"""`watcher tail`: the log as it is written, filtered, across rotations."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import click

from watcher.cli.common import json_option, settings_option
from watcher.model import State
from watcher.observe.console import is_coloured, readable
from watcher.settings import Settings

_LEVELS = ("debug", "info", "warning", "error")
_POLL = 0.2
_BLOCK = 64 << 10

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines; what is None does not matter."""

    customer: str | None
    states: tuple[str, ...]
    id_: str | None
    level: str

    def __call__(self, line: Line) -> bool:
        """Whether this is one of them."""
        level = str(line.get("level", "info"))
        return (
            self.customer in (None, line.get("customer"))
            and (not self.states or line.get("state") in self.states)
            and (self.id_ is None or str(line.get("id", "")).startswith(self.id_))
            and (level not in _LEVELS or _LEVELS.index(level) >= _LEVELS.index(self.level))
        )


@click.command()
@click.option("-n", "--lines", type=click.IntRange(0), default=10, show_default=True)
@click.option("--follow/--no-follow", default=True, show_default=True, help="Wait for more.")
@click.option("--customer", help="Only this customer.")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in State]),
    help="Only moves to this state; may be repeated.",
)
@click.option("--id", "id_", metavar="ID", help="Only this instance; the beginning is enough.")
@click.option(
    "--level", type=click.Choice(_LEVELS), default="debug", help="Only lines as severe as this."
)
@settings_option
@json_option
def tail(
    lines: int,
    follow: bool,
    customer: str | None,
    states: tuple[str, ...],
    id_: str | None,
    level: str,
    settings: Settings,
    as_json: bool,
) -> None:
    """Follow the log: the last lines that fit the filters, then each new one.

    It goes on across rotations, with and without a running gateway. Ctrl-C ends it. With --json
    each line is printed as it stands in the log.

    \b
    Examples
      watcher tail --level warning
      watcher tail --customer north --state quarantined
      watcher tail --id 1f2e3d4c --lines 1000 --no-follow
    Exit codes
      0  done        2  wrong usage or settings
    """
    log, wanted = Files(settings.state / "log"), Wanted(customer, states, id_, level)
    coloured = is_coloured(sys.stdout)
    show: Callable[[Line], str] = (
        _as_json if as_json else lambda line: readable(line, coloured=coloured)
    )
    place = log.end()
    last: list[Line] = []
    for line in log.backwards(place):
        if len(last) >= lines:
            break
        if wanted(line):
            last.append(line)
    for line in reversed(last):
        click.echo(show(line))
    try:
        for line in log.forwards(place) if follow else ():
            if wanted(line):
                click.echo(show(line))
    except KeyboardInterrupt:
        return


def _as_json(line: Line) -> str:
    return json.dumps(line, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Place:
    """Up to where the log was read: a file, by inode, and the bytes of it."""

    inode: int
    offset: int


class Files:
    """The log's files: watcher.jsonl, and .1, .2, ... that were put aside, newest first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def newest_first(self) -> list[Path]:
        """Those that are there."""
        aside = [path for path in self._folder.glob("watcher.jsonl.*") if path.suffix[1:].isdigit()]
        aside.sort(key=lambda path: int(path.suffix[1:]))
        current = self._folder / "watcher.jsonl"
        return [path for path in (current, *aside) if path.exists()]

    def end(self) -> Place:
        """Where the next line will be written."""
        for path in self.newest_first()[:1]:
            found = path.stat()
            return Place(found.st_ino, found.st_size)
        return Place(0, 0)

    def backwards(self, place: Place) -> Iterator[Line]:
        """The lines before `place`, newest first."""
        files = self.newest_first()
        for path in files:
            with path.open("rb") as file:
                found = os.fstat(file.fileno())
                yield from _backwards(
                    file, place.offset if found.st_ino == place.inode else found.st_size
                )

    def forwards(self, place: Place) -> Iterator[Line]:
        """The lines after `place`, for ever. A file that was put aside is read to its end first."""
        while True:
            path = self._next(place.inode) if place.inode else self._first()
            if path is None:
                time.sleep(_POLL)
                continue
            with path.open("rb") as file:
                inode = os.fstat(file.fileno()).st_ino
                file.seek(place.offset if inode == place.inode else 0)
                yield from self._follow(file, inode)
            # What comes after this file: `_next` looks for it by the inode that is done.
            place = Place(-inode, 0)

    def _first(self) -> Path | None:
        return next(reversed(self.newest_first()), None)

    def _next(self, inode: int) -> Path | None:
        """The file with this inode; for a negative one, the file that was begun after it."""
        files = self.newest_first()
        inodes = [path.stat().st_ino for path in files]
        if abs(inode) not in inodes:
            return files[-1] if files else None
        at = inodes.index(abs(inode)) - (inode < 0)
        return files[at] if at >= 0 else None

    def _follow(self, file: BinaryIO, inode: int) -> Iterator[Line]:
        """Lines as they come, until the file was put aside and is read to its end."""
        rest = b""
        while True:
            done = self._is_aside(inode)
            while block := file.read(_BLOCK):
                *whole, rest = (rest + block).split(b"\n")
                yield from _lines(whole)
            if done:
                return
            time.sleep(_POLL)

    def _is_aside(self, inode: int) -> bool:
        try:
            return (self._folder / "watcher.jsonl").stat().st_ino != inode
        except FileNotFoundError:
            return False


def _backwards(file: BinaryIO, end: int) -> Iterator[Line]:
    rest = b""
    while end > 0:
        start = max(0, end - _BLOCK)
        file.seek(start)
        rest, *whole = (file.read(end - start) + rest).split(b"\n")
        yield from _lines(reversed(whole))
        end = start
    yield from _lines([rest])


def _lines(lines: Iterator[bytes] | list[bytes]) -> Iterator[Line]:
    for text in lines:
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and {"ts", "level", "event"} <= line.keys():
            yield line
