"""Operations on files that fail: no room, no disk, no descriptors. Nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.way.box import Box
from tests.way.disk import CHANGES, GROWS, OPENS, READS, FaultyDisk, compiled
from tests.way.images import ct, drop
from tests.way.nursery import Nursery
from watcher.receiver.app import Running

IMAGES = 4
KINDS = {errno.ENOSPC: GROWS, errno.EIO: OPENS | GROWS | READS | CHANGES, errno.EMFILE: OPENS}
# All of them, or each third: then what comes later in a step fails, too.
PHASES = {errno.ENOSPC: ((3, 1),), errno.EIO: ((1, 0), (3, 1)), errno.EMFILE: ((3, 1),)}
PLACES = ("/outbox/", "/archive", "/quarantine", "/local_dcm", "/log", "/keys", "/ledger", "")


@pytest.fixture
def disk(box: Box, tmp_path: Path) -> FaultyDisk:
    """The disk of the box, below the gateway and its workers."""
    library = compiled()
    if library is None:
        pytest.skip("no C compiler here to build the failing disk with")
    return FaultyDisk(box.home, tmp_path / "kept", library)


@pytest.mark.parametrize("number", KINDS, ids=lambda number: errno.errorcode[number])
async def test_operations_that_fail_under_way_cost_only_time(
    box: Box, backend: Running, disk: FaultyDisk, number: int
) -> None:
    """In one place after the other operations fail for a moment; the gateway lives on.

    Each time there are images to deliver, one of them twice, and a file to put into quarantine.
    """
    settings, said = box.settings, box.home.parent / "said"
    expected: Counter[str] = Counter()
    disk.begin()
    async with Nursery(**disk.environment) as nursery:
        process = await nursery.start(settings, said)
        ended = asyncio.create_task(nursery.ended(within=600))

        def settled() -> bool:
            assert not ended.done(), said.read_text()
            return box.states() == expected

        await until((box.state / "control.sock").exists)
        for place in PLACES:
            for every, phase in PHASES[number]:
                disk.fail(number, KINDS[number], every, phase, place)
                expected.update(arrive(box, expected.total()))
                await asyncio.sleep(0.4)
                disk.fail(0, 0, 0, 0)
                await until(settled)
        await until(lambda: len(box.dropped()) == expected["quarantined"])
        os.kill(process, signal.SIGTERM)
        assert await ended == 0, said.read_text()
    everything(box, backend, expected)


def arrive(box: Box, first: int) -> Counter[str]:
    """Two images, one of them twice, and one that has no UID; returns what becomes of them."""
    nameless = ct(first)
    del nameless.SOPInstanceUID
    for name, image in enumerate((ct(first), ct(first + 1), ct(first + 1), nameless)):
        drop(image, box.drop / "north", f"{first}-{name}.dcm")
    return Counter(delivered=2, duplicate=1, quarantined=1)


@pytest.mark.parametrize("number", KINDS, ids=lambda number: errno.errorcode[number])
async def test_operations_that_fail_at_the_start_are_for_the_next_start(
    box: Box, backend: Running, disk: FaultyDisk, number: int
) -> None:
    """A start may end with a sentence; the next one, on a sound disk, takes up everything."""
    settings, said = box.settings, box.home.parent / "said"
    for image in range(IMAGES):
        drop(ct(image), box.drop / "north", f"{image}.dcm")
    disk.begin()
    async with Nursery(**disk.environment) as nursery:
        for every, phase in ((1, 0), (3, 1), (7, 5), (17, 16)):
            disk.fail(number, KINDS[number], every, phase)
            await nursery.start(settings, said, "--drain", "--patience", "1")
            assert await nursery.ended() >= 0, said.read_text()
        disk.fail(0, 0, 0, 0)
        await nursery.start(settings, said, "--drain")
        assert await nursery.ended() == 0, said.read_text()
    everything(box, backend, Counter(delivered=IMAGES))


def everything(box: Box, backend: Running, expected: Counter[str]) -> None:
    """All files are where they belong, once."""
    assert box.states() == expected
    assert sorted(backend.receiver.shelf.images.values()) == [1] * expected["delivered"]
    assert len(box.archived()) == expected["delivered"] + expected["duplicate"]
    assert len(box.dropped()) == expected["quarantined"]


async def until(condition: Callable[[], bool], within: float = 60.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - another process decides
            await asyncio.sleep(0.05)
