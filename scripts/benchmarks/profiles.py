"""The account of where a worker's CPU goes: by step, then by what the time is spent in.

`prepare` runs in this process over files of each kind, first as it is, for the steps, then under
cProfile, for the functions; a profiled run is slower, so of it only the shares are told.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from scripts.benchmarks.samples import KINDS
from watcher.job import Job
from watcher.model import Prepared
from watcher.options import Limits, PixelOptions, RenderOptions, ScrubOptions
from watcher.prepare import prepare
from watcher.scrub.keys import make_key

_SHOWN = 12  # functions
_LEAST = 0.01  # of all time: places below are summed up


def main(argv: list[str]) -> int:
    """Print the account for each kind of image."""
    parser = argparse.ArgumentParser(prog="bench profiles", description=__doc__)
    parser.add_argument("--files", type=int, default=20, help="files of each single-frame kind")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    options = parser.parse_args(argv)
    for kind in options.kinds:
        with tempfile.TemporaryDirectory() as folder:
            _account(kind, 1 if kind == "cine" else options.files, Path(folder))
    return 0


def _account(kind: str, files: int, home: Path) -> None:
    jobs = list(_jobs(kind, 2 * files + 1, home))
    _run(jobs[:1])  # imports, models, recipes
    begun = time.process_time()
    steps = _run(jobs[1 : files + 1])
    spent = (time.process_time() - begun) * 1000 / files
    print(f"\n{kind}: {spent:.1f} ms of CPU a file in a worker; wall ms a file by step:")
    print("  " + ", ".join(f"{name} {ms / files:.1f}" for name, ms in steps.items()))
    profile = cProfile.Profile()
    profile.enable()
    _run(jobs[files + 1 :])
    profile.disable()
    _shares(pstats.Stats(profile))


def _jobs(kind: str, count: int, home: Path) -> Iterator[Job]:
    (home / "out").mkdir()
    make_key(home / "key")
    for seed in range(count):
        KINDS[kind](seed).save_as(home / f"{seed}.dcm")
        yield Job(
            id=f"{seed:016x}",
            root=home,
            path=f"{seed}.dcm",
            device=None,
            out=home / "out",
            key_file=home / "key",
            scrub=ScrubOptions(),
            pixels=PixelOptions(),
            render=RenderOptions(),
            limits=Limits(),
        )


def _run(jobs: list[Job]) -> dict[str, float]:
    steps: dict[str, float] = defaultdict(float)
    for job in jobs:
        outcome = prepare(job)
        if not isinstance(outcome, Prepared):
            raise SystemExit(f"not prepared: {outcome}")
        for name, ms in outcome.steps_ms.items():
            steps[name] += ms
    return steps


def _shares(stats: pstats.Stats) -> None:
    """Time within functions themselves: by place, and the greatest of them."""
    own = {where: row[2] for where, row in stats.stats.items()}  # type: ignore[attr-defined]
    total = sum(own.values())
    places: dict[str, float] = defaultdict(float)
    for (file, _, name), seconds in own.items():
        places[_place(file, name)] += seconds / total
    ranked = sorted(places.items(), key=lambda item: -item[1])
    shown = [(place, share) for place, share in ranked if share >= _LEAST]
    print("  by place, % of the profiled time:")
    print("    " + ", ".join(f"{place} {share * 100:.0f}" for place, share in shown), end="")
    print(f", the rest {100 - 100 * sum(share for _, share in shown):.0f}")
    print("  the greatest functions, %:")
    for (file, line, name), seconds in sorted(own.items(), key=lambda i: -i[1])[:_SHOWN]:
        where = _place(file, name)
        told = f"{name} ({Path(file).name}:{line})" if line else name
        print(f"    {seconds / total * 100:5.1f}  {where:22} {told}", flush=True)


def _place(file: str, name: str) -> str:
    """A room of this house, a library, or what is compiled."""
    parts = Path(file).parts
    if "watcher" in parts:
        return "/".join(parts[parts.index("watcher") :][:2]).removesuffix(".py")
    if "site-packages" in parts:
        return parts[parts.index("site-packages") + 1]
    if file == "~":
        return _compiled(name)
    return "standard library"


def _compiled(name: str) -> str:
    for word, place in (
        ("isal", "deflate (ISA-L)"),
        ("zlib_ng", "deflate (zlib-ng)"),
        ("blake3", "BLAKE3"),
        ("hashlib", "sha256"),
        ("sha256", "sha256"),
        ("numpy", "numpy"),
        ("onnx", "text network"),
        ("cv2", "OpenCV"),
        ("base64", "base64"),
        ("a2b", "base64"),
        ("b2a", "base64"),
    ):
        if word in name:
            return place
    return "compiled, other"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
