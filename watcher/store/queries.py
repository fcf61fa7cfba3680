"""Looks at the ledger: what people and the pipeline ask of it without changing anything."""

from __future__ import annotations

import contextlib
import math
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from watcher.errors import DeferredError
from watcher.model import PENDING, Reason, State
from watcher.store.records import Event, Row, event_of, row_of

Place = tuple[float, str]
"""(seen_at, id): a place in the order in which files were seen."""
FIRST: Place = (-math.inf, "")


@dataclass(frozen=True, slots=True)
class Tally:
    """Where one customer's files are. `balanced` is the promise that none was lost."""

    customer: str
    seen: int
    queued: int
    staged: int
    delivered: int
    duplicate: int
    excluded: int
    quarantined: int
    oldest_pending: float | None

    @property
    def pending(self) -> int:
        """Files still on their way."""
        return self.queued + self.staged

    @property
    def settled(self) -> int:
        """Files that have come to an end, or wait for a person."""
        return self.delivered + self.duplicate + self.excluded + self.quarantined

    @property
    def unaccounted(self) -> int:
        """Files that were seen and are in no state: 0, or there is a bug."""
        return self.seen - self.settled - self.pending

    @property
    def balanced(self) -> bool:
        """seen = delivered + duplicate + excluded + quarantined + pending."""
        return self.unaccounted == 0


def reader(path: Path) -> sqlite3.Connection:
    """A read-only connection; it never writes or checkpoints, so it is safe beside the gateway."""
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5)
    connection.row_factory = sqlite3.Row
    return connection


@contextlib.contextmanager
def looking(path: Path) -> Iterator[sqlite3.Connection]:
    """A `reader` for one look. Raises DeferredError when the disk does not let us."""
    try:
        with contextlib.closing(reader(path)) as db:
            yield db
    except sqlite3.Error:
        raise DeferredError(Reason.UNREADABLE, "ledger") from None


def tallies(db: sqlite3.Connection) -> list[Tally]:
    """One tally per customer, by name; the cost does not depend on the number of files."""
    counts: dict[str, dict[str, int]] = {}
    for customer, state, n in db.execute("SELECT customer, state, n FROM counts"):
        counts.setdefault(customer, {})[state] = n
    return [
        Tally(
            customer,
            of.get("seen", 0),
            **{state.value: of.get(state.value, 0) for state in State},
            oldest_pending=_oldest(db, customer),
        )
        for customer, of in sorted(counts.items())
    ]


def _oldest(db: sqlite3.Connection, customer: str) -> float | None:
    ages = [
        db.execute(
            "SELECT min(seen_at) FROM instances WHERE state = ? AND customer = ?"
            " AND state IN ('queued', 'staged')",
            (state, customer),
        ).fetchone()[0]
        for state in PENDING
    ]
    return min((age for age in ages if age is not None), default=None)


def newest_move(db: sqlite3.Connection) -> float | None:
    """When anything moved last, in Unix seconds."""
    found = db.execute("SELECT at FROM events ORDER BY seq DESC LIMIT 1").fetchone()
    return None if found is None else float(found["at"])


def is_sound(db: sqlite3.Connection) -> bool:
    """Whether this is a database, and SQLite finds nothing wrong with its structure."""
    try:
        return [tuple(row) for row in db.execute("PRAGMA quick_check(1)")] == [("ok",)]
    except sqlite3.DatabaseError:
        return False


def recount(db: sqlite3.Connection) -> dict[str, int]:
    """Files per customer and state counted one by one, to hold against the kept counts."""
    return {
        f"{customer}/{state}": n
        for customer, state, n in db.execute(
            "SELECT customer, state, count(*) FROM instances GROUP BY customer, state"
        )
    }


def out_of_balance(db: sqlite3.Connection) -> set[str]:
    """The customers whose kept counts are not those of the rows, counted one by one."""
    db.execute("BEGIN")  # both looks at one moment
    try:
        kept = {
            f"{customer}/{state}": n
            for customer, state, n in db.execute(
                "SELECT customer, state, n FROM counts WHERE state <> 'seen' AND n <> 0"
            )
        }
        wrong = {key.rpartition("/")[0] for key, _ in kept.items() ^ recount(db).items()}
        return wrong | {tally.customer for tally in tallies(db) if not tally.balanced}
    finally:
        db.execute("COMMIT")


def in_state(db: sqlite3.Connection, state: State, customer: str | None = None) -> Iterator[Row]:
    """The rows in one state, oldest change first."""
    where, values = ("", ()) if customer is None else (" AND customer = ?", (customer,))
    query = f"SELECT * FROM instances WHERE state = ?{where} ORDER BY changed_at"  # noqa: S608
    yield from map(row_of, db.execute(query, (state, *values)))


