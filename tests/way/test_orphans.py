"""A gateway that is killed leaves no process behind."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.way.box import Box
from tests.way.images import ct, drop
from watcher.receiver.app import Running


def processes_of(box: Box) -> list[int]:
    """Those whose working folder is the box."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink() == box.home.resolve():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def at_work(box: Box) -> bool:
    """Whether a file has been claimed for a worker."""
    if not (box.state / "control.sock").exists():
        return False
    with box.ledger() as db:
        return bool(db.execute("SELECT 1 FROM instances WHERE attempts > 0").fetchone())


async def test_workers_end_with_a_killed_gateway(box: Box, backend: Running) -> None:
    """Fork server and workers notice that nobody is there any more."""
    process = await box.start("run", "--settings", str(box.settings))
    async with asyncio.timeout(60):
        while not (box.state / "control.sock").exists():  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    assert len(processes_of(box)) > 1
    process.kill()
    await process.wait()
    async with asyncio.timeout(20):
        while processes_of(box):  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.1)


async def test_a_worker_ends_with_a_killed_gateway_in_the_middle_of_a_job(
    box: Box, backend: Running
) -> None:
    """The next gateway does the job anew, and must be alone with the outbox."""
    drop(ct(1), box.drop / "north", "long.dcm")
    process = await box.start("-m", "tests.way.slow", str(box.settings), "60")
    async with asyncio.timeout(60):
        while not at_work(box):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    await asyncio.sleep(1)
    process.kill()
    async with asyncio.timeout(20):
        await process.wait()  # and until nobody holds its output any more
        while processes_of(box):  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.1)
