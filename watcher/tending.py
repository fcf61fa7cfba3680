"""What happens beside the work: originals disposed of, the disk watched, the balance checked."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from watcher import auditing
from watcher.bell import Bell, insist
from watcher.errors import DeferredError
from watcher.observe.log import Log
from watcher.pipeline import Pipeline
from watcher.store import clocks, queries
from watcher.store.audit import Audit, Head
from watcher.store.disk import Disk
from watcher.store.queries import FIRST, Place
from watcher.store.writer import Writer

_IDLE = 30.0
_AGAIN = 0.5
_LINGER = 0.2
_AT_ONCE = 256
_BALANCE_EVERY = 60
_DRIFT = 2.0


@dataclass
class ClockWatch:
    """Tells a wall clock that was set from time that has passed; Unix and monotonic seconds."""

    wall: float
    steady: float

    def jump(self, wall: float, steady: float) -> float:
        """By how many seconds the clock was set since the last look; a slow drift is none."""
        by = (wall - self.wall) - (steady - self.steady)
        self.wall, self.steady = wall, steady
        return by if abs(by) > _DRIFT else 0.0


class Tending:
    """The quiet loops."""

    def __init__(
        self,
        pipeline: Pipeline,
        writer: Writer,
        disk: Disk,
        log: Log,
        audit: Audit,
        state: Path,
        on_room: Callable[[], None],
        on_clock_set: Callable[[], None],
    ) -> None:
        self._pipeline = pipeline
        self._writer = writer
        self._disk = disk
        self._log = log
        self._audit = audit
        self._state = state
        self._head: Head | None = None
        self._on_room = on_room
        self._on_clock_set = on_clock_set
        self._leftovers = Bell()
        self._disposing = asyncio.Lock()

    def ring(self) -> None:
        """An original may be disposed of now."""
        self._leftovers.ring()

    def loops(self) -> list[Coroutine[Any, Any, None]]:
        """All of them."""
        return [
            self._dispose(),
            self._watch_disk(),
            self._check_balance(),
            self._keep_head(),
            self._watch_clock(),
        ]

    async def dispose_all(self) -> int:
        """Dispose of everything that is settled by now; returns how many have to be tried again."""
        place: Place | None = FIRST
        left = 0
        async with self._disposing:  # a stop and the quiet loop must not take the same originals
            while place is not None:  # past those that cannot be had now: they hold up nobody
                failed, place = await insist(self._pipeline.dispose, _AT_ONCE, place)
                left += failed
        return left

    async def note_head(self) -> None:
        """Keep the audit's newest line in a file of its own, once it is durable in the ledger."""
        head = await self._writer.run(lambda ledger: self._audit.head(ledger.connection))
        if head != self._head:
            with contextlib.suppress(OSError):  # no room: the next one will tell as much
                await asyncio.to_thread(auditing.note_head, self._state, head)
                self._head = head

    async def _keep_head(self) -> None:
        while True:
            await insist(self.note_head)
            await asyncio.sleep(1.0)

    async def _dispose(self) -> None:
        wait = _AGAIN
        while True:
            wait = min(_IDLE, wait * 2) if await self.dispose_all() else _AGAIN
            await self._leftovers.wait(_IDLE if wait == _AGAIN else wait)
            await asyncio.sleep(_LINGER)  # many originals cost little more than one

    async def _watch_disk(self) -> None:
        while True:
            if await asyncio.to_thread(self._disk.look):
                name = "disk-open" if self._disk.open else "disk-full"
                self._log.event(name, free=self._disk.free)
                self._on_room()
            await asyncio.sleep(1.0)

    async def _watch_clock(self) -> None:
        watch = ClockWatch(time.time(), time.monotonic())
        while True:
            await asyncio.sleep(1.0)
            jump = watch.jump(time.time(), time.monotonic())
            if jump:
                self._log.event("clock-set", level="warning", seconds=round(jump))
                await insist(self._follow_clock, jump)
                self._on_clock_set()

    async def _follow_clock(self, jump: float) -> None:
        await self._writer.run(lambda ledger: clocks.follow(ledger, jump))

    async def _check_balance(self) -> None:
        while True:
            with contextlib.suppress(DeferredError):  # the next look will tell
                for customer in sorted(await asyncio.to_thread(self._out_of_balance)):
                    self._log.event("out-of-balance", level="error", customer=customer)
            await asyncio.sleep(_BALANCE_EVERY)

    def _out_of_balance(self) -> set[str]:
        with queries.looking(self._state / "ledger.sqlite") as db:
            return queries.out_of_balance(db)
