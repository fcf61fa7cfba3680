"""How a backlog goes, and when it has come to rest."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from watcher.store.queries import Tally


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a backlog stands: files waiting, files settled, files settled per second so far."""

    pending: int
    settled: int
    per_second: float

    @property
    def seconds_left(self) -> float | None:
        """Time to go at this rate, or None while there is none."""
        return self.pending / self.per_second if self.per_second > 0 else None


async def until_still(
    look: Callable[[], Awaitable[list[Tally]]],
    idle: Callable[[], bool],
    patience: float,
    tell: Callable[[Progress], None],
) -> None:
    """Return when everything that is here is settled, or nothing has moved for `patience`.

    `tell` is called four times a second, and once more at the end.
    """
    started = moved = time.monotonic()
    last: list[Tally] | None = None
    first_settled: int | None = None
    while True:
        tallies = await look()
        pending = sum(tally.pending for tally in tallies)
        settled = sum(tally.seen for tally in tallies) - pending
        first_settled = settled if first_settled is None else first_settled
        if tallies != last:
            last, moved = tallies, time.monotonic()
        rate = (settled - first_settled) / max(time.monotonic() - started, 0.001)
        tell(Progress(pending, settled, rate))
        if idle() and pending == 0:
            return
        if time.monotonic() - moved > patience:
            return
        await asyncio.sleep(0.25)
