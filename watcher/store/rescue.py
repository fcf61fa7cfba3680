"""A ledger that is not sound: set aside, restored from its backup, completed from the files."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from watcher.digest import Fingerprint
from watcher.errors import ConfigError, DeferredError
from watcher.model import Reason, Signature, State
from watcher.store import journal
from watcher.store.database import BEYOND_USE, backup
from watcher.store.journal import Entry, Told
from watcher.store.ledger import IllegalMoveError, Ledger
from watcher.store.queries import reader
from watcher.store.records import Move, Row, signature_columns
from watcher.store.spool import Spool, make_folder, sync_folder, write_durably

_MARK = "ledger.incomplete"
_CHUNK = 1 << 20
_NOWHERE = Signature(0, 0, 0, 0)
_PATIENCE = 3600.0
"""So long the members of a request may take to come back from the drop folder."""


def sound(path: Path) -> bool:
    """Whether the ledger can be read and passes SQLite's quick check; one that is not there does.

    Raises ConfigError when that cannot be told, such as on a disk that does not read.
    """
    if not path.exists() or path.stat().st_size == 0:
        return True
    connection = sqlite3.connect(path)
    try:
        (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF not in BEYOND_USE:
            raise ConfigError("state/ledger.sqlite cannot be read now") from None
        return False
    finally:
        connection.close()
    return bool(answer == "ok")


def keep_backup(state: Path) -> None:
    """Copy the ledger beside itself while it is in use. Raises DeferredError."""
    try:
        folder = make_folder(state / "backup")
        _copy(state / "ledger.sqlite", folder / "ledger.sqlite")
    except (sqlite3.Error, OSError):
        raise DeferredError(Reason.UNREADABLE, "backup") from None


def _copy(source: Path, target: Path) -> None:
    connection = reader(source)
    try:
        backup(connection, target)
    finally:
        connection.close()
    sync_folder(target.parent)


def incomplete(state: Path) -> bool:
    """Whether a restored ledger still waits to be completed, such as after a crash meanwhile."""
    return (state / _MARK).exists()


def remembers(state: Path) -> bool:
    """Whether the files tell of work that a ledger which is not there has known of."""
    if (state / "backup" / "ledger.sqlite").exists() or journal.read(state).sent:
        return True
    return any(next(_originals(state / at), None) for at in ("archive", "quarantine"))


def completed(state: Path) -> None:
    """The ledger is complete again, durably."""
    (state / _MARK).unlink(missing_ok=True)
    sync_folder(state)


def restore(state: Path, now: float) -> bool:
    """Set the ledger aside, never delete it, and put the last backup in its place.

    Returns whether there was a sound one; without, the next ledger begins empty. Raises
    ConfigError when the disk does not take it.
    """
    path, kept = state / "ledger.sqlite", state / "backup" / "ledger.sqlite"
    aside = time.strftime("ledger.sqlite.unsound-%Y%m%dT%H%M%SZ", time.gmtime(now))
    try:
        write_durably(state / _MARK, b"")
        usable = kept.exists() and sound(kept)
        for ending in ("-wal", "-shm", ""):
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{path}{ending}", state / f"{aside}{ending}")
        sync_folder(state)
        if usable:
            _copy(kept, path)
    except (sqlite3.Error, OSError):
        raise ConfigError("state/ledger.sqlite cannot be restored now") from None
    return usable


@dataclass(frozen=True, slots=True)
class Found:
    """What the files told that the ledger did not know."""

    delivered: int
    quarantined: int


def complete(
    ledger: Ledger, spool: Spool, root: Path, now: float, like: Callable[[str], str]
) -> Found:
    """Enter what archive, journal and quarantine know; the drop folder is told of by its scan.

    Only what was acknowledged is archived: it is DELIVERED here, by its content, so that the same
    bytes are never sent again; `like` says how a customer's originals are fingerprinted.
    """
    delivered = sum(_archived(ledger, *each, now, like) for each in _originals(spool.archive))
    delivered += _recall(ledger, journal.read(spool.state), now)
    held = sum(_quarantined(ledger, *each, root, now) for each in _originals(spool.quarantine))
    return Found(delivered, held)


def _originals(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.glob("*/*/*.dcm")):
        yield path.parent.parent.name, path


def _archived(
    ledger: Ledger, customer: str, path: Path, now: float, like: Callable[[str], str]
) -> bool:
    row = ledger.get(path.stem)
    if row is not None and row.state in (State.DELIVERED, State.DUPLICATE):
        return False
    content = Fingerprint(like(customer))
    with path.open("rb") as file:
        while some := file.read(_CHUNK):
            content.update(some)
    if row is None:
        where = f"archive/{path.stem}"
        _insert(ledger, path.stem, _signature(path), customer, where, State.DELIVERED, now)
    else:
        _settle(ledger, row, now)
    _name_content(ledger, path.stem, str(content), disposed=True)
    return True


def _recall(ledger: Ledger, told: Told, now: float) -> int:
    """What was acknowledged, with all of its request, is DELIVERED; the rest goes as it went.

    Returns how many the ledger did not know as delivered.
    """
    rows = {id_: ledger.get(id_) for id_ in told.sent.keys() | told.acknowledged}
    known = {id_ for id_, row in rows.items() if row and row.state is State.DELIVERED}
    sent, answered = told.sent, known | told.acknowledged
    requests = {sent[id_].batch for id_ in answered if id_ in sent}
    requests |= {row.batch for id_, row in rows.items() if id_ in answered and row and row.batch}
    ledger.sent.recall([e for e in sent.values() if e.batch not in requests], now + _PATIENCE)
    with_all = answered | {id_ for id_, entry in sent.items() if entry.batch in requests}
    news = sorted(with_all - known)
    for id_ in news:
        _acknowledged(ledger, id_, rows[id_], sent.get(id_), now)
    return len(news) + _with_siblings(ledger, now)


def _acknowledged(
    ledger: Ledger, id_: str, row: Row | None, entry: Entry | None, now: float
) -> None:
    if row is not None:
        _settle(ledger, row, now)
    elif entry is not None:
        where = f"journal/{id_}"
        _insert(ledger, id_, _NOWHERE, entry.customer, where, State.DELIVERED, now)
    if entry is not None:
        _name_content(ledger, id_, entry.content, disposed=row is None)


def _with_siblings(ledger: Ledger, now: float) -> int:
    """Who went in one request with a delivered one was delivered with it."""
    ids = ledger.connection.execute(
        "SELECT id FROM instances WHERE state = 'staged' AND batch IN"
        " (SELECT batch FROM instances WHERE state = 'delivered' AND batch IS NOT NULL)"
    ).fetchall()
    for (id_,) in ids:
        ledger.move(id_, Move(State.DELIVERED), now)
    return len(ids)


def _name_content(ledger: Ledger, id_: str, content: str, *, disposed: bool) -> None:
    try:
        with _savepoint(ledger):
            ledger.connection.execute(
                "UPDATE instances SET sha256 = ?, disposed = ? WHERE id = ?",
                (content, disposed, id_),
            )
    except sqlite3.IntegrityError:
        pass  # a twin: its content is known as delivered already


def _settle(ledger: Ledger, row: Row, now: float) -> None:
    way = [State.STAGED, State.DELIVERED]
    if row.state in (State.QUARANTINED, State.EXCLUDED):
        way.insert(0, State.QUEUED)
    with contextlib.suppress(IllegalMoveError):
        for state in way:
            ledger.move(row.id, Move(state), now)


def _quarantined(ledger: Ledger, customer: str, path: Path, root: Path, now: float) -> bool:
    if ledger.get(path.stem) is not None:
        return False
    note = path.with_suffix(".reason.json")
    try:
        record = json.loads(note.read_bytes())
        reason, where = Reason(record["reason"]), str(record["path"])
    except (OSError, ValueError, KeyError):
        reason, where = Reason.INTERNAL, f"quarantine/{path.stem}"
    dropped = root / customer / where
    signature = _signature(dropped if dropped.is_file() else path)
    _insert(ledger, path.stem, signature, customer, where, State.QUARANTINED, now, reason)
    return True


def _signature(path: Path) -> Signature:
    found = path.stat()
    return Signature(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def _insert(
    ledger: Ledger,
    id_: str,
    signature: Signature,
    customer: str,
    where: str,
    state: State,
    now: float,
    reason: Reason | None = None,
) -> None:
    ledger.connection.execute(
        "INSERT OR IGNORE INTO instances (id, customer, path, device, inode, size, mtime_ns,"
        " state, reason, not_before, seen_at, changed_at, disposed)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            id_,
            customer,
            os.fsencode(where),
            *signature_columns(signature),
            state,
            reason or "",
            now,
            now,
            now,
            state is State.DELIVERED,
        ),
    )


@contextlib.contextmanager
def _savepoint(ledger: Ledger) -> Iterator[None]:
    ledger.connection.execute("SAVEPOINT rescue")
    try:
        yield
    except sqlite3.Error:
        ledger.connection.execute("ROLLBACK TO rescue")
        raise
    finally:
        ledger.connection.execute("RELEASE rescue")
