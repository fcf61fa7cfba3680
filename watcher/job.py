"""What a worker is asked to do; plain data, so that asking does not load the imaging libraries."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from watcher.model import Review
from watcher.options import Limits, PixelOptions, RenderOptions, ScrubOptions


@dataclass(frozen=True, slots=True)
class Job:
    """One file to prepare. `path` is relative to `root`, `device` the file system it was seen on;
    results go to `out` as `<id>.*`. With another `generation` the recipes are read anew.
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
    review: Review | None = None
    generation: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """A person wants to see one file: frame `frame` (from 0), masked with `boxes`, or with those
    that are found when None; the header's values only when asked for.
    """

    job: Job
    frame: int = 0
    boxes: tuple[tuple[int, int, int, int, int], ...] | None = None
    values: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What a person is shown. `png` is an 8-bit picture of the frame's brightness, for eyes on
    this box only; `rows` say of each element what would become of it (`values`: and from what);
    `reason` and `detail` why the pixels or the header are refused, "" when they are not.
    """

    source_digest: str
    frames: int
    rows: int
    columns: int
    boxes: tuple[tuple[int, int, int, int, int], ...]
    verdict: str
    detail: str
    device: tuple[str, str, str, int, int]
    device_key: str
    png: bytes = field(repr=False)
    header: tuple[tuple[str, ...], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Ruling:
    """A person wants these boxes, (left, top, right, bottom), masked on every file of a device."""

    recipe: Path
    device: tuple[str, str, str, int, int]
    boxes: tuple[tuple[int, int, int, int], ...]
