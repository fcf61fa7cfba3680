"""The way out of intake: one line for each customer, served in turn into one bounded queue."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from watcher.intake.arrival import Arrival


class Outlet:
    """Keeps one customer's backlog from standing in front of another's single image.

    `limit` bounds each line. `on_room` is told a customer's name when half of its line is free.
    """

    def __init__(self, queue_size: int, limit: int, on_room: Callable[[str], None]) -> None:
        self.arrivals: asyncio.Queue[Arrival] = asyncio.Queue(queue_size)
        self.limit = limit
        self._on_room = on_room
        self._lines: dict[str, deque[Arrival]] = {}
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return sum(len(line) for line in self._lines.values())

    def put(self, arrival: Arrival) -> bool:
        """Line one arrival up; False when the line is full."""
        line = self._lines.get(arrival.customer)
        if line is None:
            line = self._lines[arrival.customer] = deque()
        elif len(line) >= self.limit:
            return False
        line.append(arrival)
        self._filled.set()
        return True

    async def run(self) -> None:
        """Move arrivals from the lines into the queue for ever, waiting when it is full."""
        while True:
            self._filled.clear()
            while self._lines:
                await self.arrivals.put(self._next())
            await self._filled.wait()

    def _next(self) -> Arrival:
        # The customer who is served goes to the end of the dict.
        customer, line = next(iter(self._lines.items()))
        del self._lines[customer]
        arrival = line.popleft()
        if line:
            self._lines[customer] = line
        if len(line) == self.limit // 2:
            self._on_room(customer)
        return arrival
