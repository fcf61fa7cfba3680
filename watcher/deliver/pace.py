"""The bandwidth cap of one destination, shared by all of its requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


class Pace:
    """Lets bytes through at a steady rate; a rate of 0 means no cap."""

    def __init__(self, rate: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._free_at = 0.0

    def due(self, size: int) -> float:
        """Book `size` bytes; returns the seconds to wait before they may go."""
        if not self._rate:
            return 0.0
        now = self._clock()
        start = max(now, self._free_at)
        self._free_at = start + size / self._rate
        return start - now

    async def take(self, size: int) -> None:
        """Wait until `size` bytes may go."""
        wait = self.due(size)
        if wait > 0:
            await asyncio.sleep(wait)
