"""Which request an instance goes in: once sent, always the same one, whatever happened since."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.way.staged import staged
from watcher import loading
from watcher.loading import Plan
from watcher.model import Reason, Signature, State
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


def plan(ledger: Ledger, folder: Path, most: int, later: float = 1) -> Plan:
    """What would be sent now, of `most` instances."""
    options, now = DeliverOptions(batch_linger=0), time.time() + later
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


def test_the_rest_of_a_request_that_cannot_be_made_again_is_not_sent(
    ledger: Ledger, tmp_path: Path
) -> None:
    """One of three was lost in the spool and then taken away: a person has to look."""
    staged(ledger, tmp_path, 3)
    (first,) = plan(ledger, tmp_path, 10).loads
    now = time.time()
    for row in first.rows[1:]:
        ledger.move(row.id, Move(State.STAGED, Reason.BACKEND_UNREACHABLE), now)
    ledger.move(first.rows[0].id, Move(State.QUEUED, Reason.SPOOL_LOST, "text"), now)
    ledger.move(first.rows[0].id, Move(State.EXCLUDED, Reason.VANISHED), now)
    later = plan(ledger, tmp_path, 10)
    assert later.loads == ()
    assert {row.id for row in later.broken} == {row.id for row in first.rows[1:]}
    for row in later.broken:
        ledger.move(row.id, Move(State.QUARANTINED, Reason.OUTCOME_UNKNOWN), now)
        ledger.sent.released(row.id)
        ledger.move(row.id, Move(State.QUEUED), now)
    for row in ledger.claim(State.QUEUED, "north", 9, now):
        assert row.prepared is not None
        ledger.stage(row, row.prepared, now)
    (released,) = plan(ledger, tmp_path, 10).loads
    assert {row.id for row in released.rows} == {row.id for row in later.broken}
    assert not released.again


def test_a_twin_takes_the_place_of_one_that_was_lost_in_the_spool(
    ledger: Ledger, tmp_path: Path
) -> None:
    """The same bytes under another name: they go in the request that they were sent in before."""
    together = set(staged(ledger, tmp_path, 2))
    (first,) = plan(ledger, tmp_path, 10).loads
    now = time.time()
    lost, other = first.rows
    assert lost.prepared is not None
    ledger.move(other.id, Move(State.STAGED, Reason.BACKEND_UNREACHABLE), now)
    ledger.move(lost.id, Move(State.QUEUED, Reason.SPOOL_LOST, "text"), now + 60)
    ((twin, _),) = ledger.admit([("north", "twin", Signature(1, 99, 1, 1))], now)
    (row,) = ledger.claim(State.QUEUED, "north", 1, now)
    assert row.id == twin
    ledger.stage(row, replace(lost.prepared, signature=row.signature), now)
    assert plan(ledger, tmp_path, 10).loads == (), "the lost one is still on its way"
    (row,) = ledger.claim(State.QUEUED, "north", 1, now + 61)
    move = ledger.stage(row, lost.prepared, now)
    assert move.state is State.DUPLICATE
    ledger.move(row.id, move, now)
    (second,) = plan(ledger, tmp_path, 10, later=9).loads
    assert {row.id for row in second.rows} == together - {lost.id} | {twin}
    assert second.batch.id == first.batch.id
    assert second.again


def test_a_request_waits_until_each_of_its_members_is_settled(
    ledger: Ledger, tmp_path: Path
) -> None:
    """It failed, and one falls due again while the others are still being written down."""
    together = set(staged(ledger, tmp_path, 3))
    (first,) = plan(ledger, tmp_path, 10).loads
    for number, row in enumerate(first.rows):
        early = plan(ledger, tmp_path, 10, later=3 * number)
        assert (early.loads, early.broken) == ((), ())
        ledger.move(row.id, Move(State.STAGED, Reason.BACKEND_UNREACHABLE), time.time())
    (second,) = plan(ledger, tmp_path, 10, later=30).loads
    assert ({row.id for row in second.rows}, second.batch.id) == (together, first.batch.id)
