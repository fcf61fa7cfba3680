"""Fills the disk under a running gateway, for real; run by a test with a mount table of its own.

Usage: python -m tests.way.full HOME. A small file system is mounted at the state folder. Prints a
word for each thing that came true.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from tests.way.box import Box
from tests.way.images import ct, drop
from tests.way.test_faults import until
from watcher.receiver.app import start
from watcher.receiver.faults import Fault, Faults, Kind

_MARKS = "stop_below = 4000000\nresume_above = 6000000\nballast = 1000000\n"


async def main(home: Path) -> None:
    """Two images wait for the backend, the disk fills up, two more come, the backend is back."""
    faults = Faults([Fault(Kind.STATUS, 503)])
    backend = await start(home / "backend", faults=faults)
    box = Box(home / "box", backend.url)
    settings = box.settings
    marks = "stop_below = 0\nresume_above = 0\nballast = 0\n"
    settings.write_text(settings.read_text().replace(marks, _MARKS))
    process = await box.start("run", "--settings", str(settings))
    try:
        await until((box.state / "control.sock").exists)
        for number in range(2):
            drop(ct(number), box.drop / "north", f"{number}.dcm")
        await until(lambda: box.states() == {"staged": 2})
        ballast = box.state / "ballast"
        await until(ballast.exists)
        fill(box.state / "filler")
        await until(lambda: not ballast.exists())
        say("full")
        for number in range(2, 4):
            drop(ct(number), box.drop / "north", f"{number}.dcm")
        faults.faults = ()
        await until(lambda: len(backend.receiver.shelf.images) == 2)
        await asyncio.sleep(2.0)
        say("drained" if len(backend.receiver.shelf.images) == 2 else "prepared")
        say("kept" if len(box.dropped()) >= 2 else "lost")
        (box.state / "filler").unlink()
        await until(lambda: box.states() == {"delivered": 4} and not box.dropped())
        await until(ballast.exists)
        say("resumed")
    finally:
        process.send_signal(signal.SIGTERM)
        await process.communicate()
    once = sorted(backend.receiver.shelf.images.values()) == [1] * 4
    say("once" if once and len(box.archived()) == 4 else "not-once")
    await backend.stop()


def fill(path: Path) -> None:
    """Until not one byte more is taken."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            while shutil.disk_usage(path.parent).free >= size:
                try:
                    file.write(bytes(size))
                except OSError:
                    break


def say(word: str) -> None:
    """One word for the test."""
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


def mount(folder: Path) -> None:
    """A file system of 24 MB."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(folder)], check=True)


if __name__ == "__main__":
    mount(Path(sys.argv[1], "box", "state"))
    asyncio.run(main(Path(sys.argv[1])))
