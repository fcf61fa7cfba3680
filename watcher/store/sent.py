"""Requests whose outcome is not known yet: which content went in which.

Content that was sent goes again in the same request or not at all, whatever happened meanwhile to
the row, its files or the ledger: under another key the backend would take it for new.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from watcher.store.journal import Entry, Journal
from watcher.store.records import Row


class Sent:
    """The table `sent`, inside somebody's transaction, and the journal beside the ledger."""

    def __init__(self, connection: sqlite3.Connection, journal: Journal | None) -> None:
        self._db = connection
        self._journal = journal

    def assign(self, rows: Sequence[Row], batch: str) -> None:
        """Remember the request these staged instances are about to be sent in, before it is."""
        self._db.executemany(
            "UPDATE instances SET batch = ? WHERE id = ?", [(batch, row.id) for row in rows]
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO sent (customer, sha256, batch)"
            " SELECT customer, sha256, batch FROM instances WHERE id = ? AND sha256 IS NOT NULL",
            [(row.id,) for row in rows],
        )
        if self._journal is not None:
            self._journal.sending(rows, batch)

    def bind(self, id_: str) -> None:
        """What was just staged belongs to the request that its content was sent in before."""
        self._db.execute(
            "UPDATE instances SET batch = sent.batch FROM sent WHERE id = ? AND"
            " instances.batch IS NULL AND sent.customer = instances.customer"
            " AND sent.sha256 = instances.sha256",
            (id_,),
        )

    def answered(self, id_: str) -> None:
        """The backend has accepted this one."""
        self._forget(id_)
        if self._journal is not None:
            self._journal.acknowledged(id_)

    def released(self, id_: str) -> None:
        """A person has looked whether the backend has it: it may go in another request."""
        self._forget(id_)
        self._db.execute("UPDATE instances SET batch = NULL WHERE id = ?", (id_,))

    def _forget(self, id_: str) -> None:
        self._db.execute(
            "DELETE FROM sent WHERE (customer, sha256) ="
            " (SELECT customer, sha256 FROM instances WHERE id = ?)",
            (id_,),
        )

    def awaited(self, batch: str, now: float) -> bool:
        """Whether members of this request may still be on their way back from the drop folder."""
        found = self._db.execute(
            "SELECT 1 FROM sent WHERE batch = ? AND until > ?", (batch, now)
        ).fetchone()
        return found is not None

    def recall(self, entries: Iterable[Entry], until: float) -> None:
        """Take over what the journal knows better than a ledger that was restored."""
        self._db.executemany(
            "INSERT OR REPLACE INTO sent (customer, sha256, batch, until) VALUES (?, ?, ?, ?)",
            [(each.customer, each.content, each.batch, until) for each in entries],
        )
        self._db.execute(
            "UPDATE instances SET batch = sent.batch FROM sent WHERE instances.state = 'staged'"
            " AND sent.customer = instances.customer AND sent.sha256 = instances.sha256"
        )
