"""A gateway in a folder of its own, watched from outside: its ledger, its files, its CPU."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
_TICK = os.sysconf("SC_CLK_TCK")
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER


@dataclass(frozen=True)
class Cost:
    """Seconds of CPU and of wall clock for so many images."""

    images: int
    cpu: float
    wall: float

    @property
    def each(self) -> float:
        """Milliseconds of CPU an image."""
        return self.cpu / self.images * 1000

    @property
    def pace(self) -> float:
        """Images a second."""
        return self.images / self.wall

    def line(self, floor: Cost) -> str:
        """CPU milliseconds an image, images a second, CPU over the floor's."""
        return f"{self.each:10.1f} {self.pace:10.1f} {self.each / floor.each:10.2f}"


def measured(images: int, work: Callable[[], None]) -> Cost:
    """What `work` costs in this process."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return Cost(images, time.process_time() - cpu, time.perf_counter() - wall)


def environment() -> dict[str, str]:
    """What a verb needs to run from this working copy, whatever the folder.

    With bytecode kept, as an installed gateway has it: compiling takes longer than starting.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    cache = Path(tempfile.gettempdir(), f"watcher-bytecode-{os.getuid()}")
    ours = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "PYTHONPYCACHEPREFIX": str(cache)}
    return kept | ours


def command(images: int, home: Path, *verb: str) -> Cost:
    """Run a verb to its end: CPU of its whole process tree, orphans included."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    before, wall = _children(), time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "watcher", *verb],
        cwd=home,
        env=environment(),
        check=True,
        capture_output=True,
    )
    took = time.perf_counter() - wall
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()  # the fork server outlives the verb by a moment
    return Cost(images, _children() - before, took)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def drop(path: Path, folder: Path) -> float:
    """Rename a copy of `path` in; returns the time of day when it was there."""
    partial = folder / f"{path.name}.part"
    partial.write_bytes(path.read_bytes())
    partial.rename(folder / path.name)
    return time.time()


def alone(home: Path, path: Path, folder: Path, total: int) -> float:
    """Seconds from `path` being there to its acknowledgement, the box being idle before."""
    closed = drop(path, folder)
    settled(home, total)
    with ledger(home) as db:
        row = db.execute("SELECT max(at) FROM events WHERE state = 'delivered'").fetchone()
    return float(row[0]) - closed


def settled(home: Path, total: int) -> None:
    """Wait until `total` files are delivered; anything else than that ends the benchmark."""
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        time.sleep(0.01)
        with ledger(home) as db:
            states = dict(db.execute("SELECT state, n FROM counts").fetchall())
        if states.get("delivered", 0) == total:
            return
        if states.get("quarantined", 0) + states.get("excluded", 0):
            raise SystemExit(f"not delivered: {states}")
    raise SystemExit("nothing was delivered for ten minutes")


@contextlib.contextmanager
def ledger(home: Path) -> Iterator[sqlite3.Connection]:
    """Its ledger, to be read."""
    db = sqlite3.connect(f"file:{home}/state/ledger.sqlite?mode=ro", uri=True, timeout=10)
    try:
        yield db
    finally:
        db.close()


def steps(home: Path) -> dict[str, float]:
    """Milliseconds of wall clock a file in each step of a worker, the first file left out."""
    with ledger(home) as db:
        rows = db.execute("SELECT steps_ms FROM events WHERE state = 'staged'").fetchall()
    each = [json.loads(row[0]) for row in rows[1:]]
    return {name: statistics.mean(s.get(name, 0.0) for s in each) for name in each[0]}


def own_cpu(pid: int) -> float:
    """CPU seconds of one process: events, ledger, uploads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def tree_cpu(root: int) -> float:
    """CPU seconds of a process, of its living descendants and of those it has waited for."""
    parents: dict[int, tuple[int, float]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            ticks = sum(int(fields[n]) for n in (11, 12, 13, 14))
            parents[int(stat.parent.name)] = (int(fields[1]), ticks / _TICK)
    family, size = {root}, 0
    while len(family) != size:
        size = len(family)
        family |= {pid for pid, (parent, _) in parents.items() if parent in family}
    return sum(parents[pid][1] for pid in family if pid in parents)


@contextlib.contextmanager
def backend(store: Path) -> Iterator[str]:
    """The reference receiver in a process of its own; what it holds is in `store`/held."""
    store.mkdir()
    with started(store, "receive", "--port", "0", "--store", "held", wait=False) as process:
        assert process.stdout is not None
        yield _url(process.stdout)


def _url(said: IO[bytes]) -> str:
    return said.readline().decode().split()[2].rstrip(",")


@contextlib.contextmanager
def gateway(home: Path, url: str, workers: int = 1) -> Iterator[tuple[int, Path]]:
    """A gateway on `home`: its process and the drop folder of its only customer."""
    folder = home / "local_dcm" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    (home / "settings.toml").write_text(
        f'[workers]\nprocesses = {workers}\n[deliver]\nurl = "{url}"\n[log]\nconsole = false\n'
        '[observe]\nlisten = "socket"\n'
    )
    with started(home, "run", "--settings", "settings.toml") as process:
        yield process.pid, folder


@contextlib.contextmanager
def started(home: Path, *verb: str, wait: bool = True) -> Iterator[subprocess.Popen[bytes]]:
    """A verb that runs until the block ends; `wait`: until it can be asked."""
    process = subprocess.Popen(
        [sys.executable, "-m", "watcher", *verb],
        cwd=home,
        env=environment(),
        stdout=subprocess.PIPE,
    )
    try:
        while wait and not (home / "state" / "control.sock").exists():
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=60)
