"""Customers are served in turn, and a full line loses nothing in silence."""

from __future__ import annotations

import asyncio

from watcher.intake.arrival import Arrival
from watcher.intake.outlet import Outlet
from watcher.model import Signature


def arrival(customer: str, index: int) -> Arrival:
    """One of many."""
    return Arrival(customer, str(index), Signature(1, index, 1, 1), 0.0, "scan")


async def take(outlet: Outlet, most: int) -> list[Arrival]:
    """A share, which is written down at once."""
    share = await outlet.take(most)
    outlet.taken(share[0].customer)
    return share


async def test_a_single_image_does_not_wait_until_another_customers_share_is_written_down() -> None:
    """However many are in the backlog, and however long the ledger takes over it."""
    outlet = Outlet(10_000, lambda name: None)
    for index in range(5000):
        assert outlet.put(arrival("big", index))
    assert len(await outlet.take(16)) == 16
    outlet.put(arrival("small", 1))
    assert [each.customer for each in await outlet.take(16)] == ["small"]
    next_share = asyncio.create_task(outlet.take(16))
    await asyncio.sleep(0.01)
    assert not next_share.done(), "nobody is left whose last share is written down"
    assert len(outlet) == 5001
    outlet.taken("big")
    assert [each.path for each in await next_share] == [str(index) for index in range(16, 32)]


async def test_each_line_keeps_its_order_and_customers_take_turns() -> None:
    """What came first is served first."""
    outlet = Outlet(100, lambda name: None)
    for index in range(50):
        for customer in ("a", "b", "c"):
            outlet.put(arrival(customer, index))
    shares = [await take(outlet, 7) for _ in range(24)]
    assert [share[0].customer for share in shares] == ["a", "b", "c"] * 8
    served = [each for share in shares for each in share]
    for customer in ("a", "b", "c"):
        assert [int(x.path) for x in served if x.customer == customer] == list(range(50))
    assert len(outlet) == 0


async def test_a_full_line_refuses_and_tells_when_there_is_room() -> None:
    """Other lines are not concerned."""
    told: list[str] = []
    outlet = Outlet(10, told.append)
    accepted = [outlet.put(arrival("a", index)) for index in range(12)]
    assert accepted == [True] * 10 + [False] * 2
    assert len(outlet) == 10
    assert outlet.put(arrival("b", 0))
    assert len(await take(outlet, 4)) == 4
    assert len(await take(outlet, 4)) == 1
    assert told == []
    assert len(await take(outlet, 4)) == 4
    assert told == ["a"]
    assert len(await take(outlet, 4)) == 2
    assert told == ["a"]
