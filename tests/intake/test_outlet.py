"""Customers are served in turn, and a full line or queue loses nothing in silence."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from watcher.intake.arrival import Arrival
from watcher.intake.outlet import Outlet
from watcher.model import Signature


def arrival(customer: str, index: int) -> Arrival:
    """One of many."""
    return Arrival(customer, str(index), Signature(1, index, 1, 1), 0.0, "scan")


@asynccontextmanager
async def running(outlet: Outlet) -> AsyncIterator[None]:
    """Run it for a while."""
    task = asyncio.create_task(outlet.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_single_image_is_not_behind_another_customers_backlog() -> None:
    """It stands behind what is in the queue already, and behind one of the backlog."""
    outlet = Outlet(4, 10_000, lambda name: None)
    for index in range(5000):
        assert outlet.put(arrival("big", index))
    async with running(outlet):
        await asyncio.sleep(0)
        outlet.put(arrival("small", 1))
        order = [(await outlet.arrivals.get()).customer for _ in range(8)]
    assert "small" in order


async def test_each_line_keeps_its_order() -> None:
    """What came first is served first."""
    outlet = Outlet(2, 100, lambda name: None)
    for index in range(50):
        for customer in ("a", "b", "c"):
            outlet.put(arrival(customer, index))
    async with running(outlet):
        served = [await outlet.arrivals.get() for _ in range(150)]
    for customer in ("a", "b", "c"):
        assert [int(x.path) for x in served if x.customer == customer] == list(range(50))
    assert len(outlet) == 0


async def test_a_full_line_refuses_and_tells_when_there_is_room() -> None:
    """Other lines are not concerned."""
    told: list[str] = []
    outlet = Outlet(1, 10, told.append)
    accepted = [outlet.put(arrival("a", index)) for index in range(12)]
    assert accepted == [True] * 10 + [False] * 2
    assert len(outlet) == 10
    assert outlet.put(arrival("b", 0))
    async with running(outlet):
        for _ in range(4):
            await outlet.arrivals.get()
        assert told == []
        for _ in range(7):
            await outlet.arrivals.get()
    assert told == ["a"]