def find(db: sqlite3.Connection, id_: str) -> Row | None:
    """One instance by id, or by an unambiguous beginning of it."""
    records = db.execute(
        "SELECT * FROM instances WHERE id >= ? AND id < ? LIMIT 2", (id_, id_ + "g")
    ).fetchall()
    return row_of(records[0]) if len(records) == 1 else None


def history(db: sqlite3.Connection, id_: str) -> list[Event]:
    """The life of one instance, oldest first."""
    return [
        event_of(e) for e in db.execute("SELECT * FROM events WHERE id = ? ORDER BY seq", (id_,))
    ]


def due_customers(db: sqlite3.Connection, state: State, now: float) -> list[str]:
    """Customers that have something due in this state."""
    customers = [c for (c,) in db.execute("SELECT DISTINCT customer FROM counts WHERE n > 0")]
    return [
        customer
        for customer in customers
        if db.execute(
            "SELECT 1 FROM instances INDEXED BY due WHERE state = ? AND customer = ?"
            " AND claimed = 0 AND not_before <= ? AND state IN ('queued', 'staged') LIMIT 1",
            (state, customer, now),
        ).fetchone()
    ]


def next_due(
    db: sqlite3.Connection, state: State, after: float, without: frozenset[str] = frozenset()
) -> float | None:
    """When the next unclaimed row of this state falls due `after` a Unix time."""
    customers = [c for (c,) in db.execute("SELECT customer FROM counts WHERE state = ?", (state,))]
    mine = [customer for customer in customers if customer not in without]
    times = [next_due_of(db, state, customer, after) for customer in mine]
    return min((at for at in times if at is not None), default=None)


def due(db: sqlite3.Connection, state: State, customer: str, limit: int, now: float) -> list[Row]:
    """Up to `limit` rows of one customer that nobody works on and that need not wait."""
    records = db.execute(
        "SELECT * FROM instances INDEXED BY due WHERE state = ? AND customer = ? AND claimed = 0"
        " AND not_before <= ? AND state IN ('queued', 'staged') ORDER BY not_before LIMIT ?",
        (state, customer, now, limit),
    ).fetchall()
    return [row_of(record) for record in records]


def batch_rows(db: sqlite3.Connection, batch: str) -> list[Row]:
    """The instances that were sent together and are staged still."""
    records = db.execute(
        "SELECT * FROM instances WHERE batch = ? AND state = 'staged'", (batch,)
    ).fetchall()
    return [row_of(record) for record in records]


def batch_is_busy(db: sqlite3.Connection, batch: str) -> bool:
    """Whether one of the instances that were sent together is being rebuilt, sent or settled."""
    found = db.execute(
        "SELECT 1 FROM instances WHERE batch = ?"
        " AND (state = 'queued' OR (state = 'staged' AND claimed = 1))",
        (batch,),
    ).fetchone()
    return found is not None


def next_due_of(
    db: sqlite3.Connection, state: State, customer: str, after: float = 0.0
) -> float | None:
    """When the next unclaimed row of one customer falls due `after` a Unix time."""
    at: float | None = db.execute(
        "SELECT min(not_before) FROM instances INDEXED BY due WHERE state = ? AND customer = ?"
        " AND claimed = 0 AND not_before >= ? AND state IN ('queued', 'staged')",
        (state, customer, after),
    ).fetchone()[0]
    return at


def undisposed(db: sqlite3.Connection, limit: int, after: Place = FIRST) -> list[Row]:
    """Settled files whose original is still to be archived, deleted or kept; the oldest first.

    A DUPLICATE waits until its twin is DELIVERED: no original is touched before an
    acknowledgement of its content is durable.
    """
    records = db.execute(
        "SELECT * FROM instances AS i WHERE disposed = 0 AND (seen_at, id) > (?, ?)"
        " AND (state = 'delivered' OR"
        " (state = 'duplicate' AND EXISTS (SELECT 1 FROM instances AS t WHERE"
        " t.customer = i.customer AND t.sha256 = i.sha256 AND t.state = 'delivered')))"
        " AND state IN ('delivered', 'duplicate') ORDER BY seen_at, id LIMIT ?",
        (*after, limit),
    ).fetchall()
    return [row_of(record) for record in records]


def breakers(db: sqlite3.Connection) -> dict[str, str]:
    """The breakers' snapshots by destination."""
    return dict(db.execute("SELECT destination, snapshot FROM breakers").fetchall())


def with_outbox(db: sqlite3.Connection, ids: Iterable[str]) -> frozenset[str]:
    """Those of these ids that may have files in the outbox: to be sent, or kept after delivery."""
    ask = "SELECT id FROM instances WHERE id = ? AND state IN ('staged', 'delivered')"
    return frozenset(id_ for id_ in ids if db.execute(ask, (id_,)).fetchone())
