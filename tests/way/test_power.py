"""Power cuts: what was not synced is gone. Nothing is lost, nothing is accepted twice."""

from __future__ import annotations

import random
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from tests.way.box import Box
from tests.way.disk import MODES, FaultyDisk, Mode, compiled
from tests.way.images import ct, drop
from tests.way.nursery import Nursery
from watcher.receiver.app import Running
from watcher.receiver.faults import Fault, Faults, Kind

IMAGES = 6


@pytest.fixture
def disk(box: Box, tmp_path: Path) -> FaultyDisk:
    """The disk of the box, below the gateway and its workers."""
    library = compiled()
    if library is None:
        pytest.skip("no C compiler here to build the failing disk with")
    return FaultyDisk(box.home, tmp_path / "kept", library)


async def cut(box: Box, disk: FaultyDisk, nursery: Nursery, mode: Mode, rng: random.Random) -> bool:
    """Run until the power is cut, at random; False when all was done before."""
    said = box.home.parent / "said"
    settings = box.settings
    disk.begin()
    disk.control.cut_at = rng.randint(1, 60 * len(box.dropped()) + 60)
    disk.control.gateway = await nursery.start(settings, said, "--drain")
    code = await nursery.ended()
    assert code in (0, -signal.SIGKILL), said.read_text()
    disk.lose(mode, rng)
    return code != 0


async def test_power_cuts_lose_nothing_and_send_nothing_twice(
    box: Box, backend: Running, faults: Faults, disk: FaultyDisk
) -> None:
    """Cut, started again and cut again, nine times; then all is where it belongs."""
    # That a file was at hand when the power went is not its fault here.
    box = replace(box, more="attempts = 20\n")
    rng = random.Random(7)
    faults.script.append(Fault(Kind.DELAY, 1.0))  # so that the next ones travel together
    for number in range(IMAGES):
        drop(ct(number), box.drop / "north" / "sub", f"{number}.dcm")
    drop(ct(3), box.drop / "north", "again.dcm")
    nameless = ct(99)
    del nameless.SOPInstanceUID
    broken = drop(nameless, box.drop / "north", "nameless.dcm")
    async with Nursery(**disk.environment) as nursery:
        for mode in MODES * 3:
            await cut(box, disk, nursery, mode, rng)
    ended = await box.drain()

    assert ended.code == 0, ended.said
    assert sorted(backend.receiver.shelf.images.values()) == [1] * IMAGES
    assert len(box.archived()) == IMAGES + 1
    assert box.dropped() == [broken]
    assert box.states() == {"delivered": IMAGES, "duplicate": 1, "quarantined": 1}


@pytest.mark.parametrize("mode", MODES)
def test_the_disk_knows_an_original_again_that_is_being_taken_away(
    box: Box, disk: FaultyDisk, mode: Mode
) -> None:
    """A real disk does not give it another inode either, however often the power is cut."""
    dropped = drop(ct(0), box.drop / "north", "0.dcm")
    taken = dropped.rename(dropped.with_name(".taken-1-2"))
    before = taken.stat()
    for _ in range(2):
        disk.begin()
        disk.lose(mode, random.Random(7))
    after = taken.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
