"""An Intake that runs on a drop folder with a real inotify."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from watcher.intake import Arrival, Intake
from watcher.options import IntakeOptions


@dataclass
class Running:
    """A running Intake and what it hands out."""

    intake: Intake
    root: Path

    async def take(self, count: int, within: float = 10.0) -> list[Arrival]:
        """Exactly `count` arrivals; fails when they do not come in time."""
        async with asyncio.timeout(within):
            return [await self.one() for _ in range(count)]

    async def one(self) -> Arrival:
        """The next arrival, which is written down at once."""
        (arrival,) = await self.intake.take(1)
        self.intake.taken(arrival.customer)
        return arrival

    async def take_all(self, still: float = 0.5) -> list[Arrival]:
        """Arrivals until none has come for `still` seconds."""
        arrivals = []
        with contextlib.suppress(TimeoutError):
            while True:
                async with asyncio.timeout(still):
                    arrivals.append(await self.one())
        return arrivals

    async def until(self, true: Callable[[], object], within: float = 10.0) -> None:
        """Wait until something holds."""
        end = time.monotonic() + within
        while not true():
            assert time.monotonic() < end, "did not come true in time"
            await asyncio.sleep(0.01)

    async def armed(self, *customers: str) -> None:
        """Wait until these customers' folders are watched and were scanned since."""
        await self.until(
            lambda: all(
                name in self.intake.health.customers
                and self.intake.health.customers[name].last_scan is not None
                for name in customers
            )
        )


@asynccontextmanager
async def running(root: Path, **options: object) -> AsyncIterator[Running]:
    """Run an Intake on `root`; by default only events and the first scan can be what is seen."""
    async with at_work(Intake(options_of(root, **options)), root) as house:
        yield house


def options_of(root: Path, **options: object) -> IntakeOptions:
    """A short rest, and no second scan unless something asks for it."""
    usual = {"root": root, "scan_every": 3600.0, "quiet_without_close": 0.3}
    return IntakeOptions.model_validate({**usual, **options})


@asynccontextmanager
async def at_work(intake: Intake, root: Path) -> AsyncIterator[Running]:
    """Let an Intake run, and stop it."""
    task = asyncio.create_task(intake.run())
    try:
        yield Running(intake, root)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def paths(arrivals: list[Arrival]) -> list[str]:
    """Their paths, in order."""
    return sorted(arrival.path for arrival in arrivals)


def old(path: Path) -> Path:
    """A small file that has been at rest for long."""
    path.write_bytes(b"1")
    return age(path)


def fill(folder: Path, count: int) -> None:
    """Many files at rest, `0`, `1` and so on: hard links, which are made faster than files."""
    first = old(folder / "0")
    for index in range(1, count):
        os.link(first, folder / str(index))


def make(folder: Path) -> None:
    """A folder, and those above it."""
    folder.mkdir(parents=True)


def move(source: Path, target: Path) -> None:
    """rename(2)."""
    source.rename(target)


def age(path: Path, seconds: float = 100.0) -> Path:
    """Make a file look as if it had been at rest for long."""
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path
