"""The killable processes that touch bytes from outside: a crash, hang or bomb costs one file."""

from __future__ import annotations

import asyncio
import importlib
import os
import resource
import select
import signal
import threading
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from watcher import forking
from watcher.job import Job, Look, Ruling, Seen
from watcher.model import Deferred, Excluded, Outcome, Reason, Refused
from watcher.observe.capture import quiet_worker
from watcher.options import PixelOptions, ScrubOptions, WorkerOptions

_NICE = 10  # the loop that feeds them comes first, and so does an image that must not wait
# All that a worker needs of the environment; above all, no upload secret.
_ENVIRONMENT = frozenset({"PATH", "LANG", "LC_ALL", "TZ", "HOME", "TMPDIR", "VIRTUAL_ENV"})


def _start(memory: int, nice: int, gateway: int) -> None:
    """Make a worker harmless: no secrets, no terminal, low priority, a bounded memory."""
    quiet_worker()
    threading.Thread(target=_end_with, args=(gateway,), daemon=True).start()
    for name in [name for name in os.environ if name not in _ENVIRONMENT]:
        del os.environ[name]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.nice(nice)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + memory, most))


def _end_with(gateway: int) -> None:
    """Die with the gateway, also in the middle of a job: the next gateway does that anew, and two
    at work on one outbox would clear away each other's files.
    """
    with suppress(ProcessLookupError):  # it is gone already
        select.select([os.pidfd_open(gateway)], [], [])
    os.kill(os.getpid(), signal.SIGKILL)


def _address_space() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def _call(name: str, argument: Any) -> Any:
    # By name, so that only the workers load pydicom, deid and the codecs.
    module = "watcher.seeing" if name in ("look", "rule") else "watcher.prepare"
    return getattr(importlib.import_module(module), name)(argument)


def _pool(options: WorkerOptions, size: int, nice: int) -> ProcessPool:
    return ProcessPool(
        max_workers=size,
        max_tasks=2000,
        initializer=_start,
        initargs=(options.memory, nice, os.getpid()),
        context=forking.context(),
    )


class Workers:
    """A pool of worker processes, as an async context manager.

    With `spare` there is one process more, of a higher priority, for what must not wait.
    """

    def __init__(self, options: WorkerOptions, *, spare: bool = False) -> None:
        self.size = options.processes or os.cpu_count() or 1
        self._timeout = options.timeout
        self._pool = _pool(options, self.size, _NICE)
        self._spare = _pool(options, 1, 0) if spare else self._pool

    async def prepare(self, job: Job, *, spare: bool = False) -> Outcome:
        """Run one job. A worker that died or hung gives a Deferred with WORKER_LOST or TIMEOUT."""
        outcome: Outcome = await self._run("prepare", job, self._spare if spare else self._pool)
        return outcome

    async def look(self, look: Look) -> Seen | Refused | Excluded | Deferred:
        """What a person is to see of one file; as `prepare`."""
        seen: Seen | Refused | Excluded | Deferred = await self._run("look", look, self._spare)
        return seen

    async def rule(self, ruling: Ruling) -> str | Refused | Excluded | Deferred:
        """The site's recipe with one more device rule; as `prepare`."""
        whole: str | Refused | Excluded | Deferred = await self._run("rule", ruling, self._spare)
        return whole

    async def _run(self, name: str, argument: Any, pool: ProcessPool) -> Any:
        future = pool.schedule(_call, args=(name, argument), timeout=self._timeout)
        try:
            return await asyncio.wrap_future(future)
        except FutureTimeoutError:
            return Deferred(Reason.TIMEOUT)
        except (ProcessExpired, CancelledError):
            return Deferred(Reason.WORKER_LOST)

    async def verify(self, options: list[tuple[ScrubOptions, PixelOptions]]) -> list[str]:
        """Run `watcher.prepare.verify` in a worker. Raises ConfigError."""
        lines: list[str] = await asyncio.wrap_future(self._verify(self._pool, options))
        if self._spare is not self._pool:
            self._verify(self._spare, options)  # so that it has loaded everything when it is needed
        return lines

    def _verify(
        self, pool: ProcessPool, options: list[tuple[ScrubOptions, PixelOptions]]
    ) -> ProcessFuture[Any]:
        return pool.schedule(_call, args=("verify", options), timeout=self._timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for pool in {self._pool, self._spare}:
            pool.stop()
        for pool in {self._pool, self._spare}:
            await asyncio.to_thread(pool.join)
