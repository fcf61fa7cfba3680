"""Signals and settings of a running gateway: reloaded, refused, stopped, forced."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.way.box import Box
from tests.way.images import ct, drop
from watcher.receiver.app import Running
from watcher.receiver.faults import Fault, Faults, Kind


async def test_changed_settings_are_taken_over_and_bad_ones_refused(
    box: Box, backend: Running
) -> None:
    """A changed file by itself, or SIGHUP; what cannot change while it runs is named."""
    settings = box.settings
    process = await box.start("run", "--settings", str(settings))
    try:
        await until((box.state / "control.sock").exists)
        drop(ct(1), box.drop / "north", "1.dcm")
        await until(lambda: not box.dropped())
        text = settings.read_text()
        replaced(settings, text + '[archive]\nafter_delivery = "keep"\n')
        await until(lambda: "settings-reloaded" in events(box))
        kept = drop(ct(2), box.drop / "north", "2.dcm")
        await until(lambda: sum(backend.receiver.shelf.images.values()) == 2)
        replaced(settings, text + '[archive]\nafter_delivery = "burn"\n')
        await until(lambda: "settings-refused" in events(box))
        drop(ct(3), box.drop / "north", "3.dcm")
        await until(lambda: sum(backend.receiver.shelf.images.values()) == 3)
        replaced(settings, text.replace("concurrency = 1", "concurrency = 2"))
        process.send_signal(signal.SIGHUP)
        await until(lambda: "settings-need-restart" in events(box))
        drop(ct(4), box.drop / "north", "4.dcm")
        await until(lambda: "4.dcm" not in {path.name for path in box.dropped()})
    finally:
        process.send_signal(signal.SIGTERM)
        said, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, said.decode()
    assert kept.exists()


async def test_a_second_signal_does_not_wait_for_the_backend(
    box: Box, backend: Running, faults: Faults
) -> None:
    """The first one waits for the answer under way; the second one ends with 0, nothing lost."""
    faults.script.append(Fault(Kind.DELAY, 20.0))
    drop(ct(1), box.drop / "north", "1.dcm")
    process = await box.start("run", "--settings", str(box.settings))
    await until((box.state / "control.sock").exists)
    await until(lambda: box.states() == {"staged": 1})
    await asyncio.sleep(0.5)  # until the request is under way
    process.send_signal(signal.SIGTERM)
    await asyncio.sleep(1.0)
    assert not process.stdout.at_eof() if process.stdout else False
    asked = time.monotonic()
    process.send_signal(signal.SIGTERM)
    said, _ = await asyncio.wait_for(process.communicate(), 15)
    assert process.returncode == 0, said.decode()
    assert time.monotonic() - asked < 10
    faults.script.clear()
    assert (await box.drain()).code == 0
    assert sorted(backend.receiver.shelf.images.values()) == [1]


def replaced(path: Path, text: str) -> None:
    """As an editor does it."""
    beside = path.with_suffix(".new")
    beside.write_text(text)
    os.replace(beside, path)


def events(box: Box) -> list[str]:
    return [line["event"] for line in box.log()]


async def until(condition: Callable[[], bool], within: float = 60.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - another process decides
            await asyncio.sleep(0.05)
