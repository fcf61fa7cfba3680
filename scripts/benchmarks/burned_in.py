"""Burned-in text: hidden, refused, touched, and seconds a picture; beside deid and Tesseract."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from scripts.benchmarks._planting import Array, Picture, Planted, pictures
from watcher.dicom.frames import masked
from watcher.errors import RefusedError
from watcher.options import PixelOptions
from watcher.scrub.pixels import PixelJudge, PixelVerdict
from watcher.scrub.pixels.draw import draw
from watcher.scrub.pixels.planes import windowed

Box = tuple[int, int, int, int, int]
Tool = Callable[[Picture], "list[Box] | None"]
"""What a tool would fill, frame 0 for all frames; None when it refuses the picture."""

TOOLS = ("no-gate", "deid", "tesseract")
TARGETS = (
    ("hidden or refused", "strings", 100.0, "at least"),
    ("hidden, not refused", "strings", 98.0, "at least"),
    ("refused", "pictures with text", 3.0, "at most"),
    ("area touched", "pictures without text", 0.1, "at most"),
    ("refused", "pictures without text", 1.0, "at most"),
)


@dataclass(eq=False)
class Score:
    """Counts of one tool over all pictures."""

    name: str
    hidden: int = 0
    shown: int = 0
    in_refused: int = 0
    with_text: int = 0
    refused: int = 0
    clean: int = 0
    clean_refused: int = 0
    touched: list[float] = field(default_factory=list)
    outside: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    by: dict[str, Counter[bool]] = field(default_factory=lambda: defaultdict(Counter))
    misses: list[tuple[Picture, Planted]] = field(default_factory=list)

    def take(self, picture: Picture, boxes: list[Box] | None, seconds: float) -> None:
        """Count one picture."""
        self.seconds.append(seconds)
        if not picture.planted:
            self.clean += 1
            self.clean_refused += boxes is None
            self.touched.append(_share(picture, boxes or []))
            return
        self.with_text += 1
        if boxes is None:
            self.refused += 1
            self.in_refused += len(picture.planted)
            return
        self.outside.append(_share(picture, boxes))
        for planted in picture.planted:
            self._string(picture, planted, boxes)

    def _string(self, picture: Picture, planted: Planted, boxes: list[Box]) -> None:
        hides = _covered(planted, boxes, picture.frames.number) >= 0.95
        self.hidden += hides
        self.shown += not hides
        if not hides:
            self.misses.append((picture, planted))
        size = (
            "8 to 10" if planted.height <= 10 else "12 to 20" if planted.height <= 20 else "24 up"
        )
        frame = "one frame only" if planted.frame is not None else "every frame"
        for key in (planted.face, planted.tone, f"{size} px", frame, picture.kind.split(",")[0]):
            self.by[key][hides] += 1

    @property
    def figures(self) -> list[float]:
        """In the order of TARGETS, per cent."""
        strings = max(1, self.hidden + self.shown + self.in_refused)
        return [
            100 * (self.hidden + self.in_refused) / strings,
            100 * self.hidden / max(1, self.hidden + self.shown),
            100 * self.refused / max(1, self.with_text),
            100 * float(np.mean(self.touched or [0])),
            100 * self.clean_refused / max(1, self.clean),
        ]


def _covered(planted: Planted, boxes: list[Box], number: int) -> float:
    """The least share of the ink that is filled in a frame that shows it."""
    frames = range(number) if planted.frame is None else [planted.frame]
    return min(float(_filled(planted.mask.shape, boxes, k)[planted.mask].mean()) for k in frames)


def _filled(shape: tuple[int, ...], boxes: Iterable[Box], index: int) -> Array:
    filled = np.zeros(shape[:2], bool)
    for frame, left, top, right, bottom in boxes:
        if frame in (0, index + 1):
            filled[max(0, top) : bottom, max(0, left) : right] = True
    return filled


def _share(picture: Picture, boxes: list[Box]) -> float:
    """Share of the first frame's pixels that are filled and do not belong to a planted text."""
    filled = _filled((picture.frames.rows, picture.frames.columns), boxes, 0)
    for planted in picture.planted:
        lines, columns = np.flatnonzero(planted.mask.any(1)), np.flatnonzero(planted.mask.any(0))
        more = max(8, min(np.ptp(lines), np.ptp(columns)) // 2)
        filled[
            max(0, lines[0] - more) : lines[-1] + more,
            max(0, columns[0] - more) : columns[-1] + more,
        ] = False
    return float(filled.mean())


class Ours:
    """The judge that the gateway uses; `always` reads every picture in full, as without a gate."""

    def __init__(self, judge: PixelJudge, *, always: bool = False) -> None:
        self._judge = judge
        self._always = always
        self.verdicts: list[PixelVerdict | None] = []

    def __call__(self, picture: Picture) -> list[Box] | None:
        part = picture.part
        if self._always:
            part.dataset.BurnedInAnnotation = "YES"
        try:
            verdict = self._judge.judge(part, picture.frames, frozenset())
        except RefusedError:
            self.verdicts.append(None)
            return None
        self.verdicts.append(verdict)
        return list(verdict.boxes)


def deid_cleaner(picture: Picture) -> list[Box] | None:
    """What DicomCleaner would fill: the coordinates of deid's device rules."""
    from deid.dicom.pixels.detect import has_burned_pixels  # imports matplotlib

    found = has_burned_pixels(picture.part.dataset)
    boxes: list[Box] = []
    for result in found["results"]:
        for _, coordinates in result["coordinates"]:
            if coordinates != "all" and isinstance(coordinates, str):
                left, top, right, bottom = (int(n) for n in coordinates.split(","))
                boxes.append((0, left, top, right, bottom))
    return boxes


def tesseract(scales: Sequence[float], both: bool) -> Tool:
    """Tesseract's word boxes on the frames that show text, light and dark if `both`."""

    def read(picture: Picture) -> list[Box]:
        boxes: list[Box] = []
        for index in sorted({p.frame or 0 for p in picture.planted} or {0}):
            plane = windowed(_grey(picture.frames.frame(index)))
            for scale in scales:
                for view in (plane, 255 - plane) if both else (plane,):
                    boxes += _words(view, scale)
        return boxes

    return read


def _words(plane: Array, scale: float) -> Iterable[Box]:
    shown = cv2.resize(plane, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    _, png = cv2.imencode(".png", shown)
    answer = subprocess.run(
        ["tesseract", "-", "-", "--psm", "11", "tsv"],  # noqa: S607
        input=png.tobytes(),
        capture_output=True,
        check=True,
        env={"OMP_THREAD_LIMIT": "1", "PATH": "/usr/bin:/bin:/usr/local/bin"},
    )
    for line in answer.stdout.decode("utf-8", "replace").splitlines()[1:]:
        fields = line.split("\t")
        if len(fields) == 12 and fields[11].strip() and float(fields[10]) > 0:
            left, top, width, height = (int(int(n) / scale) for n in fields[6:10])
            yield (0, left - 2, top - 2, left + width + 3, top + height + 3)


def _grey(frame: Array) -> Array:
    grey: Array = frame.astype(np.float32).mean(-1) if frame.ndim == 3 else frame
    return grey


def run(tools: dict[str, Tool], found: list[Picture]) -> dict[str, Score]:
    """Let every tool judge every picture."""
    scores = {name: Score(name) for name in tools}
    for number, picture in enumerate(found):
        print(f"{number} of {len(found)} pictures", end="\r", file=sys.stderr, flush=True)
        for name, tool in tools.items():
            start = time.process_time()
            wall = time.perf_counter()
            boxes = tool(picture)
            outside = name.startswith("Tesseract")  # its work is another process's
            spent = time.perf_counter() - wall if outside else time.process_time() - start
            scores[name].take(picture, boxes, spent)
    return scores


def show(scores: dict[str, Score]) -> bool:
    """Print the table; True when ours meets every target."""
    names = list(scores)
    print(f"{'per cent':46}" + "".join(f"{name:>24}" for name in names))
    met = True
    for row, (what, of, limit, side) in enumerate(TARGETS):
        cells = [scores[name].figures[row] for name in names]
        print(f"{f'{what} ({of}; {side} {limit:g})':46}" + "".join(f"{c:24.2f}" for c in cells))
        met &= cells[0] >= limit if side == "at least" else cells[0] <= limit
    outside = [100 * float(np.mean(s.outside or [0])) for s in scores.values()]
    print(
        f"{'filled beside the text (pictures with text)':46}"
        + "".join(f"{c:24.2f}" for c in outside)
    )
    for label, figure in (("median", np.median), ("mean", np.mean)):
        cells = [float(figure(s.seconds)) for s in scores.values()]
        print(
            f"{f'seconds a picture, one core, {label}':46}" + "".join(f"{c:24.3f}" for c in cells)
        )
    return bool(met)


def show_details(score: Score) -> None:
    """Hidden of all, by what was planted, and every miss."""
    print(f"\n{score.name}, hidden of those not refused, by what was planted")
    for key, counts in sorted(score.by.items()):
        print(f"  {key:24} {counts[True]:5} of {sum(counts.values()):5}")
    for picture, planted in score.misses:
        where = "every frame" if planted.frame is None else f"frame {planted.frame + 1}"
        print(
            f"  miss: {planted.face}, {planted.tone}, {planted.height} px, {where}, {picture.kind}"
        )


def sheet(folder: Path, found: list[Picture], ours: Ours, misses: list[Picture]) -> None:
    """Before and after side by side: every miss, and some others."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = [*misses, *(p for p in found if p.planted and p not in misses)][:24]
    tiles = [_before_after(p, ours.verdicts[found.index(p)]) for p in chosen]
    blank = np.full_like(tiles[0], 40)
    tiles += [blank] * (-len(tiles) % 3)
    rows = [np.hstack(tiles[i : i + 3]) for i in range(0, len(tiles), 3)]
    Image.fromarray(np.vstack(rows)).save(folder / "burned_in.png")
    print(f"contact sheet: {folder / 'burned_in.png'} ({len(misses)} misses first)")


def _before_after(picture: Picture, verdict: PixelVerdict | None) -> Array:
    index = max((p.frame or 0 for p in picture.planted), default=0)
    before = windowed(_grey(picture.frames.frame(index)))
    if verdict is None:
        after = np.zeros_like(before)
    else:
        after = windowed(_grey(masked(picture.frames, verdict.boxes).frame(index)))
    boxes = [box[1:] for box in verdict.boxes] if verdict else []
    return np.hstack([_tile(draw(before, boxes, 1)), _tile(draw(after, []))])


def _tile(image: Array, side: int = 360) -> Array:
    scale = side / max(image.shape[:2])
    shown = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    tile = np.full((side, side, 3), 40, np.uint8)
    tile[: shown.shape[0], : shown.shape[1]] = shown[:side, :side]
    return tile


def phibench(folder: Path, seeds: Sequence[str], corpus: Path, limit: int) -> None:
    """The external benchmark's pixel score, by the gateway's own offline command."""
    for seed in seeds:
        with tempfile.TemporaryDirectory() as scratch:
            key, out = Path(scratch) / "key", Path(scratch) / "out"
            bench = [sys.executable, "-m", "phibench"]
            for command in (
                [
                    *bench,
                    "burn",
                    str(corpus),
                    "--seed",
                    seed,
                    "--out",
                    str(key),
                    "--limit",
                    str(limit),
                ],
                [sys.executable, "-m", "watcher", "scrub", str(key / "files"), "--out", str(out)],
                [
                    *bench,
                    "score",
                    "--key",
                    str(key),
                    "--result",
                    str(out),
                    "--json",
                    f"{scratch}/r",
                ],
            ):
                home = Path.cwd() if "watcher" in command else folder
                subprocess.run(command, cwd=home, check=False, capture_output=True)
            report = json.loads(Path(f"{scratch}/r").read_text())
            print(f"phibench, seed {seed}: {json.dumps(report.get('actions', report))[:2000]}")


def main(argv: list[str]) -> int:
    """Plant, judge, count, print; 0 when the targets are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=120, help="pictures")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--fonts", type=Path, help="a folder of .ttf fonts to use as well")
    parser.add_argument("--sheet", type=Path, help="a folder for the contact sheet")
    parser.add_argument("--tools", nargs="*", choices=TOOLS, default=TOOLS, help="beside ours")
    parser.add_argument("--phibench", type=Path, help="the folder that holds phibench/ and corpus/")
    parser.add_argument("--phibench-seeds", nargs="*", default=["a", "b"])
    parser.add_argument("--phibench-limit", type=int, default=60)
    options = parser.parse_args(argv)
    fonts = sorted(options.fonts.rglob("*.ttf")) if options.fonts else []
    found = list(pictures(options.seed, options.count, fonts))
    judge = PixelJudge.load(PixelOptions())
    ours = Ours(judge)
    tools: dict[str, Tool] = {"ours": ours, **_others(judge, options.tools)}
    scores = run(tools, found)
    strings = sum(len(p.planted) for p in found)
    print(f"{strings} strings in {sum(bool(p.planted) for p in found)} of {len(found)} pictures\n")
    met = show(scores)
    show_details(scores["ours"])
    show_gate(found, ours)
    if options.sheet:
        sheet(options.sheet, found, ours, [picture for picture, _ in scores["ours"].misses])
    if options.phibench:
        phibench(
            options.phibench,
            options.phibench_seeds,
            options.phibench / "corpus",
            options.phibench_limit,
        )
    return 0 if met else 1


def _others(judge: PixelJudge, chosen: Sequence[str]) -> dict[str, Tool]:
    tools: dict[str, Tool] = {}
    if "no-gate" in chosen:
        tools["ours, no gate"] = Ours(judge, always=True)
    if "deid" in chosen:
        tools["deid DicomCleaner"] = deid_cleaner
    if "tesseract" not in chosen:
        return tools
    if shutil.which("tesseract"):
        tools["Tesseract"] = tesseract((1.0,), both=False)
        tools["Tesseract, 2 scales"] = tesseract((1.0, 2.0), both=True)
    else:
        print("Tesseract is not installed: left out")
    return tools


def show_gate(found: list[Picture], ours: Ours) -> None:
    """How many pictures without text were not read in full."""
    plain = [v for p, v in zip(found, ours.verdicts, strict=True) if v and not p.planted]
    ordinary = [v for v in plain if not v.report.suspect]
    skipped = sum(v.verdict == "clean" for v in ordinary)
    print(f"\nordinary pictures without text: {skipped} of {len(ordinary)} cleared by the gate")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
