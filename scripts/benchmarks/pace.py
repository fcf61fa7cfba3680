"""Pace: folder to folder with one and two workers, waiting time on an idle box, time to start."""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from pydicom import Dataset

from scripts.benchmarks.boxes import (
    Cost,
    alone,
    backend,
    command,
    drop,
    environment,
    gateway,
    ledger,
    settled,
)
from scripts.benchmarks.samples import KINDS, ct, eight_bit

_CT_WAITS, _DX_WAITS = 200, 60
_ROWS = 100_000
_STARTS = 5


def main(argv: list[str]) -> int:
    """Run the parts that are named, or all."""
    parser = argparse.ArgumentParser(prog="bench pace", description=__doc__)
    parser.add_argument("--only", nargs="*", default=list(PARTS), choices=list(PARTS))
    options = parser.parse_args(argv)
    for name in options.only:
        with tempfile.TemporaryDirectory() as folder:
            PARTS[name](Path(folder))
    return 0


def _workers(home: Path) -> None:
    """`watcher scrub` with two workers against one, over three kinds of images."""
    counts = {"CT": 400, "DX": 24, "cine": 4}
    source, images = home / "source", 0
    for kind, count in counts.items():
        _filled(source, kind, (KINDS[kind](seed) for seed in range(count)))
        images += count * (100 if kind == "cine" else 1)
    lone = home / "lone"
    _filled(lone, "CT", [ct(0)])
    print("\nwatcher scrub, folder to folder; asked: two workers 1.7 times as fast as one")
    print(f"{'':30}{'CPU ms':>9} {'images/s':>10} {'ratio':>9}")
    empty = _scrubbed(home, lone, 1, 1)
    one, two = _scrubbed(home, source, 1, images), _scrubbed(home, source, 2, images)
    _line("one image alone", empty)
    _line("1 worker", one, one.pace / one.pace)
    _line("2 workers", two, two.pace / one.pace)
    steady = (one.wall - empty.wall) / (two.wall - empty.wall)
    print(f"{'  start-up and end left out':30}{'':9} {'':10} {steady:9.2f}", flush=True)


def _mix(home: Path) -> None:
    """The mix that another de-identifier was measured with, on two workers."""
    source, count = home / "source", 150
    _filled(source, "CT", (ct(seed) for seed in range(count)))
    _filled(source, "CR", (eight_bit(seed) for seed in range(count)))
    cost = _scrubbed(home, source, 2, 2 * count)
    print("\n1024x1024x8 and 512x512x16 in equal parts, folder to folder, on 2 cores")
    print(f"{'':30}{'CPU ms':>9} {'images/s':>10}")
    _line("watcher scrub --workers 2", cost)
    print(f"{'RSNA CTP (published figures,':30}{12.0:9.1f} {85.0:10.1f}")
    print("  not measured here; CTP neither renders nor makes a request body)", flush=True)


def _scrubbed(home: Path, source: Path, workers: int, images: int) -> Cost:
    out = home / "out"
    cost = command(images, home, "scrub", str(source), "--out", str(out), "--workers", str(workers))
    staged = sum('"staged"' in line for line in (out / "manifest.jsonl").open())
    files = sum(1 for path in source.rglob("*.dcm"))
    if staged != files:
        raise SystemExit(f"{files - staged} of {files} files were not staged")
    shutil.rmtree(out)
    return cost


def _filled(folder: Path, prefix: str, datasets: Iterable[Dataset]) -> None:
    folder.mkdir(exist_ok=True)
    for number, dataset in enumerate(datasets):
        dataset.save_as(folder / f"{prefix}{number}.dcm")


def _line(name: str, cost: Cost, ratio: float | None = None) -> None:
    last = "" if ratio is None else f"{ratio:9.2f}"
    print(f"{'  ' + name:30}{cost.each:9.1f} {cost.pace:10.1f} {last}", flush=True)


def _waits(home: Path) -> None:
    """From the writer's close to the acknowledgement, one file at a time on an idle box."""
    print("\nclose to acknowledgement on an idle box, one worker, milliseconds")
    print(f"{'':30}{'files':>9} {'p50':>10} {'p99':>9} {'max':>9}")
    with backend(home / "backend") as url:
        for kind, count in (("CT", _CT_WAITS), ("DX", _DX_WAITS)):
            with gateway(home / kind, url) as (_, folder):
                waits = _each(home / kind, kind, count, folder)
            cuts = statistics.quantiles(waits, n=100)
            told = f"{cuts[49]:10.0f} {cuts[98]:9.0f} {max(waits):9.0f}"
            print(f"{'  ' + kind:30}{count:9} {told}", flush=True)


def _each(home: Path, kind: str, count: int, folder: Path) -> list[float]:
    path, waits = home / "next.dcm", []
    KINDS[kind](count).save_as(path)
    drop(path, folder)  # a warm worker, a made key
    settled(home, 1)
    for seed in range(count):
        path = home / f"{seed}.dcm"
        KINDS[kind](seed).save_as(path)
        waits.append(alone(home, path, folder, seed + 2) * 1000)
        path.unlink()
    return waits


def _start(home: Path) -> None:
    """From the command to the line that says where to drop files."""
    print(
        f"\nstart to ready, seconds, median of {_STARTS}; asked: 2 when empty, 5 with 100,000 rows"
    )
    (home / "settings.toml").write_text(
        '[deliver]\nurl = "http://127.0.0.1:9"\n[log]\nconsole = false\n'
        '[observe]\nlisten = "socket"\n'
    )
    empty = []
    for _ in range(_STARTS):
        shutil.rmtree(home / "state", ignore_errors=True)
        empty.append(_ready(home))
    _start_line("empty ledger", empty)
    _many_rows(home)
    _start_line(f"{_ROWS:,} rows", [_ready(home) for _ in range(_STARTS)])


def _start_line(name: str, times: list[float]) -> None:
    middle = statistics.median(times)
    print(f"{'  ' + name:30}{middle:9.2f}   ({min(times):.2f} to {max(times):.2f})", flush=True)


def _ready(home: Path) -> float:
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "watcher", "run", "--settings", "settings.toml"],
        cwd=home,
        env=environment(),
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    took = time.perf_counter() - begun
    process.terminate()
    process.communicate(timeout=60)
    return took


def _many_rows(home: Path) -> None:
    """A ledger of delivered images, each with its events, as a box has it after some weeks."""
    with ledger(home) as db:
        if db.execute("SELECT count(*) FROM instances").fetchone()[0]:
            raise SystemExit("the ledger should be empty")
    db = sqlite3.connect(home / "state" / "ledger.sqlite")
    now = time.time()
    with db:
        db.executemany(
            "INSERT INTO instances (id, customer, path, device, inode, size, mtime_ns, state,"
            " not_before, seen_at, changed_at, sha256, uid_digest, series, disposed)"
            " VALUES (?, 'bench', ?, 1, ?, 527000, ?, 'delivered', 0, ?, ?, ?, ?, ?, 1)",
            (
                (f"{n:032x}", b"%d.dcm" % n, n, n, now, now, f"{n:064x}", f"{n:x}", f"{n // 200}")
                for n in range(_ROWS)
            ),
        )
        db.executemany(
            "INSERT INTO events (id, at, state) VALUES (?, ?, ?)",
            (
                (f"{n:032x}", now, state)
                for n in range(_ROWS)
                for state in ("queued", "staged", "delivered")
            ),
        )
    db.close()


PARTS: dict[str, Callable[[Path], None]] = {
    "workers": _workers,
    "mix": _mix,
    "waits": _waits,
    "start": _start,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
