"""The killable processes that touch bytes from outside: a crash, hang or bomb costs one file."""

from __future__ import annotations

import asyncio
import importlib
import multiprocessing
import os
import resource
import signal
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from multiprocessing.context import BaseContext
from types import TracebackType
from typing import Any, Self

from pebble import ProcessExpired, ProcessPool

from watcher.job import Job
from watcher.model import Deferred, Outcome, Reason
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
    return getattr(importlib.import_module("watcher.prepare"), name)(argument)


def _context() -> BaseContext:
    # The fork server imports the heavy libraries once; a worker is then there in milliseconds,
    # and none of them inherits the event loop, the ledger's connection or a socket.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["watcher.prepare"])
    return context


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
            context=_context(),
        )

    async def prepare(self, job: Job) -> Outcome:
        """Run one job. A worker that died or hung gives a Deferred with WORKER_LOST or TIMEOUT."""
        future = self._pool.schedule(_call, args=("prepare", job), timeout=self._timeout)
        try:
            outcome: Outcome = await asyncio.wrap_future(future)
        except FutureTimeoutError:
            return Deferred(Reason.TIMEOUT)
        except (ProcessExpired, CancelledError):
            return Deferred(Reason.WORKER_LOST)
        return outcome

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
