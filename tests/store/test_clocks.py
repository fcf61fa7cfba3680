"""A wall clock that is set by a day, forwards and backwards, while files wait or the box is off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from watcher.model import Reason, Signature, State
from watcher.store import clocks
from watcher.store.database import connect
from watcher.store.ledger import Ledger
from watcher.store.records import Move
from watcher.tending import ClockWatch

DAY = 86_400.0
NOW = 1_800_000_000.0


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """One file that is to be tried again in ten seconds."""
    db = connect(tmp_path / "ledger.sqlite")
    found = Ledger(db)
    ((id_, _),) = found.admit([("a", "f", Signature(1, 2, 3, 4))], NOW)
    found.claim(State.QUEUED, "a", 1, NOW)
    found.move(id_, Move(State.QUEUED, Reason.CHANGED, not_before=NOW + 10), NOW)
    yield found
    db.close()


@pytest.mark.parametrize("jump", [-DAY, DAY])
def test_what_waits_waits_as_long_as_it_did(ledger: Ledger, jump: float) -> None:
    """Ten seconds before the clock was set are ten seconds after it."""
    assert clocks.follow(ledger, jump) == 1
    assert ledger.claim(State.QUEUED, "a", 1, NOW + jump + 9) == []
    assert len(ledger.claim(State.QUEUED, "a", 1, NOW + jump + 10)) == 1


def test_after_a_start_with_an_older_clock_nothing_waits_for_a_day(ledger: Ledger) -> None:
    """A box whose clock went back while it was off."""
    assert clocks.distrust(ledger, NOW) == 0
    assert clocks.distrust(ledger, NOW - DAY) == 1
    assert len(ledger.claim(State.QUEUED, "a", 1, NOW - DAY)) == 1


def test_only_a_clock_that_was_set_is_a_jump() -> None:
    """Not one that runs a little fast, nor time that has passed."""
    watch = ClockWatch(wall=1000.0, steady=5.0)
    assert watch.jump(wall=1010.0, steady=15.0) == 0
    assert watch.jump(wall=1020.4, steady=25.0) == 0
    assert watch.jump(wall=1030.0 - DAY, steady=35.0) == pytest.approx(-DAY, abs=1)
    assert watch.jump(wall=1040.0 - DAY, steady=45.0) == 0
    assert watch.jump(wall=1050.0, steady=55.0) == pytest.approx(DAY, abs=1)
