"""What the gateway asks of the ledger all the time costs the same before a long backlog."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.store.samples import prepared
from watcher.model import Reason, Signature, State
from watcher.store import queries
from watcher.store.database import connect
from watcher.store.ledger import Ledger
from watcher.store.records import Move

NOW = 1000.0
FEW, MANY = 100, 5000


def filled(path: Path, backlog: int) -> Ledger:
    """A ledger with so many queued and so many staged files of each of two customers."""
    ledger = Ledger(connect(path))
    ledger.connection.execute("BEGIN")
    for number in range(backlog):
        for customer in ("north", "south"):
            admit(ledger, customer, number)
            id_ = admit(ledger, customer, backlog + number)
            made = prepared(f"{customer}-{number}")
            ledger.move(id_, Move(State.STAGED, prepared=made), NOW - number)
    ledger.connection.execute("COMMIT")
    return ledger


def admit(ledger: Ledger, customer: str, number: int) -> str:
    """One file at rest."""
    seen = (customer, f"deep/{number}.dcm", Signature(1, number, 3, 4))
    ((id_, _),) = ledger.admit([seen], NOW - number)
    return id_


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ledger, Ledger]]:
    """One with a few files, one with many."""
    folder = tmp_path_factory.mktemp("ledgers")
    pair = filled(folder / "few.sqlite", FEW), filled(folder / "many.sqlite", MANY)
    yield pair
    for ledger in pair:
        ledger.connection.close()


def steps(ledger: Ledger, work: Callable[[Ledger], object]) -> int:
    """SQLite's own steps that `work` takes, in tens; undone afterwards."""
    taken = 0

    def count() -> int:
        nonlocal taken
        taken += 1
        return 0

    db: sqlite3.Connection = ledger.connection
    db.execute("BEGIN")
    db.set_progress_handler(count, 10)
    try:
        work(ledger)
    finally:
        db.set_progress_handler(None, 0)
        db.execute("ROLLBACK")
    return taken


def _admit(ledger: Ledger) -> object:
    return admit(ledger, "north", 1 << 30)


def _see_again(ledger: Ledger) -> object:
    return ledger.admit([("north", "deep/7.dcm", Signature(1, 7, 3, 4))], NOW)


WORK: dict[str, Callable[[Ledger], object]] = {
    "admit": _admit,
    "see again": _see_again,
    "claim": lambda ledger: ledger.claim(State.QUEUED, "north", 4, NOW),
    "claim fairly": lambda ledger: ledger.claim_fairly(State.QUEUED, ["north", "south"], 4, NOW),
    "due": lambda ledger: queries.due(ledger.connection, State.STAGED, "north", 4, NOW),
    "due customers": lambda ledger: queries.due_customers(ledger.connection, State.QUEUED, NOW),
    "next due": lambda ledger: queries.next_due(ledger.connection, State.QUEUED, NOW),
    "next due of": lambda ledger: queries.next_due_of(ledger.connection, State.STAGED, "north"),
    "tallies": lambda ledger: queries.tallies(ledger.connection),
    "defer": lambda ledger: ledger.move(
        ledger.claim(State.QUEUED, "north", 1, NOW)[0].id,
        Move(State.QUEUED, Reason.NOT_WHOLE, not_before=NOW + 9),
        NOW,
    ),
    "stage": lambda ledger: ledger.stage(
        ledger.claim(State.QUEUED, "north", 1, NOW)[0], prepared(str(random.random())), NOW
    ),
    "undisposed": lambda ledger: queries.undisposed(ledger.connection, 16),
}


@pytest.mark.parametrize("name", WORK)
def test_the_cost_does_not_grow_with_the_backlog(name: str, ledgers: tuple[Ledger, Ledger]) -> None:
    """Fifty times the backlog takes about the same steps: an index leads to the rows."""
    few, many = (steps(ledger, WORK[name]) for ledger in ledgers)
    assert many <= 2 * few + 50
