"""Mounts over a customer's folder and unmounts it again, under a running Intake; run by a test.

Prints a word for each thing that came true. argv: the drop folder.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from tests.intake.running import old, running
from watcher.intake import patrol


async def main(root: Path) -> None:
    """The story."""
    north = root / "north"
    old(north / "under")
    patrol.ROUND_EVERY = 0.05
    async with running(root) as house:
        (arrival,) = await house.take(1)
        say(arrival.path)
        await asyncio.to_thread(mount, "-t", "tmpfs", "none", str(north))
        old(north / "over")
        (arrival,) = await house.take(1)
        say(arrival.path)
        await house.until(lambda: house.intake.idle)
        (north / "late").write_bytes(b"1")
        (arrival,) = await house.take(1)
        say(arrival.path)
        say(arrival.hint)
        os.unlink(north / "over")
        os.unlink(north / "late")
        await asyncio.to_thread(subprocess.run, ["umount", "-l", str(north)], check=True)
        (north / "again").write_bytes(b"1")
        seen = {arrival.path for arrival in await house.take_all(still=1.5)}
        say("unmounted" if "again" in seen else f"only {sorted(seen)}")


def mount(*arguments: str) -> None:
    """mount(8)."""
    subprocess.run(["mount", *arguments], check=True)


def say(word: str) -> None:
    """One word for the test."""
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


asyncio.run(main(Path(sys.argv[1])))
