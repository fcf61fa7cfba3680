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


class Turns(asyncio.Queue[Row]):
    """A queue that serves the customer first who was served longest ago, in that one's order.

    One's single image does not wait for what was fetched of another's backlog.
    """

    def _init(self, maxsize: int) -> None:
        self._waiting: list[Row] = []
        self._served: dict[str, int] = {}
        self._count = 0

    def qsize(self) -> int:
        return len(self._waiting)

    def empty(self) -> bool:
        return not self._waiting

    def customers(self) -> frozenset[str]:
        """Who waits here."""
        return frozenset(row.customer for row in self._waiting)

    def _put(self, item: Row) -> None:
        self._waiting.append(item)

    def _get(self) -> Row:
        row = min(self._waiting, key=lambda each: self._served.get(each.customer, 0))
        self._waiting.remove(row)
        self._count += 1
        self._served[row.customer] = self._count
        return row


class Preparing:
    """Owns the in-memory queue, a small prefetch of what the ledger says is due.

    `on_customer` hears of a customer before its first file is written down, and may put that off
    (DeferredError); `on_state` of every
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
        self._rows = Turns()
        self._most = workers * 2
        self._arrived = False
        self._bell = Bell()
        self._news = True
        self._again = 0.0

    def ring(self) -> None:
        """Something may be due now."""
        self._news = True
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
                await insist(self._greet, customer)
            await insist(self._pipeline.admit, batch)
            self._arrived = True
            self.ring()

    async def _greet(self, customer: str) -> None:
        self._on_customer(customer)

    async def _feed(self) -> None:
        while True:
            room = max(0, self._most - self._rows.qsize())
            due = self._arrived or (room and (self._news or time.monotonic() >= self._again))
            if due and self._disk.open:
                await self._claim(room)
            else:
                await self._bell.wait(self._pause())

    async def _claim(self, room: int) -> None:
        self._news = self._arrived = False
        rows, wait = await insist(self._due, room)
        self._news |= len(rows) >= room  # there may be more; a share each may be more than room
        self._again = time.monotonic() + wait
        for row in rows:
            self._rows.put_nowait(row)

    async def _due(self, room: int) -> tuple[list[Row], float]:
        """Claimed rows; and in how many seconds another one may fall due.

        Without room, one of each customer who has none here: nobody waits behind a backlog.
        """
        now, paused, here = time.time(), self._paused(), self._rows.customers()

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
        if not self._disk.open or self._rows.qsize() >= self._most:
            return _IDLE
        return min(_IDLE, max(0.005, self._again - time.monotonic()))

    async def _prepare(self) -> None:
        while True:
            row = await self._rows.get()
            self._bell.ring()
            state = await insist(self._pipeline.prepare, row)
            self._rows.task_done()
            self._on_state(row.customer, state)
            if state is State.QUEUED:
                self.ring()  # it falls due again
