"""One instance's way, step by step: admit, prepare, quarantine, settle, dispose.

Each step does its work first, makes it durable, and only then writes the move; a crash between
the two repeats the work and never skips it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from watcher import auditing, policy
from watcher.errors import DeferredError, ExcludedError, RefusedError
from watcher.intake import opening
from watcher.intake.arrival import Arrival
from watcher.job import Job
from watcher.model import Outcome, Prepared, Reason, Refused, Signature, State
from watcher.observe.log import Log
from watcher.observe.metrics import Metrics
from watcher.settings import Settings
from watcher.store import taking
from watcher.store.audit import Audit
from watcher.store.ledger import Ledger
from watcher.store.queries import FIRST, Place, undisposed
from watcher.store.records import Move, Row
from watcher.store.spool import Spool
from watcher.store.writer import Writer
from watcher.workers import Workers


class Pipeline:
    """The steps. It holds no state of its own: the ledger is the truth."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        spool: Spool,
        writer: Writer,
        workers: Workers,
        log: Log,
        metrics: Metrics,
        audit: Audit,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._writer = writer
        self._workers = workers
        self._log = log
        self._metrics = metrics
        self._audit = audit
        self._generation = 0
        self._clock = clock

    # -- admit -------------------------------------------------------------------------------

    async def admit(self, arrivals: Sequence[Arrival], many: bool) -> int:
        """Write down what arrived; returns how many of them were new or changed.

        `many` are a part of a backlog, which waits for others' commits.
        """
        now = self._clock()
        sightings = [(a.customer, a.path, a.signature) for a in arrivals]
        fresh = await self._writer.run(lambda ledger: ledger.admit(sightings, now), bulk=many)
        for id_, customer in fresh:
            self._log.moved(id_, customer, State.QUEUED)
            self._metrics.moved(customer, State.QUEUED)
        return len(fresh)

    def renew(self) -> None:
        """The recipes have changed, and were checked: workers are to read them anew."""
        self._generation += 1

    # -- prepare -----------------------------------------------------------------------------

    def job(self, row: Row) -> Job:
        """What a worker needs to know to prepare this row."""
        settings = self._settings()
        own = settings.of(row.customer)
        return Job(
            id=row.id,
            root=self._root(row),
            path=self._path(row),
            device=row.signature.device if row.origin == "drop" else None,
            out=self._spool.outbox_of(row.customer),
            key_file=self._spool.key_of(row.customer),
            scrub=own.scrub,
            pixels=own.pixels,
            render=own.render,
            limits=settings.limits,
            review=row.review,
            generation=self._generation,
        )

    async def attempt(self, row: Row, *, spare: bool = False) -> Outcome:
        """Have a worker prepare a claimed row; the spare one, when it must not wait."""
        if row.attempts > self._settings().workers.attempts:
            # It did not only kill workers: this process did not survive it either.
            return Refused(Reason.CRASHED)
        try:
            job = self.job(row)
        except DeferredError as later:
            return later.outcome
        return await self._workers.prepare(job, spare=spare)

    async def conclude(self, row: Row, outcome: Outcome, within: float = 0.0) -> State:
        """Write down what came of an attempt; a success `within` so many seconds."""
        if isinstance(outcome, Prepared):
            return await self._stage(row, outcome, within)
        settings = self._settings()
        move = policy.after_prepare(
            row, outcome, self._clock(), settings.intake, settings.workers.attempts
        )
        keep = policy.suspicious(outcome) and move.state is State.QUEUED
        return await self.settle(row, move, keep_attempts=keep)

    async def _stage(self, row: Row, prepared: Prepared, within: float) -> State:
        now = self._clock()
        replace = self._settings().of(row.customer).intake.conflict == "replace"
        move = await self._writer.run(
            lambda ledger: ledger.stage(row, prepared, now, replace=replace), within=within
        )
        if move.state is not State.STAGED:
            return await self.settle(row, move)
        self._tell(row, move)
        return State.STAGED

    # -- settle ------------------------------------------------------------------------------

    async def settle(self, row: Row, move: Move, *, keep_attempts: bool = False) -> State:
        """Make one move; a quarantined original is held first."""
        if move.state is State.QUARANTINED:
            move = await self._hold(row, move)
        now = self._clock()
        if keep_attempts:
            await self._writer.run(lambda ledger: ledger.lost_worker(row.id, move, now))
        else:
            await self._writer.run(lambda ledger: ledger.move(row.id, move, now))
        self._tell(row, move)
        if move.state in (State.QUARANTINED, State.EXCLUDED, State.DUPLICATE, State.QUEUED):
            with suppress(DeferredError):  # the next attempt clears it, or the next start
                self._spool.clear_outbox(row.customer, row.id)
        return move.state

    async def delivered(self, rows: Sequence[Row], destination: str, answer: str) -> None:
        """The backend has acknowledged these; one commit for all, and for their audit lines."""
        now, move = self._clock(), Move(State.DELIVERED)

        def settle(ledger: Ledger) -> None:
            for row in rows:
                ledger.move(row.id, move, now)
                line = auditing.delivery(row, destination, answer)
                self._audit.append(ledger.connection, line, now)

        await self._writer.run(settle)
        for row in rows:
            self._tell(row, move)
            self._metrics.delivered(row.customer, now - row.seen_at)

    async def _hold(self, row: Row, move: Move) -> Move:
        record = {
            "id": row.id,
            "customer": row.customer,
            "reason": str(move.reason),
            "detail": move.detail,
            "path": row.path,
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._clock())),
        }
        try:
            await asyncio.to_thread(self._hold_file, row, record)
        except ExcludedError as gone:
            return Move(State.EXCLUDED, gone.outcome.reason, gone.outcome.detail)
        except DeferredError as later:
            wait = policy.back_off(row, later.outcome.reason)
            state = row.state if row.state is State.STAGED else State.QUEUED
            return Move(
                state, later.outcome.reason, later.outcome.detail, not_before=self._clock() + wait
            )
        return move

    def _hold_file(self, row: Row, record: dict[str, str]) -> None:
        if row.origin == "quarantine":
            self._spool.rehold(row.customer, row.id, record)
            return
        source = opening.open_source(self._root(row), row.path, row.signature.device)
        try:
            self._spool.hold(source, row.customer, row.id, record)
        finally:
            os.close(source)

    def _tell(self, row: Row, move: Move) -> None:
        self._log.moved(
            row.id,
            row.customer,
            move.state,
            reason=move.reason,
            detail=move.detail,
            steps_ms=move.steps_ms or {},
        )
        self._metrics.moved(row.customer, move.state, move.reason, move.steps_ms)

    # -- dispose -----------------------------------------------------------------------------

    async def dispose(self, limit: int, after: Place = FIRST) -> tuple[int, Place | None]:
        """Archive, delete or keep originals whose acknowledgement is durable, from `after` on.

        Returns how many could not be disposed of now, and where to go on, or None at the end.
        """
        rows = await self._writer.run(
            lambda ledger: undisposed(ledger.connection, limit, after), bulk=True
        )
        if not rows:
            return 0, None
        done = await asyncio.to_thread(self._dispose_all, rows)
        await self._writer.run(lambda ledger: ledger.disposed(done), bulk=True)
        last = (rows[-1].seen_at, rows[-1].id) if len(rows) == limit else None
        return len(rows) - len(done), last

    def _dispose_all(self, rows: Iterable[Row]) -> list[str]:
        done = []
        for row in rows:
            try:
                self._dispose(row)
            except ExcludedError:
                pass  # the sender took it away: nothing is left to dispose of
            except (DeferredError, RefusedError) as later:
                self._log.event("not-disposed", id=row.id, reason=later.outcome.reason)
                continue
            done.append(row.id)
        return done

    def _dispose(self, row: Row) -> None:
        policy_of = self._settings().of(row.customer).archive
        if not policy_of.keep_outbox:
            self._spool.clear_outbox(row.customer, row.id)
        if row.origin == "quarantine":
            self._spool.release(row.customer, row.id, policy_of.after_delivery, row.changed_at)
        if policy_of.after_delivery == "keep":
            return
        target = None
        if policy_of.after_delivery == "archive":
            # By the day of the acknowledgement: tried again after midnight, it is the same place.
            target = self._spool.archived(row.customer, row.id, row.changed_at)
        signature = row.prepared.signature if row.prepared else row.signature
        self._take(row, signature, target)

    def _take(self, row: Row, signature: Signature, target: Path | None) -> None:
        root = self._settings().intake.root / row.customer
        folder, name = opening.open_folder_of(root, row.path, row.signature.device)
        try:
            taking.take_away(folder, name, signature, target)
        finally:
            os.close(folder)

    # -- where an original lies ---------------------------------------------------------------

    def _root(self, row: Row) -> Path:
        if row.origin == "drop":
            return self._settings().intake.root / row.customer
        return self._spool.quarantine / row.customer

    def _path(self, row: Row) -> str:
        if row.origin == "drop":
            return row.path
        held = self._spool.quarantined(row.customer, row.id)
        if held is None:
            return f"gone/{row.id}.dcm"
        return str(held.relative_to(self._spool.quarantine / row.customer))


def original_there(root: Path, row: Row) -> bool:
    """Whether the file that was seen still lies in the drop folder, unchanged."""
    try:
        descriptor = opening.open_source(root / row.customer, row.path, row.signature.device)
    except (ExcludedError, DeferredError):
        return False
    try:
        return opening.signature(descriptor) == row.signature
    finally:
        os.close(descriptor)
