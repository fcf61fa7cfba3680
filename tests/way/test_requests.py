"""Which request an instance goes in: once sent, always the same one, whatever happened since."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.way.staged import staged
from watcher import loading
from watcher.loading import Plan
from watcher.model import Reason, State
from watcher.options import DeliverOptions
from watcher.store.database import connect
from watcher.store.ledger import Ledger
from watcher.store.records import Move, Row


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A real one."""
    connection = connect(tmp_path / "ledger.sqlite")
    yield Ledger(connection)
    connection.close()


def plan(ledger: Ledger, folder: Path, most: int) -> Plan:
    """What would be sent now, of `most` instances."""
    options, now = DeliverOptions(batch_linger=0), time.time() + 1
    return loading.plan(ledger, "north", most, folder, options, frozenset(), now)


def rebuilt(ledger: Ledger, row: Row) -> None:
    """Its spool files were lost, and it was prepared again."""
    now = time.time()
    assert row.prepared is not None
    ledger.move(row.id, Move(State.QUEUED, Reason.SPOOL_LOST, "text"), now)
    (again,) = ledger.claim(State.QUEUED, "north", 1, now)
    assert ledger.stage(again, row.prepared, now).state is State.STAGED


def requests(plan: Plan) -> list[set[str]]:
    """The members of each request."""
    return [{row.id for row in load.rows} for load in plan.loads]


def test_what_was_sent_alone_stays_alone(ledger: Ledger, tmp_path: Path) -> None:
    """Also when it has been rebuilt: its acceptance may be known to the backend alone."""
    ids = staged(ledger, tmp_path, 3)
    (first,) = plan(ledger, tmp_path, 1).loads
    (sent,) = first.rows
    rebuilt(ledger, sent)
    later = plan(ledger, tmp_path, 10)
    assert sorted(requests(later), key=len) == [{sent.id}, set(ids) - {sent.id}]
    assert {load.batch.id for load in later.loads if load.again} == {first.batch.id}


def test_what_was_sent_together_stays_together(ledger: Ledger, tmp_path: Path) -> None:
    """And waits for a member that is being rebuilt."""
    together = set(staged(ledger, tmp_path, 3))
    (first,) = plan(ledger, tmp_path, 10).loads
    now = time.time()
    for row in first.rows[1:]:
        ledger.move(row.id, Move(State.STAGED, Reason.BACKEND_UNREACHABLE), now)
    lost = first.rows[0]
    ledger.move(lost.id, Move(State.QUEUED, Reason.SPOOL_LOST, "text"), now)
    assert plan(ledger, tmp_path, 10).loads == ()
    (again,) = ledger.claim(State.QUEUED, "north", 1, now)
    assert lost.prepared is not None
    ledger.stage(again, lost.prepared, now)
    (second,) = plan(ledger, tmp_path, 10).loads
    assert ({row.id for row in second.rows}, second.batch.id) == (together, first.batch.id)
    assert second.again
