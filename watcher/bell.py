"""Small tools of the loops: a wake-up that cannot be missed, and patience with a full disk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from watcher.errors import DeferredError

T = TypeVar("T")


class Bell:
    """An event with a time limit, cleared by the one who waits."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake the waiter now, or at its next wait."""
        self._event.set()

    async def wait(self, seconds: float | None) -> None:
        """Until it rings, or `seconds` have passed."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            pass
        self._event.clear()


async def insist(work: Callable[..., Awaitable[T]], *arguments: Any) -> T:
    """Do `work`, again and again while the ledger has no room: what is known must not be lost."""
    wait = 0.2
    while True:
        try:
            return await work(*arguments)
        except DeferredError:
            await asyncio.sleep(wait)
            wait = min(wait * 2, 10.0)


async def cancel(tasks: set[asyncio.Task[Any]]) -> None:
    """Cancel these and wait until they are gone."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
