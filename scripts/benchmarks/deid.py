"""De-identification: invented identifiers planted in real files, ours beside the stock tools.

Ten actions of the MIDI-B challenge, a count of leaks over the raw bytes, the rate of the guard's
false alarms, and the CPU time of header work in units of pydicom's reading and writing.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import pydicom

from scripts.benchmarks import deid_plant, deid_score, deid_tools
from watcher.dicom import part10, walk
from watcher.dicom.elements import Coding
from watcher.dicom.encoding import encode
from watcher.options import Limits, ScrubOptions
from watcher.scrub.cleaner import HeaderCleaner
from watcher.scrub.keys import CustomerKey

_ROUNDS = 3


def main(argv: list[str]) -> int:
    """Plant, run, score and print. Returns 1 when ours leaks or stays under the target."""
    parser = argparse.ArgumentParser(prog="scripts/bench deid", description=__doc__)
    parser.add_argument("--seed", default="1", help="the same seed plants the same")
    parser.add_argument("--limit", type=int, default=0, help="at most so many packaged files")
    parser.add_argument("--ours", action="store_true", help="leave the stock tools out")
    parser.add_argument(
        "--failures", type=int, default=0, help="list so many failed checks of ours"
    )
    parser.add_argument("--phibench", type=Path, help="folder of the phibench package, if there")
    options = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as scratch:
        good = _own(options, Path(scratch))
        if options.phibench and options.phibench.is_dir():
            _phibench(options, Path(scratch))
    return 0 if good else 1


def _own(options: argparse.Namespace, scratch: Path) -> bool:
    planted, out = scratch / "planted", scratch / "ours"
    planted.mkdir()
    key = deid_plant.plant(options.seed, planted, options.limit)
    outputs = deid_tools.ours(planted, out)
    scores = {"ours": deid_score.score(key, outputs)}
    for name in [] if options.ours else deid_tools.installed():
        folder = scratch / name.replace(" ", "-")
        folder.mkdir()
        done = deid_tools.stock(name, [p.path for p in key], folder)
        scores[name] = deid_score.score(key, done)
    _table(scores)
    for failure in scores["ours"].failures[: options.failures]:
        print("  ".join(failure))
    _guard(key, out)
    _cpu(sorted(planted.iterdir()))
    mine = scores["ours"]
    return mine.leaks == 0 and mine.rate() >= 99.97 and mine.rate(deid_score.RETAINING) >= 99.5


def _table(scores: dict[str, deid_score.Score]) -> None:
    def row(name: str, cells: list[str]) -> None:
        print(f"| {name} | " + " | ".join(cells) + " |")

    every = list(scores.values())
    row("", list(scores))
    row("---", ["---"] * len(scores))
    row("files / refused / missing", [f"{s.files} / {s.refused} / {s.missing}" for s in every])
    row("**score, %**", [f"{s.rate():.2f}" for s in every])
    row("score, refused = failed, %", [f"{s.strict():.2f}" for s in every])
    row("**leaked tokens**", [f"{s.leaks} of {s.tokens}" for s in every])
    row("retained, %", [f"{s.rate(deid_score.RETAINING):.2f}" for s in every])
    for action in deid_score.ACTIONS:
        row(action, [f"{s.actions[action][0]}/{s.actions[action][1]}" for s in every])


def _guard(key: list[deid_plant.Planted], out: Path) -> None:
    """Alarms of the guard where an independent search finds none of the planted values."""
    refused = deid_tools.refusals(out)
    cleaner, tokens = _cleaner(), {p.path.name: p.tokens for p in key}
    alarms = [p for p in key if refused.get(p.path.name, "").startswith("residual-phi")]
    false = 0
    for planted in alarms:
        data = _header(cleaner, planted.path.read_bytes())
        false += not any(deid_score.leaks(t, k, data.lower()) for t, k in tokens[planted.path.name])
    unplanted = [_alarm(cleaner, ds) for ds in deid_plant.sources(0)]
    print(f"\nguard: {len(alarms)} alarms on {len(key)} planted files, {false} of them false;")
    print(f"       {sum(unplanted)} on {len(unplanted)} files as they came")
    reasons = sorted(set(refused.values()))
    print(
        "refused: " + (", ".join(f"{r} {list(refused.values()).count(r)}" for r in reasons) or "-")
    )


def _alarm(cleaner: HeaderCleaner, dataset: pydicom.Dataset) -> bool:
    buffer = io.BytesIO()
    for _ in dataset.iterall():
        pass  # elements as they were read may have no VR to be written with
    dataset.save_as(buffer, enforce_file_format=True)
    part = _part(buffer.getvalue())
    clean = cleaner.clean(part)
    return cleaner.guard(clean).leak(_written(clean.dataset)) is not None


def _cleaner() -> HeaderCleaner:
    return HeaderCleaner.load(ScrubOptions(), CustomerKey("b1", bytes(range(32))))


def _part(data: bytes) -> part10.Part10:
    view, limits = memoryview(data), Limits()
    return part10.parse(view, walk.walk(view, limits), limits)


def _header(cleaner: HeaderCleaner, data: bytes) -> bytes:
    return _written(cleaner.clean(_part(data)).dataset)


def _written(dataset: pydicom.Dataset) -> bytes:
    """The clean header's bytes, as the gateway writes them."""
    implicit, little = dataset.original_encoding
    coding = Coding(explicit=not implicit, little=bool(little))
    return b"".join(encode(dataset, coding, (), range(0x7FE00008, 0x7FE00011)))


def _cpu(paths: list[Path]) -> None:
    """CPU of cleaning and proving a header, in units of pydicom reading and writing the file."""
    cleaner = _cleaner()
    theirs = mine = 0.0
    for path in paths:
        data = path.read_bytes()
        theirs += min(_timed(lambda data=data: _read_and_write(data)) for _ in range(_ROUNDS))
        mine += min(_timed(lambda data=data: _work(cleaner, data)) for _ in range(_ROUNDS))
    count = max(len(paths), 1)
    print(f"CPU a planted file: pydicom read + write {1000 * theirs / count:.1f} ms,", end=" ")
    print(f"parse + clean + write + guard {1000 * mine / count:.1f} ms: {mine / theirs:.2f} times")


def _read_and_write(data: bytes) -> None:
    pydicom.dcmread(io.BytesIO(data)).save_as(io.BytesIO(), enforce_file_format=True)


def _work(cleaner: HeaderCleaner, data: bytes) -> None:
    part = _part(data)
    clean = cleaner.clean(part)
    cleaner.guard(clean).leak(_written(clean.dataset))


def _timed(work: object) -> float:
    start = time.process_time()
    work()  # type: ignore[operator]
    return time.process_time() - start


def _phibench(options: argparse.Namespace, scratch: Path) -> None:
    """The external benchmark over our own output."""
    package: Path = options.phibench.resolve()
    env = os.environ | {"PYTHONPATH": str(package.parent)}
    run = [sys.executable, "-m", package.name]
    corpus = package.parent / "corpus"
    source = corpus if corpus.is_dir() else Path(pydicom.__file__).parent / "data" / "test_files"
    key, out = scratch / "external", scratch / "external-out"
    plant = [*run, "plant", str(source), "--seed", options.seed, "--out", str(key), "--limit", "80"]
    subprocess.run(plant, check=True, env=env, capture_output=True)
    deid_tools.ours(key / "files", out)
    print(f"\n{package.name}, seed {options.seed}:")
    subprocess.run([*run, "score", "--key", str(key), "--result", str(out)], check=True, env=env)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
