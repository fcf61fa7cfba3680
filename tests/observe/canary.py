"""Says a canary through every channel there is, under an open Log; run by a test.

argv: the log's folder, and what to be: `main` or `worker`.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import os
import subprocess
import sys
import threading
import traceback
import warnings
from pathlib import Path

from watcher.errors import DeferredError
from watcher.model import Reason, State
from watcher.observe.capture import quiet_worker
from watcher.observe.log import Log
from watcher.options import LogOptions

CANARY = "CANARY^JANE 19700101"


class PatientError(Exception):
    """A library's error, with the patient in its message."""


class Unlucky:
    """Fails when it is collected."""

    def __del__(self) -> None:
        raise PatientError(CANARY)


def fail() -> None:
    """Raise with the canary, chained."""
    try:
        raise KeyError(CANARY)
    except KeyError as error:
        raise PatientError(CANARY) from error


def say_in_log(log: Log) -> None:
    """Through our own functions, wrongly used."""
    log.event("strange", detail=CANARY, patient=CANARY, customer=CANARY, id=CANARY, rule=CANARY)
    log.event(CANARY)
    log.event("numbers", count=3, share=0.5, yes=True, reason=Reason.CORRUPT)
    log.moved(CANARY, CANARY, State.QUARANTINED, reason=Reason.CORRUPT, detail=CANARY)
    log.moved("0011aabb", "north", State.STAGED, steps_ms={CANARY: 1.0, "scrub": 2.0})


def say_in_logging() -> None:
    """As libraries do."""
    for name in ("pydicom", "deid", "watchdog", "aiohttp.access", "asyncio", CANARY):
        logger = logging.getLogger(name)
        for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
            logger.log(level, "value %s", CANARY, extra={"patient": CANARY})
        logger.error("too few %s %s", CANARY)  # noqa: PLE1206 the formatting itself fails
        try:
            fail()
        except PatientError:
            logger.exception(CANARY)
    logging.warning(CANARY)  # noqa: LOG015 as a library would


def say_in_warnings() -> None:
    """One of each common category."""
    for category in (UserWarning, RuntimeWarning, DeprecationWarning, ResourceWarning):
        warnings.warn(CANARY, category, stacklevel=1)
    warnings.warn_explicit(CANARY, UserWarning, f"/data/{CANARY}.dcm", 1)


def say_in_crashes() -> None:
    """In a thread, and where nobody can catch it."""
    thread = threading.Thread(target=fail, name=CANARY)
    thread.start()
    thread.join()
    Unlucky()
    gc.collect()


async def say_in_asyncio() -> None:
    """In a task that nobody awaits, in a callback, and in a group."""
    loop = asyncio.get_running_loop()

    async def failing() -> None:
        fail()

    task: asyncio.Task[None] | None = asyncio.create_task(failing(), name=CANARY)
    loop.call_soon(fail)
    await asyncio.sleep(0.01)
    assert task is not None
    task = None
    gc.collect()
    loop.call_exception_handler({"message": CANARY, "patient": CANARY})
    await asyncio.sleep(0.01)


async def main(folder: Path) -> None:
    """All of it, then a crash of the whole program."""
    warnings.simplefilter("always")
    logging.getLogger().setLevel(logging.DEBUG)
    log = Log.open(folder, LogOptions(level="debug"))
    say_in_log(log)
    say_in_logging()
    say_in_warnings()
    say_in_crashes()
    await say_in_asyncio()
    logging.getLogger("watchdog").propagate = True
    threading.Thread(target=sys.exit, args=(CANARY,)).start()
    raise ExceptionGroup(CANARY, [DeferredError(Reason.CHANGED, CANARY), PatientError(CANARY)])


def worker() -> None:
    """All that a worker could print, in Python, in C, and in a child of its own."""
    quiet_worker()
    warnings.simplefilter("always")
    print(CANARY)
    print(CANARY, file=sys.stderr)
    os.write(1, CANARY.encode())
    os.write(2, CANARY.encode())
    ctypes.CDLL(None).puts(CANARY.encode())
    ctypes.CDLL(None).fflush(None)
    subprocess.run(["echo", CANARY], check=True)
    logging.basicConfig(force=True)
    say_in_logging()
    say_in_warnings()
    say_in_crashes()
    try:
        fail()
    except PatientError:
        traceback.print_exc()
    fail()


if __name__ == "__main__":
    if sys.argv[2] == "worker":
        worker()
    asyncio.run(main(Path(sys.argv[1])))
