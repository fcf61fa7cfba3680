"""A gateway that is killed leaves no process behind."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.way.box import Box
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
