"""From arrival to staged: the loops that admit what intake hands out and keep the workers busy."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from watcher.bell import Bell, insist
from watcher.intake.arrival import Arrival
from watcher.model import State
from watcher.pipeline import Pipeline
from watcher.store import queries
from watcher.store.disk import Disk
from watcher.store.ledger import Ledger
from watcher.store.records import Row
from watcher.store.writer import Writer

_ADMIT_AT_ONCE = 512
_IDLE = 30.0


class Preparing:
    """Owns the in-memory queue, a small prefetch of what the ledger says is due.

    `on_customer` hears of a customer before its first file is written down; `on_state` of every
    file that left the queue.
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
        self._workers = workers
        self._rows: asyncio.Queue[Row] = asyncio.Queue(workers * 2)
        self._bell = Bell()

    def ring(self) -> None:
        """Something may be due now."""
        self._bell.ring()

    def taking(self, arrivals: asyncio.Queue[Arrival]) -> list[Coroutine[Any, Any, None]]:
        """The loops that take on new work; cancelled first at a stop."""
        return [self._admit(arrivals), self._feed()]

    def working(self) -> list[Coroutine[Any, Any, None]]:
        """The loops that finish work; one more than there are workers, so that none waits."""
        return [self._prepare() for _ in range(self._workers + 1)]

    async def finish(self) -> None:
        """Give back what nobody has started, and wait for what somebody has."""
        while not self._rows.empty():
            row = self._rows.get_nowait()
            await insist(self._unclaim, row)
            self._rows.task_done()
        await self._rows.join()

    async def _unclaim(self, row: Row) -> None:
        await self._writer.run(lambda ledger: ledger.unclaim(row.id))

    async def _admit(self, arrivals: asyncio.Queue[Arrival]) -> None:
        while True:
            batch = [await arrivals.get()]
            while len(batch) < _ADMIT_AT_ONCE and not arrivals.empty():
                batch.append(arrivals.get_nowait())
            for customer in {arrival.customer for arrival in batch}:
                self._on_customer(customer)
            await insist(self._pipeline.admit, batch)
            self._bell.ring()

    async def _feed(self) -> None:
        while True:
            room = self._rows.maxsize - self._rows.qsize()
            rows = await insist(self._due, room) if room and self._disk.open else []
            for row in rows:
                await self._rows.put(row)
            if not rows:
                await self._bell.wait(await self._pause() if room else _IDLE)

    async def _due(self, room: int) -> list[Row]:
        now, paused = time.time(), self._paused()

        def claim(ledger: Ledger) -> list[Row]:
            due = queries.due_customers(ledger.connection, State.QUEUED, now)
            mine = [customer for customer in due if customer not in paused]
            return ledger.claim_fairly(State.QUEUED, mine, room, now)

        return await self._writer.run(claim)

    async def _pause(self) -> float:
        due = await self._writer.run(
            lambda ledger: queries.next_due(ledger.connection, State.QUEUED, self._paused())
        )
        if due is None or not self._disk.open:
            return _IDLE
        return min(_IDLE, max(0.005, due - time.time()))

    async def _prepare(self) -> None:
        while True:
            row = await self._rows.get()
            self._bell.ring()
            state = await insist(self._pipeline.prepare, row)
            self._rows.task_done()
            self._on_state(row.customer, state)
            self._bell.ring()
