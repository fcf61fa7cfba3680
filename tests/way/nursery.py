"""Starts gateways quickly: a process that has loaded everything once and forks for each start.

Usage: python -m tests.way.nursery; a line with a settings file starts one, its pid and then its
exit status are answered. The fork server of the workers is shared and stays warm.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import signal
import sys
import time
import traceback
from multiprocessing import forkserver
from pathlib import Path
from typing import Any, Self

from tests.way import killer
from tests.way.box import ENVIRONMENT
from watcher import forking
from watcher.__main__ import main as main_of_watcher
from watcher.cli import run as _run  # noqa: F401 - loaded before the first fork
from watcher.cli import serving as _serving  # noqa: F401 - the same
from watcher.store import spool

KILL = "kill="
"""How a first argument begins that names a step, a space, and "before" or "after"; see killer."""
_DAY = float(os.environ.get("NURSERY_DAY", "0"))
"""How many seconds the archive's days have; 0: as many as ours."""


def main() -> None:
    """Serve starts until the input ends."""
    server: Any = forkserver
    if _DAY:
        spool.day_of = lambda now: f"{now // _DAY:.0f}"
    context = forking.context()
    context.set_forkserver_preload(["tests.way.warm"])
    for line in sys.stdin:
        settings, said, *more = line.rstrip("\n").split("\t")
        _have_fork_server(context)
        pid = os.fork()
        if pid == 0:
            # A forked gateway is no parent of the fork server and may not ask whether it runs.
            server._forkserver.ensure_running = server.ensure_running = lambda: None
            _gateway(settings, said, more)
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _have_fork_server(context: Any) -> None:
    """It does not survive a client that dies while it asks, and may only be about to find out:
    who has answered us is past all that."""
    while True:
        forkserver.ensure_running()
        try:
            asked = context.Process(target=int)
            asked.start()
        except (OSError, EOFError):
            time.sleep(0.01)
            continue
        asked.join()
        return


def _gateway(settings: str, said: str, more: list[str]) -> None:
    output = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for stream in (1, 2):
        os.dup2(output, stream)
    if more and more[0].startswith(KILL):
        step, when = more.pop(0).removeprefix(KILL).split(" ")
        killer.arm(step, when)
    faulthandler.register(signal.SIGUSR1, all_threads=True)  # to ask one that hangs where it is
    try:
        sys.argv = ["watcher", "run", "--settings", settings, *more]
        main_of_watcher()
    except SystemExit as end:
        sys.stdout.flush()
        os._exit(end.code if isinstance(end.code, int) else 1)
    except BaseException:  # noqa: BLE001 - told here, whatever it is
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(1)


class Nursery:
    """The process above, as an async context manager."""

    def __init__(self, **environment: str) -> None:
        self._environment = {**ENVIRONMENT, **environment}
        self._process: asyncio.subprocess.Process

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.way.nursery",
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._process.wait()

    async def start(self, settings: Path, said: Path, *arguments: str) -> int:
        """Start a gateway; returns its process id. `ended` must be awaited before the next."""
        assert self._process.stdin is not None
        self._process.stdin.write(
            "\t".join((str(settings), str(said), *arguments)).encode() + b"\n"
        )
        return await self._number()

    async def ended(self, within: float = 120.0) -> int:
        """Wait for its end; returns the exit code, negative for a signal."""
        async with asyncio.timeout(within):
            return await self._number()

    async def _number(self) -> int:
        assert self._process.stdout is not None
        return int(await self._process.stdout.readline())


if __name__ == "__main__":
    main()
