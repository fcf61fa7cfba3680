"""CPU of header work against bare pydicom and against deid, over one mixed corpus in one run.

    scripts/bench header [FILE-OR-FOLDER ...] [--rounds N] [--deid N]

Without sources, pydicom's packaged test files. Columns are CPU milliseconds per file: pydicom's
dcmread and save_as, then our parse, clean and write of the same files, and the guard over the
bytes. Every Nth file also goes through deid's DicomParser with the very same recipe.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pydicom
import pydicom.data

from watcher.dicom import part10, walk, writing
from watcher.dicom.names import LIBRARY_ERRORS
from watcher.dicom.part10 import Part10
from watcher.errors import WatcherError
from watcher.options import Limits, ScrubOptions
from watcher.scrub.cleaner import CleanHeader, HeaderCleaner
from watcher.scrub.keys import CustomerKey
from watcher.scrub.reference import through_deid

STEPS = ("read", "save", "parse", "clean", "write", "guard")


def main(argv: list[str]) -> int:
    """Print the table; always 0."""
    parser = argparse.ArgumentParser(prog="scripts/bench header", description=__doc__)
    parser.add_argument("sources", nargs="*", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--deid", type=int, default=10, help="every Nth file through DicomParser")
    options = parser.parse_args(argv)
    packaged = Path(pydicom.data.__file__).parent / "test_files"
    files = sorted(_files(options.sources or [packaged]))
    cleaner = HeaderCleaner.load(ScrubOptions(), CustomerKey("bench", bytes(32)))
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        runs = [_measure(file, cleaner, Path(folder), options.rounds) for file in files]
    measured = [run for run in runs if run]
    _print(measured)
    _against_deid(
        [file for file, run in zip(files, runs, strict=True) if run], cleaner, options.deid
    )
    return 0


def _files(sources: list[Path]) -> Iterator[Path]:
    for source in sources:
        yield from (f for f in source.rglob("*") if f.is_file()) if source.is_dir() else [source]


def _measure(
    file: Path, cleaner: HeaderCleaner, folder: Path, rounds: int
) -> dict[str, float] | None:
    """The least CPU seconds of each step over the rounds; None for a file that is not ours."""
    best: dict[str, float] = {}
    for _ in range(rounds + 1):  # the first round warms caches up and is the test of the file
        try:
            spent = _once(file, cleaner, folder)
        except WatcherError:
            return None
        if spent is None:
            return None
        best = {step: min(best.get(step, seconds), seconds) for step, seconds in spent.items()}
    return best


def _once(file: Path, cleaner: HeaderCleaner, folder: Path) -> dict[str, float] | None:
    clock = time.process_time
    at = [clock()]
    try:
        dataset = pydicom.dcmread(file)
        at.append(clock())
        dataset.save_as(folder / "theirs")
        at.append(clock())
    except LIBRARY_ERRORS:
        return None  # pydicom cannot read it or not write it: nothing to compare with
    limits, buffer = Limits(), memoryview(file.read_bytes())
    part = part10.parse(buffer, walk.walk(buffer, limits), limits)
    at.append(clock())
    clean = cleaner.clean(part)
    at.append(clock())
    if part.pixels is None:
        return None
    ours = folder / "ours"
    ours.unlink(missing_ok=True)
    written = writing.write(_scrubbed(clean, part), ours)
    at.append(clock())
    cleaner.guard(clean).leak(written.header)
    at.append(clock())
    return {step: at[n + 1] - at[n] for n, step in enumerate(STEPS)}


def _scrubbed(clean: CleanHeader, part: Part10) -> Any:
    """As much of a Scrubbed as writing asks for; the pixels are copied."""
    return SimpleNamespace(
        dataset=clean.dataset,
        verbatim=part.pixels,
        frames=None,
        sop_class_uid=clean.subject.sop_class,
        sop_instance_uid=str(clean.dataset.SOPInstanceUID),
    )


def _print(runs: list[dict[str, float]]) -> None:
    total = {step: sum(run[step] for run in runs) for step in STEPS}
    bare = total["read"] + total["save"]
    print(f"| {len(runs)} files | " + " | ".join(STEPS) + " |")
    print("|---" * (len(STEPS) + 1) + "|")
    cells = (f"{1000 * total[step] / len(runs):.2f}" for step in STEPS)
    print("| CPU ms per file | " + " | ".join(cells) + " |")
    for names in (("clean", "write"), ("parse", "clean", "write"), STEPS[2:]):
        share = sum(total[name] for name in names) / bare
        print(f"{' + '.join(names)}: {share:.2f} times pydicom's read + save")


def _against_deid(files: list[Path], cleaner: HeaderCleaner, step: int) -> None:
    ours = theirs = 0.0
    chosen = files[::step]
    for file in chosen:
        limits, buffer = Limits(), memoryview(file.read_bytes())
        part = part10.parse(buffer, walk.walk(buffer, limits), limits)
        start = time.process_time()
        clean = cleaner.clean(part)
        ours += time.process_time() - start
        dataset = pydicom.dcmread(BytesIO(buffer), stop_before_pixels=True)
        functions = cleaner.functions(clean.subject, clean.identity).table()
        start = time.process_time()
        through_deid(dataset, cleaner.recipe, functions)
        theirs += time.process_time() - start
    print(
        f"the same recipe on {len(chosen)} files: engine {1000 * ours / len(chosen):.1f} ms, "
        f"DicomParser {1000 * theirs / len(chosen):.1f} ms, {theirs / ours:.0f} times"
    )


if __name__ == "__main__":
    import sys

    sys.exit(main(sys.argv[1:]))
