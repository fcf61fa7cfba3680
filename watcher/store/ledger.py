"""The ledger: every file's state in SQLite, one connection that writes, one transaction a group.

All methods are synchronous and belong to the thread that owns the connection (`watcher.store.
writer`). Nothing here reads a clock: `now` is passed in, in Unix seconds.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
from collections.abc import Iterable, Sequence

from watcher.model import Prepared, Reason, Review, Signature, State
from watcher.store.journal import Journal
from watcher.store.records import Move, Row, dump_prepared, dump_review, row_of, signature_columns
from watcher.store.sent import Sent

Sighting = tuple[str, str, Signature]
"""(customer, path relative to the customer's folder, signature)"""


_TURN = 2.0


class IllegalMoveError(RuntimeError):
    """A bug: the table of states does not have this move."""


class Ledger:
    """What may be asked of the ledger and written to it, inside somebody's transaction."""

    def __init__(self, connection: sqlite3.Connection, journal: Journal | None = None) -> None:
        self._db = connection
        self.sent = Sent(connection, journal)

    @property
    def connection(self) -> sqlite3.Connection:
        """For `watcher.store.queries`."""
        return self._db

    # -- arrival -----------------------------------------------------------------------------

    def admit(self, sightings: Iterable[Sighting], now: float) -> list[tuple[str, str]]:
        """Write down files that were seen at rest; returns (id, customer) of the new ones.

        A file that is still QUEUED and has changed keeps its row and gets the new signature: it
        was not whole yet. A changed file whose old version went further is a new arrival.
        """
        fresh = ((self._admit(*sighting, now), sighting[0]) for sighting in sightings)
        return [(id_, customer) for id_, customer in fresh if id_ is not None]

    def _admit(self, customer: str, path: str, signature: Signature, now: float) -> str | None:
        raw = os.fsencode(path)
        columns = signature_columns(signature)
        where = (customer, raw)
        pending = self._db.execute(
            "SELECT id, device, inode, size, mtime_ns FROM instances INDEXED BY at_path"
            " WHERE customer = ? AND path = ? AND state = 'queued'"
            " AND state IN ('queued', 'staged')",
            where,
        ).fetchone()
        if pending is not None:
            self._touch(pending, columns, now)
            return None
        known = self._db.execute(
            "SELECT id, reason FROM instances WHERE customer = ? AND path = ? AND device = ?"
            " AND inode = ? AND size = ? AND mtime_ns = ?",
            where + columns,
        ).fetchone()
        if known is not None:
            if known["reason"] == Reason.VANISHED:  # with its folder or mount, and is back
                self.move(known["id"], Move(State.QUEUED), now)
            return None
        id_ = secrets.token_hex(8)
        self._db.execute(
            "INSERT INTO instances (id, customer, path, device, inode, size, mtime_ns, state,"
            " not_before, seen_at, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?, ?)",
            (id_, *where, *columns, now, now, now),
        )
        self._event(id_, State.QUEUED, now)
        return id_

    def _touch(self, pending: sqlite3.Row, columns: tuple[int, int, int, int], now: float) -> None:
        if tuple(pending)[1:] != columns:
            # OR IGNORE: an earlier file at this path came to an end with just this signature.
            self._db.execute(
                "UPDATE OR IGNORE instances SET device = ?, inode = ?, size = ?, mtime_ns = ?,"
                " not_before = min(not_before, ?) WHERE id = ?",
                (*columns, now, pending["id"]),
            )

    # -- work --------------------------------------------------------------------------------

    def release_claims(self, begun: frozenset[str] = frozenset()) -> int:
        """At start: nobody works on anything. Returns how many claims a dead process had left.

        An attempt to prepare counts only for those that a worker had `begun`: the others lay in
        the queue and did not bring the process down.
        """
        queued = self._db.execute(
            "SELECT id FROM instances WHERE claimed = 1 AND state = 'queued'"
        ).fetchall()
        innocent = [(id_,) for (id_,) in queued if id_ not in begun]
        self._db.executemany(
            "UPDATE instances SET attempts = max(0, attempts - 1) WHERE id = ?", innocent
        )
        return self._db.execute("UPDATE instances SET claimed = 0 WHERE claimed = 1").rowcount

    def claim(self, state: State, customer: str, limit: int, now: float) -> list[Row]:
        """Take up to `limit` due rows of one customer; the attempt is counted before the work."""
        due = self._db.execute(
            "UPDATE instances SET claimed = 1, attempts = attempts + 1 WHERE id IN ("
            " SELECT id FROM instances INDEXED BY due"
            " WHERE state = ? AND customer = ? AND claimed = 0 AND state IN ('queued', 'staged')"
            " AND not_before <= ? ORDER BY not_before LIMIT ?) RETURNING *",
            (state, customer, now, limit),
        ).fetchall()
        return [row_of(record) for record in due]

    def claim_fairly(
        self, state: State, customers: Sequence[str], limit: int, now: float
    ) -> list[Row]:
        """As `claim`: an equal share for each customer, at least one, the rest to whoever can."""
        taken: list[Row] = []
        for fewer in range(len(customers), 0, -1):
            share = max(1, (limit - len(taken)) // fewer)
            taken += self.claim(state, customers[-fewer], share, now)
        for customer in customers:
            if len(taken) < limit:
                taken += self.claim(state, customer, limit - len(taken), now)
        return taken

    def claim_ids(self, ids: Sequence[str]) -> list[Row]:
        """Take these rows, if they are staged and free, whether or not they are due."""
        marks = ",".join("?" * len(ids))
        taken = self._db.execute(
            "UPDATE instances SET claimed = 1, attempts = attempts + 1"  # noqa: S608 - marks only
            f" WHERE id IN ({marks}) AND claimed = 0 AND state = 'staged' RETURNING *",
            ids,
        ).fetchall()
        return [row_of(record) for record in taken]

    def unclaim(self, id_: str) -> None:
        """Give a row back untouched: the work was not started after all."""
        self._db.execute(
            "UPDATE instances SET claimed = 0, attempts = max(0, attempts - 1) WHERE id = ?", (id_,)
        )

    def stage(self, row: Row, prepared: Prepared, now: float, *, replace: bool = False) -> Move:
        """Decide what a prepared file becomes, and commit it if that is STAGED.

        The others are returned and left to the caller, who has an original to look after first:
        DUPLICATE of the same bytes, QUARANTINED as a conflict with the same SOP Instance UID, or
        QUEUED again because the file changed after it was read. With `replace` a conflict is
        sent, too, once what it replaces is delivered.
        """
        move = self._judge(row, prepared)
        if move.reason is Reason.CONFLICT and replace:
            move = self._replacing(row, prepared, now)
        if move.state is State.STAGED:
            self.move(row.id, move, now)
            self.sent.bind(row.id)
        return move

    def _judge(self, row: Row, prepared: Prepared) -> Move:
        current = self.get(row.id)
        if current is not None and current.signature not in (row.signature, prepared.signature):
            return Move(State.QUEUED, Reason.CHANGED)
        same = self._db.execute(
            "SELECT 1 FROM instances WHERE customer = ? AND sha256 = ? AND id <> ?"
            " AND state IN ('staged', 'delivered')",
            (row.customer, prepared.source_digest, row.id),
        ).fetchone()
        if same is not None:
            return Move(State.DUPLICATE, prepared=prepared)
        rival = self._db.execute(
            "SELECT 1 FROM instances WHERE customer = ? AND uid_digest = ? AND id <> ?"
            " AND state IN ('staged', 'delivered')",
            (row.customer, prepared.uid_digest, row.id),
        ).fetchone()
        if rival is not None:
            return Move(State.QUARANTINED, Reason.CONFLICT, prepared=prepared)
        return Move(State.STAGED, prepared=prepared, steps_ms=prepared.steps_ms)

    def _replacing(self, row: Row, prepared: Prepared, now: float) -> Move:
        before = self._db.execute(
            "SELECT 1 FROM instances WHERE customer = ? AND uid_digest = ? AND state = 'staged'",
            (row.customer, prepared.uid_digest),
        ).fetchone()
        if before is not None:  # the older version must not arrive after the newer one
            return Move(State.QUEUED, Reason.CONFLICT, not_before=now + _TURN)
        return Move(State.STAGED, prepared=prepared, steps_ms=prepared.steps_ms)

    def move(self, id_: str, move: Move, now: float) -> None:
        """Make one move and write its event. Raises IllegalMoveError."""
        prepared = move.prepared
        later = move.state in (State.QUEUED, State.STAGED) and move.reason is not None
        try:
            changed = self._db.execute(
                "UPDATE instances SET deferrals = CASE WHEN ? THEN deferrals + 1 ELSE 0 END,"
                " state = ?, reason = ?, detail = ?, claimed = 0, attempts = 0,"
                " not_before = ?, changed_at = ?, sha256 = coalesce(?, sha256),"
                " uid_digest = coalesce(?, uid_digest), series = coalesce(?, series),"
                " prepared = coalesce(?, prepared) WHERE id = ?",
                (
                    later,
                    move.state,
                    move.reason or "",
                    move.detail,
                    max(now, move.not_before),
                    now,
                    prepared and prepared.source_digest,
                    prepared and prepared.uid_digest,
                    prepared and prepared.study.series_instance_uid,
                    prepared and dump_prepared(prepared),
                    id_,
                ),
            ).rowcount
        except sqlite3.IntegrityError:
            raise IllegalMoveError(f"to {move.state}") from None
        if changed != 1:
            raise IllegalMoveError(f"no such instance, to {move.state}")
        if move.state is State.DELIVERED:
            self.sent.answered(id_)
        self._event(id_, move.state, now, move)

    def lost_worker(self, id_: str, move: Move, now: float) -> None:
        """As `move`, but the attempt stays counted: the worker did not come back."""
        attempts = self._db.execute(
            "SELECT attempts FROM instances WHERE id = ?", (id_,)
        ).fetchone()[0]
        self.move(id_, move, now)
        self._db.execute("UPDATE instances SET attempts = ? WHERE id = ?", (attempts, id_))

    def relocate(self, id_: str, origin: str) -> None:
        """Say where the original of one instance lies now: 'drop' or 'quarantine'."""
        self._db.execute("UPDATE instances SET origin = ? WHERE id = ?", (origin, id_))

    def review(self, id_: str, review: Review | None) -> None:
        """Keep what a person said of the pixels of one instance, or forget it."""
        self._db.execute("UPDATE instances SET review = ? WHERE id = ?", (dump_review(review), id_))

    def disposed(self, ids: Sequence[str]) -> None:
        """The originals of these were archived, deleted or kept, as the setting says."""
        self._db.executemany(
            "UPDATE instances SET disposed = 1 WHERE id = ?", [(id_,) for id_ in ids]
        )

    def postpone(self, id_: str, until: float) -> None:
        """Leave one row alone until then."""
        self._db.execute("UPDATE instances SET not_before = ? WHERE id = ?", (until, id_))

    def hurry(self, id_: str, now: float) -> bool:
        """Make one pending instance due at once."""
        hurried = self._db.execute(
            "UPDATE instances SET not_before = ?"
            " WHERE id = ? AND state IN ('queued', 'staged') AND claimed = 0",
            (now, id_),
        )
        return hurried.rowcount == 1

    def hurry_all(self, state: State, customer: str, reason: Reason, now: float) -> int:
        """Make everything due that waits for one reason: the reason is gone."""
        return self._db.execute(
            "UPDATE instances SET not_before = ? WHERE state = ? AND customer = ? AND reason = ?"
            " AND not_before > ?",
            (now, state, customer, reason, now),
        ).rowcount

    def save_breaker(self, destination: str, snapshot: str) -> None:
        """Keep a destination's breaker over a restart."""
        self._db.execute(
            "INSERT INTO breakers VALUES (?, ?)"
            " ON CONFLICT DO UPDATE SET snapshot = excluded.snapshot",
            (destination, snapshot),
        )

    def _event(self, id_: str, state: State, now: float, move: Move | None = None) -> None:
        self._db.execute(
            "INSERT INTO events (id, at, state, reason, detail, steps_ms)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                id_,
                now,
                state,
                (move and move.reason) or "",
                move.detail if move else "",
                json.dumps(dict(move.steps_ms)) if move and move.steps_ms else "{}",
            ),
        )

    def get(self, id_: str) -> Row | None:
        """One instance, or None."""
        record = self._db.execute("SELECT * FROM instances WHERE id = ?", (id_,)).fetchone()
        return None if record is None else row_of(record)
