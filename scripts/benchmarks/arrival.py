"""Arrival: latency from close or rename to hand-over, renames a second, and the cost of a scan."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from watcher.intake import Arrival, Intake
from watcher.intake.scanning import Scanner, fingerprint
from watcher.options import IntakeOptions


@asynccontextmanager
async def running(root: Path) -> AsyncIterator[Intake]:
    """An Intake with the shipped settings that has armed its watches."""
    intake = Intake(IntakeOptions(root=root))
    task = asyncio.create_task(intake.run())
    await asyncio.sleep(0.5)
    assert intake.idle
    try:
        yield intake
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def latency(root: Path, count: int, drop: Callable[[int], None]) -> list[float]:
    """Milliseconds from the end of `drop` to the arrival, one file at a time."""
    times = []
    async with running(root) as intake:
        for index in range(count):
            drop(index)
            started = time.perf_counter()
            await one(intake)
            times.append((time.perf_counter() - started) * 1000)
            await asyncio.sleep(0.005)
    return times


def show_latency(name: str, times: list[float]) -> None:
    """One row."""
    cuts = statistics.quantiles(times, n=100)
    print(f"{name:32} {cuts[49]:8.1f} {cuts[98]:8.1f} {max(times):8.1f}   ({len(times)} files)")


async def one(intake: Intake) -> None:
    """Take the next arrival."""
    (arrival,) = await intake.take(1)
    intake.taken(arrival.customer)


async def renames(root: Path, source: Path, count: int) -> None:
    """Rename many files in at full speed, and count what arrives."""
    past = time.time() - 60
    for index in range(count):  # links are made faster than files, and move as well
        if index % 1000 == 0:
            (source / str(index)).write_bytes(b"1")
            os.utime(source / str(index), (past, past))
        else:
            os.link(source / str(index - index % 1000), source / str(index))
    async with running(root) as intake:
        started = time.perf_counter()
        mover = await start_mover(source, root / "north", count)
        got = await collect(intake, count)
        took = time.perf_counter() - started
        moved = float((await mover.communicate())[0])
        await asyncio.sleep(1.0)
        names = {arrival.path for arrival in got}
        twice = len(got) - len(names) + intake.counters.ready
        totals = intake.counters.totals
    print(f"renamed {count} files in {moved:.2f} s ({count / moved:.0f}/s)")
    print(
        f"all handed out after {took:.2f} s ({count / took:.0f}/s); "
        f"lost {count - len(names)}, twice {twice}"
    )
    print(
        f"by event {totals.arrivals_by_event}, by scan {totals.arrivals_by_scan}, "
        f"kernel overflows {totals.overflows}"
    )


async def start_mover(source: Path, target: Path, count: int) -> asyncio.subprocess.Process:
    """A process of its own that renames all files, then prints the seconds it took."""
    script = (
        "import os, sys, time; s, t, n = sys.argv[1:]; a = time.perf_counter()\n"
        "for i in range(int(n)): os.rename(f'{s}/{i}', f'{t}/r{i}')\n"
        "print(time.perf_counter() - a)"
    )
    arguments = (str(source), str(target), str(count))
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, *arguments, stdout=asyncio.subprocess.PIPE
    )


async def collect(intake: Intake, count: int) -> list[Arrival]:
    """That many arrivals, or fewer when none comes for a minute."""
    got: list[Arrival] = []
    with suppress(TimeoutError):
        while len(got) < count:
            async with asyncio.timeout(60):
                share = await intake.take(16)
                got += share
                intake.taken(share[0].customer)
    return got


def scans(folder: Path, count: int) -> None:
    """Time scans of many files, beside the floor of listing and looking at each."""
    for index in range(count):
        place = folder / str(index // 1000)
        place.mkdir(parents=True, exist_ok=True)
        os.close(os.open(place / str(index), os.O_CREAT | os.O_WRONLY))
    suffixes = IntakeOptions().temporary_suffixes
    found = Scanner({}, suffixes, 0.0, count).scan(folder)
    known = {sight.path: fingerprint(sight.signature) for sight in found.fresh}
    rounds: list[tuple[str, Callable[[], object]]] = [
        ("floor: scandir and stat alone", lambda: floor(folder)),
        ("scan, all files known", lambda: Scanner(known, suffixes, 0.0, count).scan(folder)),
        ("scan, all files new", lambda: Scanner({}, suffixes, 0.0, count).scan(folder)),
    ]
    print(f"\n{'seconds for ' + str(count) + ' files':32} {'wall':>8} {'cpu':>8}")
    for name, work in rounds:
        wall, cpu = min(timed(work) for _ in range(3))
        print(f"{name:32} {wall:8.2f} {cpu:8.2f}")


def floor(folder: Path) -> None:
    """What no scan can go below."""
    for place, _, _ in os.walk(folder):
        with os.scandir(place) as entries:
            for entry in entries:
                entry.stat(follow_symlinks=False)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """(wall, processor) seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def main(argv: list[str]) -> int:
    """Run all three parts in a temporary folder."""
    parser = argparse.ArgumentParser(prog="bench arrival", description=__doc__)
    parser.add_argument("--files", type=int, default=300, help="files for each latency")
    parser.add_argument("--renames", type=int, default=60_000, help="files renamed at once")
    parser.add_argument("--scan", type=int, default=100_000, help="files in the scanned tree")
    chosen = parser.parse_args(argv)
    home = Path(tempfile.mkdtemp(prefix="bench-arrival-"))
    try:
        run(home, chosen.files, chosen.renames, chosen.scan)
    finally:
        shutil.rmtree(home)
    return 0


def run(home: Path, files: int, many: int, scanned: int) -> None:
    """The parts, each on folders of its own."""
    root, source = home / "drop", home / "source"
    (root / "north").mkdir(parents=True)
    source.mkdir()
    for index in range(files):
        (source / f"l{index}").write_bytes(b"1")
    time.sleep(0.1)

    def close(index: int) -> None:
        (root / "north" / f"c{index}").write_bytes(b"1")

    def rename(index: int) -> None:
        os.rename(source / f"l{index}", root / "north" / f"l{index}")

    def start_over() -> None:
        shutil.rmtree(root)
        (root / "north").mkdir(parents=True)

    print(f"{'milliseconds to the arrival':32} {'p50':>8} {'p99':>8} {'worst':>8}")
    show_latency("after a writer's close", asyncio.run(latency(root, files, close)))
    start_over()
    show_latency("after a rename", asyncio.run(latency(root, files, rename)))
    start_over()
    print()
    asyncio.run(renames(root, source, many))
    scans(home / "scan", scanned)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
