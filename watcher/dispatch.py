"""One customer's dispatch: which staged instances go next, in which request, and when."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from watcher import loading
from watcher.bell import Bell, cancel, insist
from watcher.deliver import hours
from watcher.deliver.batch import Batch
from watcher.deliver.breaker import Breaker
from watcher.deliver.courier import Courier, Result
from watcher.deliver.outcomes import Answer, Verdict
from watcher.loading import Load
from watcher.model import Reason, State, StudyFields
from watcher.observe.log import Log
from watcher.options import DeliverOptions
from watcher.pipeline import Pipeline
from watcher.store import queries
from watcher.store.ledger import Ledger
from watcher.store.records import Move, Row
from watcher.store.writer import Writer

_IDLE = 30.0
_HELD = 0.1  # seconds: held back for longer, they may fill a request by now
_MOMENT = 1.0  # seconds for which a Series that is no longer being sent may go on


class Dispatch:
    """Owns the breaker, the requests under way, and the few that are planned."""

    def __init__(
        self,
        customer: str,
        options: DeliverOptions,
        courier: Courier,
        folder: Path,
        pipeline: Pipeline,
        writer: Writer,
        log: Log,
        on_delivered: Callable[[], None],
        on_queued: Callable[[], None],
        paused: Callable[[], bool] = lambda: False,
        coming: Callable[[], bool] = lambda: False,
    ) -> None:
        self._customer = customer
        self._options = options
        self._courier = courier
        self._folder = folder
        self._pipeline = pipeline
        self._writer = writer
        self._log = log
        self._on_delivered = on_delivered
        self._on_queued = on_queued
        self._paused = paused
        self._coming = coming
        self._opened = hours.windows(options.hours)
        self._bell = Bell()
        self._breaker = Breaker()
        self._planned: deque[Load] = deque()
        self._news = True
        self._held = False
        self._look_again = 0.0
        self._under_way: dict[asyncio.Task[None], Load] = {}
        self._sent_at: dict[StudyFields, float] = {}
        self._closing = False
        self._failure: BaseException | None = None

    @property
    def breaker(self) -> Breaker:
        """How the destination is doing."""
        return self._breaker

    def ring(self) -> None:
        """Something may be due now."""
        self._news = True
        self._bell.ring()

    def resume(self) -> None:
        """A person mended something: probe at once."""
        self._breaker = self._breaker.resumed()
        self.ring()

    async def finish(self) -> None:
        """Start no further request, and wait for the answers to those under way."""
        self._closing = True
        await self._put_back()
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def run(self) -> None:
        """Send what falls due, for ever."""
        saved = await self._writer.run(lambda ledger: queries.breakers(ledger.connection))
        self._breaker = Breaker.load(saved.get(self._customer))
        try:
            while self._failure is None:
                await self._fill()
                await self._bell.wait(self._pause())
            raise self._failure
        finally:
            await cancel(set(self._under_way))

    # -- planning ----------------------------------------------------------------------------

    def _room(self) -> int:
        now = time.time()
        if self._closing or self._paused() or self._shut(now) > 0:
            return 0
        return self._breaker.room(now, self._options.concurrency) - len(self._under_way)

    def _shut(self, now: float) -> float:
        """Seconds until the hours open."""
        return hours.closed_for(self._opened, _local(now)) if self._opened else 0.0

    async def _fill(self) -> None:
        while (room := self._room()) > 0:
            if not self._planned and self._may_be_due():
                await self._plan(room)
            if not self._planned:
                return
            load = self._planned.popleft()
            task = asyncio.create_task(self._send(load))
            self._under_way[task] = load
            self._sent_at[load.study] = time.monotonic()
            task.add_done_callback(self._done)
        if not self._breaker.closed:
            await self._put_back()

    def _done(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        self._news |= self._held
        self._bell.ring()
        if not task.cancelled():
            self._failure = self._failure or task.exception()

    def _may_be_due(self) -> bool:
        """Whether a look into the ledger can find more than the last one. While images are held
        back for others that are being prepared, not each of those is a reason to look.
        """
        held = self._held and self._coming()
        return (self._news and not held) or self._look_again <= time.monotonic()

    def _busy(self) -> frozenset[StudyFields]:
        """The Series that are being sent; one that was a moment ago, while more is coming."""
        now = time.monotonic()
        self._sent_at = {study: at for study, at in self._sent_at.items() if now - at < _MOMENT}
        recent = self._sent_at if self._coming() else ()
        return frozenset(load.study for load in self._under_way.values()).union(recent)

    async def _plan(self, room: int) -> None:
        now = time.time()
        self._news = False
        most = self._options.batch_images * room if self._breaker.closed else 1
        busy = self._busy()

        def claim(ledger: Ledger) -> loading.Plan:
            return loading.plan(
                ledger, self._customer, most, self._folder, self._options, busy, now
            )

        plan = await insist(self._writer.run, claim)
        self._planned.extend(plan.loads)
        self._held = plan.held
        wait = _IDLE if plan.again is None else min(_IDLE, plan.again - now)
        self._look_again = time.monotonic() + (min(wait, _HELD) if plan.held else wait)
        self._news |= plan.more
        for row in plan.broken:
            move = Move(State.QUARANTINED, Reason.OUTCOME_UNKNOWN)
            await insist(self._pipeline.settle, row, move)

    async def _put_back(self) -> None:
        rows = [row for load in self._planned for row in load.rows]
        self._planned.clear()
        if rows:
            self._news = True
            await insist(self._writer.run, lambda ledger: [ledger.unclaim(r.id) for r in rows])

    def _pause(self) -> float:
        now = time.time()
        shut = self._shut(now) or self._breaker.wait(now)
        if shut:
            return min(_IDLE, shut)
        if self._room() <= 0:
            return _IDLE
        return min(_IDLE, max(0.005, self._look_again - time.monotonic()))

    # -- sending -----------------------------------------------------------------------------

    async def _send(self, load: Load) -> None:
        async def note(piece: Batch) -> None:
            await insist(self._note, load.rows, piece)

        again = load.again or load.attempts > 1
        results = await self._courier.deliver(load.batch, note, attempts=load.attempts, again=again)
        for result in results:
            await self._settle(result, load)
            await self._mind(result)

    async def _note(self, rows: Sequence[Row], piece: Batch) -> None:
        """Remember a smaller request before it leaves."""
        members = _members(rows, piece)
        await self._writer.run(lambda ledger: ledger.sent.assign(members, piece.id))

    async def _settle(self, result: Result, load: Load) -> None:
        rows = _members(load.rows, result.batch)
        answer = result.answer
        if answer.verdict is Verdict.DELIVERED:
            told = f"{answer.status} {answer.detail}".strip()
            await insist(self._pipeline.delivered, rows, self._options.url, told)
            self._on_delivered()
            return
        now = time.time()
        self._news = True  # they fall due again at a time of their own
        for row in rows:
            move = loading.after_send(row, answer, load.attempts, self._options, now)
            if await insist(self._pipeline.settle, row, move) is State.QUEUED:
                self._on_queued()
        self._tell(answer, len(rows))

    async def _mind(self, result: Result) -> None:
        """Let the breaker hear of an answer, and keep what it makes of it over a restart."""
        before = self._breaker
        self._breaker = before.after(
            result.batch.id, result.answer, time.time(), self._options, random.SystemRandom()
        )
        if (before.until, before.paused) == (self._breaker.until, self._breaker.paused):
            return
        if self._breaker.paused and not before.paused:
            self._log.event(
                "destination-paused",
                level="error",
                customer=self._customer,
                detail=result.answer.detail,
                status=result.answer.status,
            )
        text = self._breaker.dump()
        await insist(self._writer.run, lambda ledger: ledger.save_breaker(self._customer, text))

    def _tell(self, answer: Answer, instances: int) -> None:
        self._log.event(
            "not-delivered",
            level="warning",
            customer=self._customer,
            verdict=answer.verdict,
            reason=answer.reason,
            detail=answer.detail,
            status=answer.status,
            instances=instances,
        )


def _local(now: float) -> datetime:
    return datetime.fromtimestamp(now).astimezone()


def _members(rows: Sequence[Row], batch: Batch) -> list[Row]:
    keys = {parcel.key for parcel in batch.parcels}
    return [row for row in rows if row.prepared and row.prepared.content_key in keys]
