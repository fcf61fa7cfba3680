"""A process of its own that takes one large file all the way and says how much memory it took.

`python -m tests.render.lean FILE MODE ACTION...`, ACTION being copy, rewrite or mask, prints the
growth of the peak resident set in bytes: private memory and mapped file alike.
"""

from __future__ import annotations

import base64
import mmap
import resource
import sys
from pathlib import Path
from typing import cast

from tests.dicom.files import scrubbed
from tests.render.pictures import Mode
from watcher.dicom.frames import masked, open_frames
from watcher.dicom.paging import digest
from watcher.dicom.part10 import parse
from watcher.dicom.walk import walk
from watcher.dicom.writing import write
from watcher.digest import BLAKE3
from watcher.options import Limits, RenderOptions
from watcher.render import render

LIMITS = Limits(file_bytes=8 << 30, frame_bytes=1 << 30, frames=20_000)


def peak() -> int:
    """The greatest resident set so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def main(source: Path, mode: Mode, actions: list[str]) -> None:
    """Take the file all the way, once for each action."""
    before = peak()
    for action in actions:
        take(source, mode, action)
    print(peak() - before)


def take(source: Path, mode: Mode, action: str) -> None:
    """Walk, parse, hash, write and render every frame, as a worker does."""
    folder = source.parent
    with source.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    view = memoryview(mapped)
    part = parse(view, walk(view, LIMITS), LIMITS)
    frames = open_frames(part, LIMITS)
    assert frames is not None
    digest(view, BLAKE3)
    if action == "mask":
        frames = masked(frames, ((0, 10, 10, 200, 60),))
    clean = scrubbed(part, frames, verbatim=action == "copy")
    out, png = folder / "out.dcm", folder / "out.png"
    write(clean, out)
    out.unlink()
    for index in range(frames.number):
        render(clean, index, RenderOptions(mode=mode), png)
        _encode(png, folder / "out.txt")
        png.unlink()


def _encode(png: Path, text: Path) -> None:
    """Base64 in pieces, as the deliver room does."""
    with png.open("rb") as source, text.open("wb") as goal:
        while piece := source.read(3 << 16):
            goal.write(base64.b64encode(piece))


if __name__ == "__main__":
    main(Path(sys.argv[1]), cast(Mode, sys.argv[2]), sys.argv[3:])
