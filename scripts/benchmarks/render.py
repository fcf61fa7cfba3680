"""CPU per image of reading, rendering and writing, step by step, beside the bare floor's.

The floor reads, hashes, lets pydicom read and write the file, decodes, windows, deflates a PNG with
one filter, encodes base64 and writes. `--files` takes DICOM files of one's own instead of generated
ones; of each, one line. `--sheet DIR SRC...` draws one image of each modality and photometric
interpretation of the sources onto DIR/sheet.png instead.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from struct import pack
from typing import Any

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread
from pydicom.pixels.utils import pixel_array

from scripts.benchmarks import sheet
from scripts.benchmarks.samples import KINDS
from watcher.dicom.frames import bands, open_frames, open_rows
from watcher.dicom.part10 import Part10, parse
from watcher.dicom.quiet import quiet
from watcher.dicom.scrubbed import Frames, Scrubbed
from watcher.dicom.walk import walk
from watcher.dicom.writing import write
from watcher.model import StudyFields
from watcher.options import Limits, RenderOptions
from watcher.render import render
from watcher.render.png import PngWriter

_STEPS = ("walk", "parse", "decode", "window", "png", "write", "hash+64")
_FLOOR = ("read+write", "decode", "window", "png", "hash+64")


def main(argv: list[str]) -> int:
    """Print a table of milliseconds of CPU per image."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", choices=["display", "lossless"], default="display")
    parser.add_argument("--repeat", type=int, default=5, help="the best of so many counts")
    parser.add_argument("--files", nargs="*", type=Path, default=[])
    parser.add_argument(
        "--sheet", nargs="+", type=Path, metavar="DIR SRC", help="DIR SRC...: a sheet"
    )
    options = parser.parse_args(argv)
    if options.sheet:
        return sheet.main([str(path) for path in options.sheet])
    named = [(path.name, path.read_bytes()) for path in options.files] or _generated()
    print(f"ms of CPU per image ({options.mode}), best of {options.repeat}; frames are images")
    print(f"{'':24}" + "".join(f"{s:>10}" for s in (*_STEPS, "sum", "/floor", "bytes/6")))
    for name, data in named:
        _compare(name, data, options.mode, options.repeat)
    return 0


def _generated() -> list[tuple[str, bytes]]:
    files = []
    for name, make in KINDS.items():
        buffer = io.BytesIO()
        make(1).save_as(buffer)
        files.append((name, buffer.getvalue()))
    return files


@dataclass
class _Bench:
    """Best CPU milliseconds of a step, per image."""

    repeat: int
    images: int

    def __call__(self, step: Callable[[], object]) -> float:
        best = float("inf")
        for _ in range(self.repeat):
            start = time.process_time()
            step()
            best = min(best, time.process_time() - start)
        return best * 1000 / self.images


def _compare(name: str, data: bytes, mode: Any, repeat: int) -> None:
    part, frames = _open(data)
    bench = _Bench(repeat, frames.number)
    with tempfile.TemporaryDirectory() as folder:
        ours = _ours(data, part, frames, RenderOptions(mode=mode), Path(folder), bench)
        floor = _floor(data, Path(folder), bench)
        ratio = _size_ratio(_scrubbed(part, frames), RenderOptions(mode=mode), Path(folder))
    total, least = sum(ours.values()), sum(floor.values())
    cells = [*(f"{ours[step]:.2f}" for step in _STEPS), f"{total:.2f}", f"{total / least:.2f}"]
    print(f"{name[-22:]:24}" + "".join(f"{cell:>10}" for cell in (*cells, f"{ratio:.3f}")))
    cells = ["", f"{floor['read+write']:.2f}", *(f"{floor[step]:.2f}" for step in _FLOOR[1:4])]
    cells += ["", f"{floor['hash+64']:.2f}", f"{least:.2f}"]
    print(f"{'  floor':24}" + "".join(f"{cell:>10}" for cell in cells))


def _open(data: bytes) -> tuple[Part10, Frames]:
    view, limits = memoryview(data), Limits()
    part = parse(view, walk(view, limits), limits)
    frames = open_frames(part, limits)
    if frames is None:
        raise SystemExit("no pixel data")
    return part, frames


