"""Pure planning between ledger and courier: rows to requests, answers to moves."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from watcher.deliver import retry
from watcher.deliver.batch import Batch, Bounds, Waiting, grouped, restored
from watcher.deliver.outcomes import Answer, Situation, Verdict
from watcher.deliver.parcel import Parcel
from watcher.model import Reason, State, StudyFields
from watcher.options import DeliverOptions
from watcher.store import queries
from watcher.store.ledger import Ledger
from watcher.store.records import Move, Row

_MEMBER_WAIT = 2.0


@dataclass(frozen=True, slots=True)
class Load:
    """Claimed rows, and the batch they travel in.

    `again` says that some of them may have been sent before, whatever became of them since.
    """

    rows: tuple[Row, ...]
    batch: Batch
    again: bool

    @property
    def study(self) -> StudyFields:
        """Whose Study and Series this is."""
        return self.batch.parcels[0].study

    @property
    def attempts(self) -> int:
        """Which try this is, counting tries whose end this process has not seen."""
        return max(row.deferrals + row.attempts for row in self.rows)


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes now; and when to look again, or, with `more`, that more may be due already.

    `held` says that images wait to travel with others of a Series that is being sent; `broken` may
    have been accepted in a request that cannot be made again, for some of its images are gone.
    """

    loads: tuple[Load, ...]
    again: float | None
    held: bool
    more: bool
    broken: tuple[Row, ...]


def plan(
    ledger: Ledger,
    customer: str,
    most: int,
    folder: Path,
    options: DeliverOptions,
    busy: frozenset[StudyFields],
    now: float,
) -> Plan:
    """Turn up to `most` due rows into loads, and claim those that go.

    What was sent before goes again as the very batch it was sent in: only then does an earlier
    acceptance that we have not heard of meet the same key.
    """
    rows = queries.due(ledger.connection, State.STAGED, customer, most, now)
    fresh = [row for row in rows if row.batch is None]
    bounds = Bounds(options.batch_images, options.batch_bytes)
    loads: list[Load] = []
    broken: list[Row] = []
    for batch in sorted({row.batch for row in rows if row.batch is not None}):
        members = _reunite(ledger, batch, [row for row in rows if row.batch == batch], now)
        again = restored(batch, [_parcel(row, folder) for row in members])
        if again is not None:
            loads.append(_load(again, members))
        elif ledger.sent.awaited(batch, now):
            _postpone(ledger, members, now)
        else:
            broken += members
    ready, later = grouped(
        [Waiting(_parcel(row, folder), row.changed_at) for row in fresh],
        bounds,
        options.batch_linger,
        now,
        busy,
    )
    loads += [_load(batch, fresh) for batch in ready]
    after = queries.next_due_of(ledger.connection, State.STAGED, customer, now)
    next_look = min((at for at in (later, after) if at is not None), default=None)
    more = len(rows) == most or bool(broken)
    return Plan(_claimed(ledger, loads), next_look, later is not None, more, tuple(broken))


def _claimed(ledger: Ledger, loads: Sequence[Load]) -> tuple[Load, ...]:
    """The same with their rows claimed: the attempt, and the request it is made in, are durable
    before anything leaves, also of an image that travels alone.
    """
    ids = [row.id for load in loads for row in load.rows]
    taken = {row.id: row for row in ledger.claim_ids(ids)} if ids else {}
    for load in loads:
        ledger.sent.assign(load.rows, load.batch.id)
    return tuple(replace(load, rows=tuple(taken[row.id] for row in load.rows)) for load in loads)


def _reunite(ledger: Ledger, batch: str, due: list[Row], now: float) -> list[Row]:
    """All members of a batch; or none, when one is at work elsewhere and has to be awaited."""
    if queries.batch_is_busy(ledger.connection, batch):
        _postpone(ledger, due, now)
        return []
    return queries.batch_rows(ledger.connection, batch)


def _postpone(ledger: Ledger, rows: Sequence[Row], now: float) -> None:
    for row in rows:
        ledger.postpone(row.id, now + _MEMBER_WAIT)


def _load(batch: Batch, rows: Sequence[Row]) -> Load:
    by_key = {row.prepared.content_key: row for row in rows if row.prepared is not None}
    mine = tuple(by_key[parcel.key] for parcel in batch.parcels)
    return Load(mine, batch, any(row.batch is not None for row in mine))


def _parcel(row: Row, folder: Path) -> Parcel:
    if row.prepared is None:
        raise AssertionError("a staged row has what was prepared")  # the ledger's own promise
    return Parcel(row.prepared.content_key, row.prepared.study, row.prepared.images, folder)


def after_send(
    row: Row, answer: Answer, attempts: int, options: DeliverOptions, now: float
) -> Move:
    """The move of one row of a request that was not accepted."""
    if answer.verdict is Verdict.QUARANTINE:
        return Move(State.QUARANTINED, answer.reason, answer.detail)
    mine = row.prepared is not None and row.prepared.content_key == answer.culprit
    if answer.detail == Situation.SPOOL_LOST and mine:
        return Move(State.QUEUED, Reason.SPOOL_LOST, "text")
    rng = random.SystemRandom()
    wait = retry.delay(answer, attempts=attempts, options=options, rng=rng)
    return Move(State.STAGED, answer.reason, answer.detail, not_before=now + wait)
