"""What came to an end when, counted by customer and stretch of time, for a chart."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

_MOST = 500_000
"""Events that are counted, at most: the newest ones."""


@dataclass(frozen=True, slots=True)
class Count:
    """So many instances of a customer came to this state in the stretch that begins at `start`."""

    customer: str
    start: float
    state: str
    n: int


def counts(db: sqlite3.Connection, since: float, stretch: float) -> list[Count]:
    """Everything since then, by customer, time and state; times in Unix seconds."""
    first = max(_first_since(db, since), _last(db) - _MOST)
    found = db.execute(
        "SELECT i.customer, CAST(e.at / ? AS INTEGER) AS n_th, e.state, count(*) FROM events AS e"
        " JOIN instances AS i ON i.id = e.id WHERE e.seq >= ? AND e.at >= ?"
        " AND e.state IN ('delivered', 'duplicate', 'excluded', 'quarantined')"
        " GROUP BY i.customer, n_th, e.state ORDER BY i.customer, n_th",
        (stretch, first, since),
    )
    return [Count(customer, n_th * stretch, state, n) for customer, n_th, state, n in found]


def _last(db: sqlite3.Connection) -> int:
    found: int = db.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
    return found


def _first_since(db: sqlite3.Connection, since: float) -> int:
    """The number of the first event since then: they are written in the order of time."""
    low, high = 0, _last(db) + 1
    while low < high:
        middle = (low + high) // 2
        at = db.execute("SELECT at FROM events WHERE seq >= ? LIMIT 1", (middle,)).fetchone()
        if at is None or at[0] >= since:
            high = middle
        else:
            low = middle + 1
    return low
