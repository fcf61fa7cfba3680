"""What an outcome means for a file: later, excluded or quarantined, and when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from watcher import policy
from watcher.model import Deferred, Excluded, Reason, Refused, Signature, State
from watcher.options import IntakeOptions
from watcher.store.records import Row

INTAKE = IntakeOptions(quiet_without_close=2.0, give_up_after=100.0)
NOW = 1000.0


def row(*, age: float = 10.0, attempts: int = 1, deferrals: int = 0, size: int = 5) -> Row:
    return Row(
        id="x",
        customer="c",
        path="p",
        origin="drop",
        signature=Signature(1, 2, size, int((NOW - age) * 1e9)),
        state=State.QUEUED,
        reason="",
        detail="",
        attempts=attempts,
        deferrals=deferrals,
        not_before=0,
        seen_at=0,
        changed_at=0,
        prepared=None,
        batch=None,
        disposed=False,
    )


def after(row: Row, outcome: Refused | Excluded | Deferred) -> tuple[State, Reason | None]:
    move = policy.after_prepare(row, outcome, NOW, INTAKE, attempts=3)
    return move.state, move.reason


@pytest.mark.parametrize(
    ("what", "outcome", "means"),
    [
        (row(), Refused(Reason.BURNED_IN), (State.QUARANTINED, Reason.BURNED_IN)),
        (row(), Excluded(Reason.NOT_AN_IMAGE), (State.EXCLUDED, Reason.NOT_AN_IMAGE)),
        (row(age=10), Excluded(Reason.NOT_DICOM), (State.EXCLUDED, Reason.NOT_DICOM)),
        (row(age=1), Excluded(Reason.NOT_DICOM), (State.QUEUED, Reason.NOT_WHOLE)),
        (row(age=50), Deferred(Reason.NOT_WHOLE), (State.QUEUED, Reason.NOT_WHOLE)),
        (row(age=101), Deferred(Reason.NOT_WHOLE), (State.QUARANTINED, Reason.TRUNCATED)),
        (row(age=101, size=0), Deferred(Reason.NOT_WHOLE), (State.QUARANTINED, Reason.EMPTY)),
        (row(), Deferred(Reason.UNREADABLE), (State.QUEUED, Reason.UNREADABLE)),
        (row(attempts=2), Deferred(Reason.WORKER_LOST), (State.QUEUED, Reason.WORKER_LOST)),
        (row(attempts=3), Deferred(Reason.WORKER_LOST), (State.QUARANTINED, Reason.CRASHED)),
        (row(attempts=3), Deferred(Reason.TIMEOUT), (State.QUARANTINED, Reason.TIMEOUT)),
        (row(attempts=2), Refused(Reason.INTERNAL), (State.QUEUED, Reason.INTERNAL)),
        (row(attempts=3), Refused(Reason.INTERNAL), (State.QUARANTINED, Reason.INTERNAL)),
    ],
)
def test_each_outcome_has_one_written_consequence(
    what: Row, outcome: Refused | Excluded | Deferred, means: tuple[State, Reason]
) -> None:
    """Refused is for ever, later has an end, and nothing is ever "send anyway"."""
    assert after(what, outcome) == means


def test_the_back_off_doubles_up_to_five_minutes() -> None:
    """A thousand deferrals are no overflow."""
    waits = [policy.back_off(replace(row(), deferrals=n), Reason.NOT_WHOLE) for n in range(1000)]
    assert waits[:4] == [0.25, 0.5, 1.0, 2.0]
    assert waits[-1] == max(waits) == 300.0


def test_a_wish_to_wait_is_honoured() -> None:
    """`retry_after` of an outcome is taken as it is."""
    move = policy.after_prepare(
        row(), Deferred(Reason.DISK_FULL, retry_after=7.0), NOW, INTAKE, attempts=3
    )
    assert move.not_before == NOW + 7.0
