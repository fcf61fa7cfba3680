"""The room's front: arrivals out of a folder of customers, counters, health."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from watcher.intake.arrival import Arrival, Counters, Health
from watcher.intake.desk import Desk
from watcher.intake.ground import Ground
from watcher.intake.guard import Guard
from watcher.intake.outlet import Outlet
from watcher.intake.patrol import Patrol
from watcher.intake.watching import HintBox
from watcher.options import IntakeOptions

LINE_LIMIT = 10_000
HINT_LIMIT = 65_536
THREADS = 32


class Intake:
    """Watches `options.root`, one folder per customer below it, and hands out files at rest.

    Events make it fast, scans make it complete. A full line stops nothing but the hand-over:
    what found no place is found again by a scan. `options_for` gives a customer's own options;
    `root` and `scan_every` are always those of `options`.
    """

    def __init__(
        self,
        options: IntakeOptions,
        options_for: Callable[[str], IntakeOptions] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        line_limit: int = LINE_LIMIT,
        hint_limit: int = HINT_LIMIT,
    ) -> None:
        self._executor = ThreadPoolExecutor(THREADS, "intake")
        self._ground = Ground(
            root=Path(os.path.abspath(options.root)),
            options=options,
            options_for=options_for or (lambda name: options),
            clock=clock,
            wall=wall,
            executor=self._executor,
        )
        self._box = HintBox(hint_limit)
        self._guard = Guard(self._ground, self._box)
        self._outlet = Outlet(line_limit, self._on_room)
        self._desk = Desk(self._ground, self._box, self._outlet)
        self._patrol = Patrol(self._ground, self._guard, self._desk, self._outlet)

    async def take(self, most: int) -> list[Arrival]:
        """At most so many files at rest of one customer, customers in turn.

        That customer's next ones are handed out once `taken` has been told of them.
        """
        return await self._outlet.take(most)

    def taken(self, customer: str) -> None:
        """What was taken of this customer is written down."""
        self._outlet.taken(customer)

    async def run(self) -> None:
        """Work until cancelled; threads and watches are given back then."""
        self._box.attach(asyncio.get_running_loop())
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._desk.run(), name="intake-desk")
                tasks.create_task(self._patrol.run(), name="intake-patrol")
        finally:
            await self._guard.reset(self._ground.customers.values())
            self._executor.shutdown(wait=False, cancel_futures=True)

    def rescan(self) -> None:
        """Scan every customer's folder now."""
        self._ground.hurry_all()

    def forget(self, customer: str, path: str) -> None:
        """Have this file handed out again by the next scan, if it is still there."""
        known = self._ground.customers.get(customer)
        if known is not None:
            known.known.pop(path, None)

    @property
    def idle(self) -> bool:
        """Whether every folder that can be scanned was, and nothing waits to be written down."""
        waiting = self._desk.settling + len(self._outlet) + len(self._box)
        return waiting == 0 and self._patrol.is_settled()

    @property
    def counters(self) -> Counters:
        """A snapshot of all numbers."""
        customers = self._ground.customers.values()
        sweeps = [customer.last for customer in customers]
        return Counters(
            totals=replace(self._ground.totals),
            folders=sum(sweep.folders for sweep in sweeps),
            files=sum(sweep.files for sweep in sweeps),
            ignored=self._patrol.loose_files + sum(sweep.ignored for sweep in sweeps),
            stale=sum(sweep.stale for sweep in sweeps),
            special=sum(sweep.special for sweep in sweeps),
            settling=self._desk.settling,
            ready=len(self._outlet),
        )

    @property
    def health(self) -> Health:
        """A snapshot of the root's and each customer's condition."""
        return self._patrol.health()

    def _on_room(self, name: str) -> None:
        customer = self._ground.customers.get(name)
        if customer is not None and customer.held_back:
            customer.held_back = False
            customer.schedule.resume()
            self._ground.round_wanted.set()
