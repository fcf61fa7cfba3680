"""What a worker is asked to do; plain data, so that asking does not load the imaging libraries."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from watcher.options import Limits, PixelOptions, RenderOptions, ScrubOptions


@dataclass(frozen=True, slots=True)
class Job:
    """One file to prepare. `path` is relative to `root`, `device` the file system it was seen on;
    results go to `out` as `<id>.*`.
    """

    id: str
    root: Path
    path: str
    device: int | None
    out: Path
    key_file: Path
    scrub: ScrubOptions
    pixels: PixelOptions
    render: RenderOptions
    limits: Limits
    body: bool = False