def _ours(
    data: bytes,
    part: Part10,
    frames: Frames,
    options: RenderOptions,
    folder: Path,
    bench: _Bench,
) -> dict[str, float]:
    view, limits, scrubbed = memoryview(data), Limits(), _scrubbed(part, frames)
    walked = walk(view, limits)
    png, dcm = folder / "a.png", folder / "a.dcm"

    def rendered() -> None:
        for index in range(frames.number):
            png.unlink(missing_ok=True)
            render(scrubbed, index, options, png)

    def decoded() -> None:
        for index in range(frames.number):
            for _ in bands(open_rows(frames, index), frames.rows, 64):
                pass

    def written() -> None:
        dcm.unlink(missing_ok=True)
        write(scrubbed, dcm)

    times = {
        "walk": bench(lambda: walk(view, limits)),
        "parse": bench(lambda: parse(view, walked, limits)),
        "decode": bench(decoded),
        "write": bench(written),
    }
    whole = bench(rendered)
    picture = np.asarray(Image.open(png))
    times["png"] = bench(lambda: _png(folder / "b.png", picture)) * frames.number
    times["window"] = max(0.0, whole - times["decode"] - times["png"])
    body = png.read_bytes()
    coded = bench(lambda: (folder / "t").write_bytes(base64.b64encode(body))) * frames.number
    times["hash+64"] = coded + bench(lambda: hashlib.sha256(view).digest())
    return times


def _png(path: Path, picture: NDArray[Any]) -> None:
    path.unlink(missing_ok=True)
    height = max(1, (1 << 17) // picture[0].nbytes)
    middle = len(picture) // 2
    with PngWriter(path, len(picture), picture[middle : middle + height]) as writer:
        for top in range(0, len(picture), height):
            writer.write(picture[top : top + height])
        writer.close(path.name)


def _floor(data: bytes, folder: Path, bench: _Bench) -> dict[str, float]:
    out = folder / "floor.dcm"
    with quiet():
        dataset = dcmread(io.BytesIO(data), force=True)
        number = int(dataset.get("NumberOfFrames") or 1)
        frames = [pixel_array(dataset, index=index) for index in range(number)]
        window = _window(frames[0])
        pngs = [_plain_png(window(frame)) for frame in frames]
        return {
            "read+write": bench(lambda: dcmread(io.BytesIO(data), force=True).save_as(out)),
            "decode": bench(lambda: [pixel_array(dataset, index=i) for i in range(number)]),
            "window": bench(lambda: [window(frame) for frame in frames]),
            "png": bench(lambda: [_plain_png(window(frame)) for frame in frames[:1]]) * number
            - bench(lambda: [window(frame) for frame in frames[:1]]) * number,
            "hash+64": bench(
                lambda: (
                    hashlib.sha256(data).digest(),
                    [(folder / "p").write_bytes(png) for png in pngs],
                    [(folder / "t").write_bytes(base64.b64encode(png)) for png in pngs],
                )
            ),
        }


def _window(frame: NDArray[Any]) -> Callable[[NDArray[Any]], NDArray[Any]]:
    if frame.dtype == np.uint8:
        return lambda array: array
    low, high = float(frame.min()), float(max(frame.max(), frame.min() + 1))

    def window(array: NDArray[Any]) -> NDArray[Any]:
        shown = np.clip((array.astype(np.float32) - low) * (255 / (high - low)), 0, 255)
        scaled: NDArray[Any] = shown.astype(np.uint8)
        return scaled

    return window


def _plain_png(image: NDArray[np.uint8]) -> bytes:
    """The "up" filter and ISA-L level 3, in one piece."""
    rows = image.reshape(len(image), -1)
    filtered = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
    filtered[:, 0], filtered[0, 1:] = 2, rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    colour = 2 if image.ndim == 3 else 0
    head = pack(">LLBBBBB", image.shape[1], len(image), 8, colour, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", isal_zlib.compress(filtered.data, 3)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        pack(">L", len(body)) + kind + body + pack(">L", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def _size_ratio(scrubbed: Scrubbed, options: RenderOptions, folder: Path) -> float:
    """Bytes of up to five frames over Pillow's at level 6."""
    ours = theirs = 0
    step = max(1, scrubbed.frames.number // 5)
    for index in range(0, scrubbed.frames.number, step):
        path = folder / f"size{index}.png"
        ours += render(scrubbed, index, options, path).png.size
        buffer = io.BytesIO()
        Image.open(path).save(buffer, "PNG", compress_level=6)
        theirs += buffer.tell()
    return ours / theirs


def _scrubbed(part: Part10, frames: Frames) -> Scrubbed:
    return Scrubbed(
        dataset=part.dataset,
        frames=frames,
        verbatim=part.pixels,
        verdict="",
        boxes=(),
        leak=lambda _: None,
        uid_digest="",
        recipe="",
        key_id="",
        study=StudyFields("", "", "", ""),
        sop_class_uid=str(part.dataset.SOPClassUID),
        sop_instance_uid=str(part.dataset.SOPInstanceUID),
    )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
