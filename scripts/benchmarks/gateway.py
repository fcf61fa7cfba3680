"""From drop to acknowledgement, beside a plain deid script and the bare floor, in one run.

Then the rest of what is asked of the speed: see `bench pace`. `--profile` tells where the CPU of a
worker goes, by step and by library.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from pydicom import dcmread

from scripts.benchmarks import pace, profiles, rivals
from scripts.benchmarks.boxes import (
    Cost,
    alone,
    backend,
    drop,
    gateway,
    measured,
    own_cpu,
    settled,
    steps,
    tree_cpu,
)
from scripts.benchmarks.samples import KINDS

_SINGLE = 8  # files dropped one by one on an idle gateway
_FEW = 4  # files for what takes seconds each


@dataclass(frozen=True)
class _Case:
    """Files of one kind: `many` at once, then `singles` one by one, and one to warm up with."""

    kind: str
    many: list[Path]
    singles: list[Path]
    warm: Path
    frames: int


def main(argv: list[str]) -> int:
    """Print a table for each kind of image, then the parts of `bench pace`."""
    parser = argparse.ArgumentParser(prog="bench gateway", description=__doc__)
    parser.add_argument("--files", type=int, default=24, help="files of each single-frame kind")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--no-pace", action="store_true", help="the first table alone")
    parser.add_argument("--profile", action="store_true", help="the account of the CPU alone")
    options = parser.parse_args(argv)
    if options.profile:
        return profiles.main(["--kinds", *options.kinds])
    print("The frames of a cine are images; CPU of the whole process tree. `ours is`: one worker's")
    print(
        "images/s over the row's; `installed`: the same with a worker for each core, the default."
    )
    print("Asked: CPU/floor at most 1.5 (CT 2), images/s 20 times the script's, 5 times the plain")
    print("pipeline's; bytes at most 1.1 times Pillow's at level 6.")
    names = ("CPU ms", "images/s", "CPU/floor", "ours is", "installed")
    print(f"{'':30}" + " ".join(f"{name:>10}" for name in names))
    for kind in options.kinds:
        with tempfile.TemporaryDirectory() as folder:
            _compare(_case(kind, options.files, Path(folder)), Path(folder))
    return 0 if options.no_pace else pace.main([])


def _case(kind: str, files: int, folder: Path) -> _Case:
    # What takes a moment each, more of it: a burst has to last longer than a worker takes to start.
    count = {"cine": 4, "CT": 4 * files}.get(kind, files)
    singles = 2 if kind == "cine" else _SINGLE
    paths = [folder / f"{kind}{seed}.dcm" for seed in range(count + singles + 1)]
    for seed, path in enumerate(paths):
        KINDS[kind](seed).save_as(path)
    frames = int(getattr(dcmread(paths[0], stop_before_pixels=True), "NumberOfFrames", 1))
    return _Case(kind, paths[:count], paths[count:-1], paths[-1], frames)


def _compare(case: _Case, folder: Path) -> None:
    count = len(case.many)
    few = case.many[:_FEW]
    with backend(folder / "backend") as url:
        floor = measured(count * case.frames, lambda: rivals.floor(case.many, folder, url))
        ours, notes = _ours(case, folder / "box", url)
        both = ours.pace, _installed(case, folder / "installed", url).pace
        bytes_ratio = _bytes_over_pillow(folder / "backend" / "held")
        rivals.plain([case.warm], folder / "warm", url)  # its imports
        plain = measured(len(few) * case.frames, lambda: rivals.plain(few, folder / "plain", url))
    _row(case, "bare floor", floor, floor, both)
    _row(case, "gateway", ours, floor, both)
    _row(case, "plain pipeline", plain, floor, both)
    try:
        script = measured(len(few), lambda: rivals.script(few, folder / "script"))
        _row(case, "original script", script, floor, both)
    except TypeError:  # matplotlib cannot draw many frames as one picture
        print(f"{case.kind:6}{'original script':24}{'fails':>9}", flush=True)
    print(f"{case.kind:6}bytes over Pillow's: {bytes_ratio:.3f}; {notes}", flush=True)


def _row(case: _Case, name: str, cost: Cost, floor: Cost, paces: tuple[float, float]) -> None:
    faster = " ".join(f"{pace / cost.pace:9.1f}x" for pace in paces)
    print(f"{case.kind:6}{name:24}{cost.line(floor)} {faster}", flush=True)


def _ours(case: _Case, home: Path, url: str) -> tuple[Cost, str]:
    count = len(case.many)
    with gateway(home, url) as (pid, folder):
        drop(case.warm, folder)  # a warm worker, a made key
        settled(home, 1)
        cpu, own = tree_cpu(pid), own_cpu(pid)
        burst = measured(count, lambda: _burst(case.many, folder, home))
        cost = Cost(count * case.frames, tree_cpu(pid) - cpu, burst.wall)
        own = (own_cpu(pid) - own) / count * 1000
        waits = [alone(home, path, folder, count + 2 + n) for n, path in enumerate(case.singles)]
    p50, most = statistics.median(waits) * 1000, max(waits) * 1000
    idle = f"idle, close to acknowledgement: p50 {p50:.0f} ms, max {most:.0f} ms"
    told = ", ".join(f"{name} {ms:.1f}" for name, ms in steps(home).items())
    outside = f"CPU ms a file outside of the workers: {own:.1f}"
    return cost, f"{idle}; {outside}; wall ms a file in a worker: {told}"


def _installed(case: _Case, home: Path, url: str) -> Cost:
    """The burst alone, at a gateway with the default number of workers."""
    with gateway(home, url, workers=0) as (_, folder):
        drop(case.warm, folder)
        settled(home, 1)
        return measured(len(case.many) * case.frames, lambda: _burst(case.many, folder, home))


def _burst(paths: list[Path], folder: Path, home: Path) -> None:
    for path in paths:
        drop(path, folder)
    settled(home, len(paths) + 1)


def _bytes_over_pillow(held: Path) -> float:
    """Bytes of up to 40 of the PNGs that were accepted, over Pillow's of the same at level 6."""
    ours = theirs = 0
    every = sorted(held.rglob("*.png"))
    for path in every[:: max(1, len(every) // 40)]:
        buffer = io.BytesIO()
        Image.open(path).save(buffer, "PNG", compress_level=6)
        ours, theirs = ours + path.stat().st_size, theirs + buffer.tell()
    return ours / theirs


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
