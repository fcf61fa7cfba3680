"""What an outcome means for a file: pure functions from (row, outcome, time) to the next move."""

from __future__ import annotations

from watcher.model import Deferred, Excluded, Reason, Refused, State
from watcher.options import IntakeOptions
from watcher.store.records import Move, Row

_LONGEST = 300.0
_FIRST = {
    Reason.NOT_WHOLE: 0.25,
    Reason.CHANGED: 0.25,
    Reason.WORKER_LOST: 0.1,
    Reason.TIMEOUT: 1.0,
    Reason.INTERNAL: 1.0,
}
# A worker that did not come back, or code that failed unexpectedly: the file may be the cause.
_SUSPICIOUS = {
    Reason.WORKER_LOST: Reason.CRASHED,
    Reason.TIMEOUT: Reason.TIMEOUT,
    Reason.INTERNAL: Reason.INTERNAL,
    Reason.OUT_OF_MEMORY: Reason.OUT_OF_MEMORY,
}


def back_off(row: Row, reason: Reason) -> float:
    """Seconds until the next try: doubling from the reason's first step up to five minutes."""
    return min(_LONGEST, _FIRST.get(reason, 1.0) * 2.0 ** min(row.deferrals, 20))


def suspicious(outcome: Refused | Excluded | Deferred) -> bool:
    """Whether the attempt stays counted, because the file may have killed its worker."""
    return outcome.reason in _SUSPICIOUS


def after_prepare(
    row: Row,
    outcome: Refused | Excluded | Deferred,
    now: float,
    intake: IntakeOptions,
    attempts: int,
) -> Move:
    """The move after a worker could not prepare a file. `row.attempts` counts this attempt."""
    reason, detail = outcome.reason, outcome.detail
    if reason in _SUSPICIOUS:
        if row.attempts >= attempts:
            return Move(State.QUARANTINED, _SUSPICIOUS[reason], detail)
        return _later(row, reason, detail, now)
    match outcome:
        case Refused():
            return Move(State.QUARANTINED, reason, detail)
        case Excluded() if reason is Reason.NOT_DICOM and _age(row, now) < _settled(intake):
            # A sender may allocate the file first and fill it then.
            return _later(row, Reason.NOT_WHOLE, detail, now)
        case Excluded():
            return Move(State.EXCLUDED, reason, detail)
        case Deferred() if reason is Reason.NOT_WHOLE and _age(row, now) > intake.give_up_after:
            empty = row.signature.size == 0
            return Move(State.QUARANTINED, Reason.EMPTY if empty else Reason.TRUNCATED, detail)
        case Deferred():
            return _later(row, reason, detail, now, outcome.retry_after)


def _later(row: Row, reason: Reason, detail: str, now: float, after: float | None = None) -> Move:
    wait = back_off(row, reason) if after is None else after
    return Move(State.QUEUED, reason, detail, not_before=now + wait)


def _age(row: Row, now: float) -> float:
    return now - row.signature.mtime_ns / 1e9


def _settled(intake: IntakeOptions) -> float:
    return max(intake.quiet_without_close, intake.quiet_after_close)
