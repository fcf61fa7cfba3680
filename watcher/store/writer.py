"""The one thread that owns the ledger's writing connection, and groups what waits into commits.

synchronous=FULL costs 1 to 2 ms a transaction but only microseconds a row, so whatever arrived
while the last commit ran shares the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from watcher.errors import ConfigError, DeferredError, WatcherError
from watcher.model import Reason
from watcher.store.database import BEYOND_USE, connect
from watcher.store.journal import Journal
from watcher.store.ledger import Ledger

T = TypeVar("T")
Work = Callable[[Ledger], Any]
Item = tuple[Work, Future[Any]]

_GROUP = 512
_STRIKES = 20
_IDLE = 60.0  # seconds; anything new rings
_PATIENCE = 8
"""How many commits may go before bulk that waits."""


class Writer:
    """Runs functions of the ledger, each in its own savepoint, many in one transaction."""

    def __init__(self, path: Path, on_full: Callable[[], object] = lambda: None) -> None:
        """Open the ledger; `on_full` is called when it has found no room. Raises ConfigError."""
        self._on_full = on_full
        self._damaged = 0
        self._connection = connect(path)
        self._journal = Journal(path.parent)
        self._ledger = Ledger(self._connection, self._journal)
        self._prompt: deque[Item] = deque()
        self._bulk: deque[Item] = deque()
        self._patient: list[Item] = []
        self._due = math.inf  # when the first of the patient ones can wait no more
        self._closing = False
        self._passed_over = 0
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    async def run(
        self, work: Callable[[Ledger], T], *, within: float = 0.0, bulk: bool = False
    ) -> T:
        """Do `work` and return its result once it is durable.

        With `within` it waits so many seconds for others to share a commit with. `bulk` is what
        many files cause at once and nobody waits for: it stands behind everything else, in a
        transaction of its own, so that one's backlog does not hold up another's image.
        Raises what `work` raised, or DeferredError(DISK_FULL) when the commit found no room.
        """
        return await asyncio.wrap_future(self.submit(work, within=within, bulk=bulk))

    def submit(
        self, work: Callable[[Ledger], T], *, within: float = 0.0, bulk: bool = False
    ) -> Future[T]:
        """As `run`, for callers without an event loop."""
        done: Future[T] = Future()
        with self._news:
            if within > 0:
                self._patient.append((work, done))
                self._due = min(self._due, time.monotonic() + within)
            else:
                (self._bulk if bulk else self._prompt).append((work, done))
            self._news.notify()
        return done

    def close(self) -> None:
        """Finish what waits, fold the WAL into the ledger and close it."""
        with self._news:
            self._closing = True
            self._news.notify()
        self._thread.join()
        self._journal.close()
        self._connection.close()

    def turn(self) -> Future[list[Path]]:
        """Begin a new file of the journal; the earlier ones tell of what is committed by then."""
        return self.submit(lambda _: self._journal.turn())

    def _run(self) -> None:
        while group := self._gather():
            self._commit(group)

    def _gather(self) -> list[Item]:
        """What shares the next commit; nothing at the end."""
        with self._news:
            while not (self._prompt or self._bulk or self._closing or self._overdue()):
                self._news.wait(min(_IDLE, self._due - time.monotonic()))
            urgent = self._prompt or self._overdue()
            if self._bulk and (not urgent or self._passed_over >= _PATIENCE):
                self._passed_over = 0
                return [self._bulk.popleft()]
            self._passed_over += bool(self._bulk)
            along, self._patient, self._due = self._patient, [], math.inf
            return along + [self._prompt.popleft() for _ in range(min(_GROUP, len(self._prompt)))]

    def _overdue(self) -> bool:
        return self._due <= time.monotonic()

    def _commit(self, waiting: list[Item]) -> None:
        db = self._connection
        # Whoever was cancelled while it waited is left out; from here on nobody can be.
        group = [item for item in waiting if item[1].set_running_or_notify_cancel()]
        try:
            db.execute("BEGIN IMMEDIATE")
            results = [self._one(work) for work, _ in group]
            self._journal.seal()
            db.execute("COMMIT")
        except (sqlite3.Error, DeferredError) as error:
            with contextlib.suppress(sqlite3.Error):  # the next BEGIN finds it and tries again
                if db.in_transaction:
                    db.execute("ROLLBACK")
            failure = error if isinstance(error, DeferredError) else self._translated(error)
            if isinstance(failure, DeferredError) and failure.outcome.reason is Reason.DISK_FULL:
                self._on_full()
            for _, done in group:
                done.set_exception(failure)
            return
        for (_, done), (result, failed) in zip(group, results, strict=True):
            if failed is not None:
                done.set_exception(failed)
            else:
                done.set_result(result)

    def _one(self, work: Work) -> tuple[Any, BaseException | None]:
        db = self._connection
        db.execute("SAVEPOINT one")
        try:
            result = work(self._ledger)
        except sqlite3.OperationalError:
            raise  # no room or no disk: the whole group fails, and is tried again by its owners
        except sqlite3.DatabaseError as error:
            if _code(error) in BEYOND_USE:
                raise
            db.execute("ROLLBACK TO one")
            db.execute("RELEASE one")
            return None, error
        except Exception as error:  # noqa: BLE001 - handed to the caller, who owns it
            db.execute("ROLLBACK TO one")
            db.execute("RELEASE one")
            return None, error
        db.execute("RELEASE one")
        return result, None

    def _translated(self, error: sqlite3.Error) -> WatcherError:
        code = _code(error)
        # A disk that fails to read for a moment looks like damage, too; it does not do so for long.
        self._damaged += code in BEYOND_USE
        if self._damaged > _STRIKES:
            return ConfigError("state/ledger.sqlite is damaged; start again to have it restored")
        full = code == sqlite3.SQLITE_FULL
        return DeferredError(Reason.DISK_FULL if full else Reason.UNREADABLE, f"ledger-{code}")


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
