"""Looks at the ledger for people: what moved lately, and instances by the page."""

from __future__ import annotations

import heapq
import itertools
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from watcher.model import State
from watcher.store.records import Row, row_of

_EVENTS = 6000
"""How many events are looked at, at most: 20 ms, however long the ledger is."""


@dataclass(frozen=True, slots=True)
class End:
    """One instance that came to an end, or to a person, at `at`; times in Unix seconds."""

    customer: str
    state: State
    at: float
    seen_at: float


@dataclass(frozen=True, slots=True)
class Recent:
    """The newest ends, newest first, complete back to `since`."""

    ends: tuple[End, ...]
    since: float


def recent(db: sqlite3.Connection, since: float) -> Recent:
    """What came to an end since then, or as far back as the newest few thousand events reach."""
    newest = f"SELECT id, at, state FROM events ORDER BY seq DESC LIMIT {_EVENTS}"  # noqa: S608
    reach = db.execute(f"SELECT count(*), min(at) FROM ({newest})").fetchone()  # noqa: S608
    back_to = max(since, reach[1]) if reach[0] == _EVENTS else since
    found = db.execute(
        "SELECT i.customer, e.state, e.at, i.seen_at"  # noqa: S608 - a constant
        f" FROM ({newest}) AS e JOIN instances AS i ON i.id = e.id WHERE e.at >= ?"
        " AND e.state IN ('delivered', 'duplicate', 'excluded', 'quarantined')",
        (back_to,),
    )
    return Recent(tuple(End(c, State(s), at, seen) for c, s, at, seen in found), back_to)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which instances; what is None or empty does not matter. Times are when it was first seen."""

    customer: str | None = None
    states: Sequence[State] = ()
    reason: str | None = None
    seen_before: float | None = None
    seen_after: float | None = None

    def clause(self) -> tuple[str, list[object]]:
        """The conditions beside customer and state, and their values."""
        wanted = {
            " AND reason = ?": self.reason,
            " AND seen_at <= ?": self.seen_before,
            " AND seen_at >= ?": self.seen_after,
        }
        given = {text: value for text, value in wanted.items() if value is not None}
        return "".join(given), list(given.values())


def reasons(db: sqlite3.Connection) -> list[tuple[str, str, str, int, int]]:
    """(customer, state, reason, instances, most deferrals of one) of everything there is."""
    found = db.execute(
        "SELECT customer, state, reason, count(*), max(deferrals) FROM instances"
        " GROUP BY customer, state, reason ORDER BY customer, state, reason"
    )
    return [tuple(row) for row in found]


def page(db: sqlite3.Connection, wanted: Filter, limit: int, after: str | None = None) -> list[Row]:
    """At most `limit` instances, the latest change first, from behind the one with id `after`."""
    start = (float("inf"), "")
    if after is not None:
        found = db.execute("SELECT changed_at, id FROM instances WHERE id = ?", (after,)).fetchone()
        start = start if found is None else (found["changed_at"], found["id"])
    streams = [
        _stream(db, customer, state, wanted, start)
        for customer, state in _kinds(db)
        if wanted.customer in (None, customer) and (not wanted.states or state in wanted.states)
    ]
    merged = heapq.merge(*streams, key=lambda r: (-r["changed_at"], r["id"]))
    return [row_of(record) for record in itertools.islice(merged, limit)]


def _kinds(db: sqlite3.Connection) -> list[tuple[str, State]]:
    kept = db.execute("SELECT customer, state FROM counts WHERE state <> 'seen' AND n > 0")
    return [(customer, State(state)) for customer, state in kept]


def _stream(
    db: sqlite3.Connection, customer: str, state: State, wanted: Filter, start: tuple[float, str]
) -> Iterator[sqlite3.Row]:
    # One walk down the index for each customer and state: a page costs the same in any ledger.
    more, values = wanted.clause()
    at, id_ = start
    return db.execute(
        "SELECT * FROM instances INDEXED BY in_state WHERE customer = ? AND state = ?"  # noqa: S608
        f" AND (changed_at < ? OR (changed_at = ? AND id > ?)){more} ORDER BY changed_at DESC, id",
        (customer, state, at, at, id_, *values),
    )
