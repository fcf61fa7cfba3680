"""SIGKILL at every stage boundary: nothing is lost, nothing is accepted twice."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.way.box import Box
from tests.way.images import ct, drop
from tests.way.nursery import KILL, Nursery
from watcher.receiver.app import Running, start
from watcher.receiver.faults import Fault, Faults, Kind

STEPS = [
    "watcher.store.ledger:Ledger.admit",
    "watcher.pipeline:Pipeline.admit",
    "watcher.store.ledger:Ledger.claim_fairly",
    "watcher.workers:Workers.prepare",
    "watcher.store.ledger:Ledger.stage",
    "watcher.store.sent:Sent.assign",
    "watcher.deliver.client:Destination.send",
    "watcher.pipeline:Pipeline.delivered",
    "watcher.store.taking:take_away",
    "watcher.store.ledger:Ledger.disposed",
    "watcher.store.spool:Spool.hold",
]


@pytest.mark.parametrize("when", [pytest.param("before", marks=pytest.mark.long), "after"])
async def test_a_kill_at_any_step_loses_nothing_and_sends_nothing_twice(
    tmp_path: Path, when: str
) -> None:
    """Four images, one of them twice, and one without a UID; killed once, then started again."""
    async with Nursery() as nursery:
        for number, step in enumerate(STEPS):
            (tmp_path / str(number)).mkdir()
            faults = Faults()
            backend = await start(tmp_path / str(number) / "backend", faults=faults)
            try:
                await killed_at(step, when, tmp_path / str(number), nursery, backend, faults)
            finally:
                await backend.stop()


async def killed_at(
    step: str, when: str, home: Path, nursery: Nursery, backend: Running, faults: Faults
) -> None:
    """On a box of its own."""
    box, said = Box(home / "box", backend.url), home / "said"
    box.home.mkdir()
    faults.script.append(Fault(Kind.DELAY, 1.0))  # so that the next ones travel together
    for number in range(4):
        drop(ct(number), box.drop / "north" / "sub", f"{number}.dcm")
    drop(ct(3), box.drop / "north", "again.dcm")
    nameless = ct(5)
    del nameless.SOPInstanceUID
    broken = drop(nameless, box.drop / "north", "nameless.dcm")

    await nursery.start(box.settings, said, f"{KILL}{step} {when}", "--drain")
    assert await nursery.ended() == -signal.SIGKILL, f"{step}: {said.read_text()}"
    await nursery.start(box.settings, said, "--drain")
    assert await nursery.ended() == 0, f"{step}: {said.read_text()}"

    assert box.states() == {"delivered": 4, "duplicate": 1, "quarantined": 1}, step
    assert sorted(backend.receiver.shelf.images.values()) == [1, 1, 1, 1], step
    assert len(box.archived()) == 5, step
    assert box.dropped() == [broken], step
