"""The killable processes that touch bytes from outside: a crash, hang or bomb costs one file."""

from __future__ import annotations

import asyncio
import importlib
import os
import resource
import signal
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from types import TracebackType
from typing import Any, Self

from pebble import ProcessExpired, ProcessPool

from watcher import forking
from watcher.job import Job, Look, Ruling, Seen
from watcher.model import Deferred, Excluded, Outcome, Reason, Refused
from watcher.observe.capture import quiet_worker
from watcher.options import PixelOptions, ScrubOptions, WorkerOptions

# All that a worker needs of the environment; above all, no upload secret.
_ENVIRONMENT = frozenset({"PATH", "LANG", "LC_ALL", "TZ", "HOME", "TMPDIR", "VIRTUAL_ENV"})


def _start(memory: int) -> None:
    """Make a worker harmless: no secrets, no terminal, low priority, a bounded memory."""
    quiet_worker()
    for name in [name for name in os.environ if name not in _ENVIRONMENT]:
        del os.environ[name]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.nice(5)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + memory, most))


def _address_space() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def _call(name: str, argument: Any) -> Any:
    # By name, so that only the workers load pydicom, deid and the codecs.
    module = "watcher.seeing" if name in ("look", "rule") else "watcher.prepare"
    return getattr(importlib.import_module(module), name)(argument)


class Workers:
    """A pool of worker processes, as an async context manager."""

    def __init__(self, options: WorkerOptions) -> None:
        self.size = options.processes or os.cpu_count() or 1
        self._timeout = options.timeout
        self._pool = ProcessPool(
            max_workers=self.size,
            max_tasks=2000,
            initializer=_start,
            initargs=(options.memory,),
            context=forking.context(),
        )

    async def prepare(self, job: Job) -> Outcome:
        """Run one job. A worker that died or hung gives a Deferred with WORKER_LOST or TIMEOUT."""
        outcome: Outcome = await self._run("prepare", job)
        return outcome

    async def look(self, look: Look) -> Seen | Refused | Excluded | Deferred:
        """What a person is to see of one file; as `prepare`."""
        seen: Seen | Refused | Excluded | Deferred = await self._run("look", look)
        return seen

    async def rule(self, ruling: Ruling) -> str | Refused | Excluded | Deferred:
        """The site's recipe with one more device rule; as `prepare`."""
        whole: str | Refused | Excluded | Deferred = await self._run("rule", ruling)
        return whole

    async def _run(self, name: str, argument: Any) -> Any:
        future = self._pool.schedule(_call, args=(name, argument), timeout=self._timeout)
        try:
            return await asyncio.wrap_future(future)
        except FutureTimeoutError:
            return Deferred(Reason.TIMEOUT)
        except (ProcessExpired, CancelledError):
            return Deferred(Reason.WORKER_LOST)

    async def verify(self, options: list[tuple[ScrubOptions, PixelOptions]]) -> list[str]:
        """Run `watcher.prepare.verify` in a worker. Raises ConfigError."""
        future = self._pool.schedule(_call, args=("verify", options), timeout=self._timeout)
        lines: list[str] = await asyncio.wrap_future(future)
        return lines

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.stop()
        await asyncio.to_thread(self._pool.join)
