"""What may go from archive, outbox and quarantine, by age and by size; never what still waits."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from watcher.store.spool import Spool

_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Item:
    """One file that may go: in which area, since when it is kept (Unix seconds), its bytes."""

    area: str
    path: Path
    since: float
    size: int


@dataclass(frozen=True, slots=True)
class Bound:
    """How long, and how much; zero is without end."""

    days: float
    size: int


def archived(spool: Spool, customer: str) -> Iterator[Item]:
    """Originals after their acknowledgement; a day's are as old as the end of that day."""
    for folder in (spool.archive / customer).glob("????-??-??"):
        with contextlib.suppress(ValueError):  # not one of our folders
            day = datetime.strptime(folder.name, "%Y-%m-%d").replace(tzinfo=UTC)
            yield from _items("archive", folder.iterdir(), day.timestamp() + _DAY)


def sent(spool: Spool, customer: str, db: sqlite3.Connection) -> Iterator[Item]:
    """What is left in the outbox of instances that were delivered and are done with."""
    for path in (spool.outbox / customer).glob("*.*"):
        if _is(db, path, "state = 'delivered' AND disposed = 1"):
            yield from _items("outbox", [path])


def decided(spool: Spool, customer: str, db: sqlite3.Connection) -> Iterator[Item]:
    """Originals in quarantine on which a person has decided; the others wait for one."""
    for path in (spool.quarantine / customer).glob("*/*.*"):
        if _is(db, path, "state = 'excluded' OR (state = 'delivered' AND disposed = 1)"):
            yield from _items("quarantine", [path])


def beyond(items: Iterable[Item], bound: Bound, now: float) -> list[Item]:
    """Those that are too old; then, oldest first, as many as are too much."""
    oldest = sorted(items, key=lambda item: (item.since, item.path))
    excess = sum(item.size for item in oldest) - bound.size if bound.size else 0
    gone = []
    for item in oldest:
        if (bound.days and now - item.since > bound.days * _DAY) or excess > 0:
            gone.append(item)
            excess -= item.size
    return gone


def remove(items: Iterable[Item]) -> int:
    """Remove them, and archive folders that are empty then; returns how many bytes went."""
    freed = 0
    for item in items:
        with contextlib.suppress(FileNotFoundError):
            item.path.unlink()
            freed += item.size
        if item.area == "archive":
            with contextlib.suppress(OSError):  # not empty
                item.path.parent.rmdir()
    return freed


def _items(area: str, paths: Iterable[Path], since: float | None = None) -> Iterator[Item]:
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            yield Item(area, path, since or status.st_mtime, status.st_size)


def _is(db: sqlite3.Connection, path: Path, condition: str) -> bool:
    query = f"SELECT 1 FROM instances WHERE id = ? AND ({condition})"  # noqa: S608 - ours
    return db.execute(query, (path.name.split(".", 1)[0],)).fetchone() is not None
