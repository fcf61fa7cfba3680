"""A contact sheet: one image of each modality and photometric interpretation, to be looked at.

The sheet holds pixels of the files it is given: it is for eyes on this box, like the files.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from tests.dicom.files import scrubbed
from watcher.dicom.frames import open_frames
from watcher.dicom.part10 import parse
from watcher.dicom.quiet import LIBRARY_ERRORS, quiet
from watcher.dicom.walk import walk
from watcher.errors import DeferredError, ExcludedError, RefusedError
from watcher.options import Limits, RenderOptions
from watcher.render import render

_TILE, _LABEL, _ACROSS = 256, 28, 7


def main(argv: list[str]) -> int:
    """Write DIR/sheet.png."""
    parser = argparse.ArgumentParser(prog="bench sheet", description=__doc__)
    parser.add_argument("out", type=Path, metavar="DIR")
    parser.add_argument("sources", nargs="+", type=Path, metavar="SRC")
    options = parser.parse_args(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    sheet(options.sources, options.out / "sheet.png")
    return 0


def sheet(sources: list[Path], target: Path) -> None:
    """One image of each combination below `sources`, in display mode, onto one picture."""
    tiles: dict[str, Image.Image] = {}
    refused = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in _files(sources):
            try:
                _add(path, Path(folder) / "one.png", tiles)
            except (RefusedError, ExcludedError, DeferredError, *LIBRARY_ERRORS):
                refused += 1
    if not tiles:
        raise SystemExit("no image among the sources")
    _composed(tiles).save(target)
    print(f"{len(tiles)} combinations; {refused} files without an image that can be shown")


def _files(sources: list[Path]) -> Iterator[Path]:
    for source in sources:
        yield from (
            (p for p in sorted(source.rglob("*")) if p.is_file()) if source.is_dir() else [source]
        )


def _add(path: Path, png: Path, tiles: dict[str, Image.Image]) -> None:
    """The middle frame of a file, unless its combination is there already."""
    limits, view = Limits(), memoryview(path.read_bytes())
    part = parse(view, walk(view, limits), limits)
    frames = open_frames(part, limits)
    if frames is None:
        return
    with quiet():
        modality = str(part.dataset.get("Modality") or "?")
        stated = str(part.dataset.get("PhotometricInterpretation"))
    name = f"{modality} {stated}"
    if name in tiles:
        return
    png.unlink(missing_ok=True)
    render(scrubbed(part, frames), frames.number // 2, RenderOptions(), png)
    with Image.open(png) as picture:
        whole = picture.convert("RGB")
        whole.thumbnail((_TILE, _TILE))
        tiles[name] = whole


def _composed(tiles: dict[str, Image.Image]) -> Image.Image:
    down = math.ceil(len(tiles) / _ACROSS)
    size = (_ACROSS * _TILE, down * (_TILE + _LABEL))
    whole = Image.fromarray(np.full((size[1], size[0], 3), 40, np.uint8))
    draw = ImageDraw.Draw(whole)
    for number, (name, tile) in enumerate(sorted(tiles.items())):
        left, top = number % _ACROSS * _TILE, number // _ACROSS * (_TILE + _LABEL)
        whole.paste(tile, (left + (_TILE - tile.width) // 2, top + _LABEL))
        draw.text((left + 4, top + 6), name, fill=(255, 220, 120))
    return whole


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
