"""What the parts of intake share: the root, the clocks, the threads, the totals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from watcher.intake.arrival import Totals
from watcher.intake.customer import Customer
from watcher.options import IntakeOptions

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Ground:
    """`root` is absolute. `clock` gives monotonic seconds, `wall` seconds since the epoch.

    `customers` are added and removed by the Patrol only; `round_wanted` wakes it.
    """

    root: Path
    options: IntakeOptions
    options_for: Callable[[str], IntakeOptions]
    clock: Callable[[], float]
    wall: Callable[[], float]
    executor: Executor
    customers: dict[str, Customer] = field(default_factory=dict)
    totals: Totals = field(default_factory=Totals)
    round_wanted: asyncio.Event = field(default_factory=asyncio.Event)

    async def call(self, function: Callable[[], _Result]) -> _Result:
        """Run a blocking call in a thread of intake's own: a dead mount blocks nobody else."""
        return await asyncio.get_running_loop().run_in_executor(self.executor, function)

    def hurry(self, customer: Customer) -> None:
        """Have this customer's folder scanned as soon as possible."""
        customer.schedule.hurry()
        self.round_wanted.set()

    def hurry_all(self) -> None:
        """Have everything scanned as soon as possible."""
        for customer in self.customers.values():
            customer.schedule.hurry()
        self.round_wanted.set()
