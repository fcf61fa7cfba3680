"""SIGKILL at every stage boundary: nothing is lost, nothing is accepted twice."""

from __future__ import annotations

import signal

import pytest

from tests.way.box import Box
from tests.way.images import ct, drop
from watcher.receiver.app import Running
from watcher.receiver.faults import Fault, Faults, Kind

STEPS = [
    "watcher.store.ledger:Ledger.admit",
    "watcher.pipeline:Pipeline.admit",
    "watcher.store.ledger:Ledger.claim_fairly",
    "watcher.workers:Workers.prepare",
    "watcher.store.ledger:Ledger.stage",
    "watcher.store.ledger:Ledger.assign_batch",
    "watcher.deliver.client:Destination.send",
    "watcher.pipeline:Pipeline.delivered",
    "watcher.store.taking:take_away",
    "watcher.store.ledger:Ledger.disposed",
    "watcher.store.spool:Spool.hold",
]


@pytest.mark.parametrize("when", [pytest.param("before", marks=pytest.mark.long), "after"])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.split(":")[1])
async def test_a_kill_at_this_step_loses_nothing_and_sends_nothing_twice(
    box: Box, backend: Running, faults: Faults, step: str, when: str
) -> None:
    """Four images, one of them twice, and one without a UID; killed once, then started again."""
    faults.script.append(Fault(Kind.DELAY, 2.0))  # so that the next ones travel together
    for number in range(4):
        drop(ct(number), box.drop / "north" / "sub", f"{number}.dcm")
    drop(ct(3), box.drop / "north", "again.dcm")
    nameless = ct(5)
    del nameless.SOPInstanceUID
    broken = drop(nameless, box.drop / "north", "nameless.dcm")

    died = await box.run("-m", "tests.way.killer", step, when, "1", str(box.settings))
    assert died.code == -signal.SIGKILL, died.said
    ended = await box.drain()

    assert ended.code == 0, ended.said
    assert box.states() == {"delivered": 4, "duplicate": 1, "quarantined": 1}
    assert sorted(backend.receiver.shelf.images.values()) == [1, 1, 1, 1]
    assert len(box.archived()) == 5
    assert box.dropped() == [broken]
