"""From arrival to staged: the loops that admit what intake hands out and keep the workers busy."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from watcher.bell import Bell, cancel, insist
from watcher.intake import Arrival, Intake
from watcher.lanes import Lanes
from watcher.model import State
from watcher.pipeline import Pipeline
from watcher.store import queries
from watcher.store.disk import Disk
from watcher.store.ledger import Ledger
from watcher.store.records import Row
from watcher.store.writer import Writer

_ADMIT_AT_ONCE = 16  # a few milliseconds: so long may another's commit have to wait for it
_AHEAD = 8  # rows that wait here for each worker
_EARLY = 1  # rows handed over before a worker is free, which then need not wait for this process
_COMPANY = 0.03  # seconds: one that waits for those behind it anyway shares their commit
_IDLE = 30.0


class Preparing:
    """Owns the lanes to the workers, and a small prefetch of what the ledger says is due.

    `on_customer` hears of a customer before its first file is written down, and may put that off
    (DeferredError); `on_state` of every file that was prepared.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        writer: Writer,
        disk: Disk,
        workers: int,
        paused: Callable[[], frozenset[str]],
        on_customer: Callable[[str], None],
        on_state: Callable[[str, State], None],
    ) -> None:
        self._pipeline = pipeline
        self._writer = writer
        self._disk = disk
        self._paused = paused
        self._on_customer = on_customer
        self._on_state = on_state
        self._lanes = Lanes(workers, _EARLY)
        self._most = workers * _AHEAD
        self._free = Bell()
        self._under_way: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None
        self._one_each = False  # somebody may have no row in the lanes, and one that is due
        self._bell = Bell()
        self._news = True
        self._again = 0.0

    def ring(self) -> None:
        """Something may be due now."""
        self._news = True
        self._bell.ring()

    def at_work_for(self, customer: str) -> bool:
        """Whether more of this customer is about to be staged."""
        return self._lanes.hold(customer)

    def taking(self, intake: Intake) -> list[Coroutine[Any, Any, None]]:
        """The loops that take on new work; cancelled first at a stop."""
        return [self._admit(intake), self._feed()]

    def working(self) -> list[Coroutine[Any, Any, None]]:
        """The loop that keeps the workers busy."""
        return [self._serve()]

    async def finish(self) -> None:
        """Give back what was not handed to a worker, and wait for what was."""
        for row in self._lanes.empty():
            await insist(self._unclaim, row)
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _unclaim(self, row: Row) -> None:
        await self._writer.run(lambda ledger: ledger.unclaim(row.id))

    async def _admit(self, intake: Intake) -> None:
        while True:
            self._begin(self._write_down(intake, await intake.take(_ADMIT_AT_ONCE)))

    async def _write_down(self, intake: Intake, share: list[Arrival]) -> None:
        """One customer's arrivals; many at once leave half of the time to others."""
        customer, many = share[0].customer, len(share) == _ADMIT_AT_ONCE
        await insist(self._greet, customer)
        began = time.monotonic()
        await insist(self._pipeline.admit, share, many)
        self._one_each = True
        self.ring()
        if many:
            await asyncio.sleep(time.monotonic() - began)
        intake.taken(customer)

    async def _greet(self, customer: str) -> None:
        self._on_customer(customer)

    async def _feed(self) -> None:
        while True:
            room = self._room()
            due = self._one_each or (room and (self._news or time.monotonic() >= self._again))
            if due and self._disk.open:
                await self._claim(room)
            else:
                await self._bell.wait(self._pause())

    def _room(self) -> int:
        """For how many rows; none while half of them are there: few large claims cost less."""
        room = self._most - len(self._lanes)
        return room if room * 2 >= self._most else 0

    async def _claim(self, room: int) -> None:
        self._news = self._one_each = False
        rows, wait = await insist(self._due, room)
        self._news |= len(rows) >= room  # there may be more; a share each may be more than room
        self._again = time.monotonic() + wait
        for row in rows:
            self._lanes.put(row)
        self._free.ring()

    async def _due(self, room: int) -> tuple[list[Row], float]:
        """Claimed rows; and in how many seconds another one may fall due.

        Without room, one of each customer who has none here: nobody waits behind a backlog.
        """
        now, paused, here = time.time(), self._paused(), self._lanes.customers()

        def claim(ledger: Ledger) -> tuple[list[Row], float]:
            due = queries.due_customers(ledger.connection, State.QUEUED, now)
            mine = [customer for customer in due if customer not in paused]
            if not room:
                mine = [customer for customer in mine if customer not in here]
            rows = ledger.claim_fairly(State.QUEUED, mine, room, now)
            at = queries.next_due(ledger.connection, State.QUEUED, now, paused)
            return rows, _IDLE if at is None else min(_IDLE, at - now)

        return await self._writer.run(claim)

    def _pause(self) -> float:
        if not self._disk.open or not self._room():
            return _IDLE
        return min(_IDLE, max(0.005, self._again - time.monotonic()))

    async def _serve(self) -> None:
        try:
            while self._failure is None:
                while (next_ := self._lanes.take()) is not None:
                    self._one_each |= next_[1]  # whoever uses the spare lane may have more
                    self._begin(self._prepare(*next_))
                    self._bell.ring()
                await self._free.wait(None)
            raise self._failure
        finally:
            await cancel(self._under_way)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            self._failure = self._failure or task.exception()
        self._free.ring()

    async def _prepare(self, row: Row, spare: bool) -> None:
        outcome = await self._pipeline.attempt(row, spare=spare)
        self._lanes.done(row, spare)
        self._free.ring()  # its worker is free, whatever the ledger still has to do
        within = _COMPANY if self._lanes.hold(row.customer) else 0.0
        state = await insist(self._pipeline.conclude, row, outcome, within)
        self._on_state(row.customer, state)
        if state is State.QUEUED:
            self.ring()  # it falls due again
