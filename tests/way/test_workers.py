"""Worker processes: a crash, a hang or a bomb costs one file, and secrets stay outside."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import Any

import pytest

from watcher import workers
from watcher.model import Deferred, Reason
from watcher.options import WorkerOptions

OPTIONS = WorkerOptions(processes=1, timeout=3.0, memory=512 << 20)


def behave(name: str, argument: Any) -> Any:
    """Stands in for the call into watcher.prepare; runs in the worker."""
    match name, argument:
        case "prepare", "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "prepare", "hang":
            time.sleep(60)
        case "prepare", "bomb":
            return len(bytearray(2 << 30))
        case "prepare", "environment":
            return sorted(os.environ)
    return argument


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> workers.Workers:
    """A pool that runs `behave`."""
    monkeypatch.setattr(workers, "_call", behave)
    monkeypatch.setenv("WATCHER_SECRET", "hunter2")
    return workers.Workers(OPTIONS)


async def test_a_crash_and_a_hang_cost_only_themselves(pool: workers.Workers) -> None:
    """Neighbours that wait behind them are answered by the next process."""
    async with pool:
        ends: list[Any] = await asyncio.gather(
            *(pool.prepare(job) for job in ("crash", "good", "hang", "last"))  # type: ignore[arg-type]
        )
    lost, late = Deferred(Reason.WORKER_LOST), Deferred(Reason.TIMEOUT)
    assert ends == [lost, "good", late, "last"]


async def test_memory_is_capped(pool: workers.Workers) -> None:
    """What grows beyond the cap fails inside the worker; the machine does not swap."""
    async with pool:
        with pytest.raises(MemoryError):
            await pool.prepare("bomb")  # type: ignore[arg-type]


async def test_no_secret_is_in_a_workers_environment(pool: workers.Workers) -> None:
    """Only what a process needs to run."""
    async with pool:
        names: Any = await pool.prepare("environment")  # type: ignore[arg-type]
    assert "PATH" in names
    assert not [name for name in names if name.startswith("WATCHER_")]
