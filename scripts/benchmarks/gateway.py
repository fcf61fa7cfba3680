"""From drop to acknowledgement, beside a plain deid script and the bare floor, in one run."""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import io
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from isal import igzip_lib
from numpy.typing import NDArray
from pydicom import Dataset, dcmread

from scripts.benchmarks.samples import KINDS

_ROOT = Path(__file__).parents[2]
_TICK = os.sysconf("SC_CLK_TCK")
_SINGLE = 8  # files dropped one by one on an idle gateway


@dataclass(frozen=True)
class Cost:
    """Seconds of CPU and of wall clock for so many images."""

    images: int
    cpu: float
    wall: float

    def line(self, floor: Cost) -> str:
        """CPU milliseconds an image, images a second, CPU over the floor's."""
        each, least = self.cpu / self.images, floor.cpu / floor.images
        return f"{each * 1000:9.1f} {self.images / self.wall:10.1f} {each / least:9.2f}"


def main(argv: list[str]) -> int:
    """Print a table for each kind of image."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=24, help="files of each single-frame kind")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    options = parser.parse_args(argv)
    print("One worker; the frames of a cine are images; CPU of the whole process tree.")
    print(f"{'':30}{'CPU ms':>9} {'images/s':>10} {'CPU/floor':>9}")
    for kind in options.kinds:
        with tempfile.TemporaryDirectory() as folder:
            _compare(kind, 2 if kind == "cine" else options.files, Path(folder))
    return 0


def _compare(kind: str, count: int, folder: Path) -> None:
    singles = 2 if kind == "cine" else _SINGLE
    paths = [folder / f"{kind}{seed}.dcm" for seed in range(count + singles + 1)]
    for seed, path in enumerate(paths):
        KINDS[kind](seed).save_as(path)
    frames = int(getattr(dcmread(paths[0], stop_before_pixels=True), "NumberOfFrames", 1))
    with _backend(folder / "backend") as url:
        floor = _measured(count * frames, lambda: _floor(paths[:count], folder, url))
        ours, notes = _gateway(paths, count, frames, folder / "box", url)
    for name, cost in (("bare floor", floor), ("gateway", ours)):
        print(f"{kind:6}{name:24}{cost.line(floor)}", flush=True)
    try:
        script = _measured(min(count, 4), lambda: _script(paths[:4], folder / "script"))
        print(f"{kind:6}{'original script':24}{script.line(floor)}", flush=True)
    except TypeError:  # matplotlib cannot draw many frames as one picture
        print(f"{kind:6}{'original script':24}{'fails':>9}", flush=True)
    print(f"{kind:6}{notes}", flush=True)


def _measured(images: int, work: Callable[[], None]) -> Cost:
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return Cost(images, time.process_time() - cpu, time.perf_counter() - wall)


# -- the gateway ------------------------------------------------------------------------------


def _gateway(paths: list[Path], count: int, frames: int, home: Path, url: str) -> tuple[Cost, str]:
    drop = home / "local_dcm" / "bench"
    drop.mkdir(parents=True)
    (home / "settings.toml").write_text(
        f'[workers]\nprocesses = 1\n[deliver]\nurl = "{url}"\n[log]\nconsole = false\n'
    )
    with _started(home, "run", "--settings", "settings.toml") as process:
        _drop(paths[-1], drop)  # a warm worker, a made key
        _settled(home, 1)
        cpu, own = _tree_cpu(process.pid), _own_cpu(process.pid)
        wall = time.perf_counter()
        for path in paths[:count]:
            _drop(path, drop)
        _settled(home, count + 1)
        cost = Cost(count * frames, _tree_cpu(process.pid) - cpu, time.perf_counter() - wall)
        own = (_own_cpu(process.pid) - own) / count * 1000
        waits = [_alone(home, path, drop, count + 2 + n) for n, path in enumerate(paths[count:-1])]
    p50, most = statistics.median(waits) * 1000, max(waits) * 1000
    idle = f"idle, close to acknowledgement: p50 {p50:.0f} ms, max {most:.0f} ms"
    return cost, f"{idle}; CPU ms a file outside of the workers: {own:.1f}; {_steps(home)}"


def _drop(path: Path, folder: Path) -> float:
    partial = folder / f"{path.name}.part"
    partial.write_bytes(path.read_bytes())
    partial.rename(folder / path.name)
    return time.time()


def _alone(home: Path, path: Path, drop: Path, total: int) -> float:
    closed = _drop(path, drop)
    _settled(home, total)
    with _ledger(home) as db:
        return float(db.execute("SELECT max(at) FROM events").fetchone()[0]) - closed


def _settled(home: Path, total: int) -> None:
    """Wait until `total` files are delivered; anything else than that ends the benchmark."""
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        time.sleep(0.01)
        with _ledger(home) as db:
            states = dict(db.execute("SELECT state, n FROM counts").fetchall())
        if states.get("delivered", 0) == total:
            return
        if states.get("quarantined", 0) + states.get("excluded", 0):
            raise SystemExit(f"not delivered: {states}")
    raise SystemExit("nothing was delivered for ten minutes")


@contextlib.contextmanager
def _ledger(home: Path) -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(f"file:{home}/state/ledger.sqlite?mode=ro", uri=True, timeout=10)
    try:
        yield db
    finally:
        db.close()


def _steps(home: Path) -> str:
    with _ledger(home) as db:
        rows = db.execute("SELECT steps_ms FROM events WHERE state = 'staged'").fetchall()
    steps = [json.loads(row[0]) for row in rows[1:]]
    means = {name: statistics.mean(s.get(name, 0.0) for s in steps) for name in steps[0]}
    return "wall ms a file in a worker: " + ", ".join(
        f"{name} {ms:.1f}" for name, ms in means.items()
    )


def _own_cpu(pid: int) -> float:
    """CPU seconds of one process: events, ledger, uploads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _tree_cpu(root: int) -> float:
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
def _backend(store: Path) -> Iterator[str]:
    store.mkdir()
    with _started(store, "receive", "--port", "0", "--store", "held", wait=False) as process:
        assert process.stdout is not None
        yield _url(process.stdout)


