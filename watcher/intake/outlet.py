"""The way out of intake: one line for each customer, served in turn, a share at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from watcher.intake.arrival import Arrival


class Outlet:
    """Keeps one customer's backlog from standing in front of another's single image.

    A customer whose last share is not written down yet is passed over, and holds up nobody.
    `limit` bounds each line. `on_room` is told a customer's name when half of its line is free.
    """

    def __init__(self, limit: int, on_room: Callable[[str], None]) -> None:
        self.limit = limit
        self._on_room = on_room
        self._lines: dict[str, deque[Arrival]] = {}
        self._out: dict[str, int] = {}
        self._change = asyncio.Event()

    def __len__(self) -> int:
        """Arrivals that are not written down yet."""
        return sum(len(line) for line in self._lines.values()) + sum(self._out.values())

    def put(self, arrival: Arrival) -> bool:
        """Line one arrival up; False when the line is full."""
        line = self._lines.get(arrival.customer)
        if line is None:
            line = self._lines[arrival.customer] = deque()
        elif len(line) >= self.limit:
            return False
        line.append(arrival)
        self._change.set()
        return True

    def has_room(self, customer: str) -> bool:
        """Whether half of this customer's line is free."""
        return len(self._lines.get(customer, ())) <= self.limit // 2

    async def take(self, most: int) -> list[Arrival]:
        """At most so many of one customer, who has to be named in `taken` before the next share."""
        while (customer := self._next()) is None:
            self._change.clear()
            await self._change.wait()
        line = self._lines.pop(customer)
        before = len(line)
        share = [line.popleft() for _ in range(min(most, before))]
        if line:
            self._lines[customer] = line  # who was served goes to the end
        self._out[customer] = len(share)
        if len(line) <= self.limit // 2 < before:
            self._on_room(customer)
        return share

    def taken(self, customer: str) -> None:
        """This customer's share is written down."""
        del self._out[customer]
        self._change.set()

    def _next(self) -> str | None:
        return next((name for name in self._lines if name not in self._out), None)
