"""A sender that stops half-way for longer than the quiet time, at the worst place there is."""

from __future__ import annotations

import asyncio
import signal
import sqlite3

from tests.way.box import Box
from tests.way.images import ct, drop
from watcher.receiver.app import Running


async def test_a_file_that_looks_whole_without_its_pixels_is_taken_when_it_grows(
    box: Box, backend: Running
) -> None:
    """Cut between two elements, just before Pixel Data: it waits, and goes when it is whole."""
    whole = drop(ct(1), box.home / "elsewhere", "whole").read_bytes()
    at = whole.rindex(b"\xe0\x7f\x10\x00OW")
    folder = box.drop / "north"
    folder.mkdir(parents=True)
    process = await box.start("run", "--settings", str(box.settings))
    try:
        with (folder / "slow.dcm").open("wb") as sender:
            sender.write(whole[:at])
            sender.flush()
            async with asyncio.timeout(60):
                while not box.state.exists() or "not-whole" not in reasons(box):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            assert not backend.receiver.shelf.images
            sender.write(whole[at:])
        async with asyncio.timeout(60):
            while not backend.receiver.shelf.images:  # noqa: ASYNC110 - another process decides
                await asyncio.sleep(0.1)
    finally:
        process.send_signal(signal.SIGTERM)
        await process.communicate()
    assert list(backend.receiver.shelf.images.values()) == [1]


def reasons(box: Box) -> set[str]:
    try:
        return set(box.reasons())
    except sqlite3.OperationalError:
        return set()  # the ledger is just being made