def _url(said: IO[bytes]) -> str:
    return said.readline().decode().split()[2].rstrip(",")


@contextlib.contextmanager
def _started(home: Path, *verb: str, wait: bool = True) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "watcher", *verb],
        cwd=home,
        env={**os.environ, "PYTHONPATH": str(_ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
    )
    try:
        while wait and not (home / "state" / "control.sock").exists():
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=60)


# -- what it is held against ------------------------------------------------------------------


def _floor(paths: list[Path], folder: Path, url: str) -> None:
    """Read, sha256, pydicom read and write, decode, window, fast PNG, base64, write, one POST."""
    for path in paths:
        data = path.read_bytes()
        hashlib.sha256(data).hexdigest()
        dataset = dcmread(io.BytesIO(data))
        dataset.save_as(folder / "floor.dcm")
        for number, frame in enumerate(_frames(dataset)):
            png = _png(_windowed(dataset, frame))
            text = base64.b64encode(png)
            (folder / "floor.png").write_bytes(png)
            (folder / "floor.txt").write_bytes(text)
            if number == 0:
                _post(url, text)


def _frames(dataset: Dataset) -> NDArray[np.generic]:
    pixels: NDArray[np.generic] = dataset.pixel_array
    many = int(getattr(dataset, "NumberOfFrames", 1)) > 1
    return pixels if many else pixels[None]


def _windowed(dataset: Dataset, frame: NDArray[np.generic]) -> NDArray[np.uint8]:
    if "WindowCenter" not in dataset:
        return frame.astype(np.uint8)
    slope, intercept = (
        float(dataset.get("RescaleSlope", 1)),
        float(dataset.get("RescaleIntercept", 0)),
    )
    low = float(dataset.WindowCenter) - float(dataset.WindowWidth) / 2
    bits = 1 << int(dataset.BitsAllocated)
    values = np.arange(bits, dtype=np.float32)
    values[bits // 2 :] -= bits if dataset.PixelRepresentation else 0
    shown = (values * slope + intercept - low) / float(dataset.WindowWidth) * 255
    table = np.clip(shown, 0, 255).astype(np.uint8)
    return np.take(table, frame.view(np.uint16))


def _png(image: NDArray[np.uint8]) -> bytes:
    rows = image.reshape(image.shape[0], -1)
    filtered = np.empty((rows.shape[0], rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = 2
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    return bytes(igzip_lib.compress(filtered.tobytes(), level=3, flag=igzip_lib.COMP_ZLIB))


def _post(url: str, text: bytes) -> None:
    """One request with these bytes; the answer (400, it is no contract body) is read."""
    request = urllib.request.Request(f"{url}/v1/images/upload", data=text, method="POST")  # noqa: S310
    with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(request) as answer:  # noqa: S310
        answer.read()


def _script(paths: list[Path], folder: Path) -> None:
    """The first version of the idea: DicomCleaner detect, clean, save_png, save_dicom, base64."""
    from deid.dicom import DicomCleaner
    from deid.logger import bot

    folder.mkdir()
    bot.level = 0
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        for path in paths:
            cleaner = DicomCleaner(output_folder=str(folder))
            cleaner.detect(str(path))
            cleaner.clean()
            cleaner.save_dicom()
            base64.b64encode(Path(cleaner.save_png()).read_bytes())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
