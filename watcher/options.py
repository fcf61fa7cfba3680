"""The knobs: one frozen model per room, each with its default and its one-line comment.

Rooms take these as plain values; only `settings` reads them from a file or the environment.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Options(BaseModel):
    """The base of every section: frozen, unknown keys refused, comments kept as descriptions."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class IntakeOptions(Options):
    """`[intake]`: what is picked up, and when it counts as whole."""

    root: Path = Path("local_dcm")
    """Folder with one sub-folder per customer; modalities and PACS drop files there."""
    scan_every: float = Field(10.0, gt=0)
    """Seconds between two full scans; the scan is the truth, events only make it fast."""
    quiet_after_close: float = Field(0.0, ge=0)
    """Seconds a file must be at rest after a close or rename event before it is tried."""
    quiet_without_close: float = Field(2.0, ge=0)
    """Seconds a file must be at rest when no close or rename was seen."""
    give_up_after: float = Field(3600.0, gt=0)
    """Seconds without change after which a file that is not whole is quarantined as truncated."""
    temporary_suffixes: tuple[str, ...] = (
        ".part",
        ".partial",
        ".tmp",
        ".temp",
        ".filepart",
        ".crdownload",
    )
    """Names with these endings, and hidden names, are a sender's work in progress: never taken."""


class Limits(Options):
    """`[limits]`: bounds on one file, checked before pixel work; beyond them it is quarantined."""

    file_bytes: int = Field(8 << 30, gt=0)
    """Bytes of one source file."""
    header_bytes: int = Field(256 << 20, gt=0)
    """Bytes of one data set without its Pixel Data."""
    inflated_bytes: int = Field(2 << 30, gt=0)
    """Bytes that a deflated data set may grow to."""
    inflate_ratio: float = Field(200.0, gt=1)
    """How many times its own size a deflated data set may grow."""
    elements: int = Field(200_000, gt=0)
    """Data elements of one file, nested ones included."""
    depth: int = Field(32, gt=0)
    """Levels of nested sequences."""
    rows: int = Field(65_535, gt=0)
    """Rows of one frame."""
    columns: int = Field(65_535, gt=0)
    """Columns of one frame."""
    frames: int = Field(20_000, gt=0)
    """Frames of one Instance."""
    frame_bytes: int = Field(1 << 30, gt=0)
    """Bytes of one decoded frame."""


class ScrubOptions(Options):
    """`[scrub]`: the Confidentiality Profile, its options and what a site adds to it."""

    recipe: Path | None = None
    """A site's own deid recipe, applied on top of the shipped one."""


class PixelOptions(Options):
    """`[pixels]`: burned-in text, what is read, what may stay."""

    recipe: Path | None = None
    """A site's own device regions, in deid's recipe language."""


class RenderOptions(Options):
    """`[render]`: what the PNG shows."""

    mode: Literal["display", "lossless"] = "display"
    """display: 8 bits as a viewer shows it; lossless: the stored values, bit-exact."""


class DeliverOptions(Options):
    """`[deliver]`: the backend, and how hard it is tried."""

    url: str = "embedded"
    """The backend's base URL, or "embedded" for the reference receiver inside this process."""
    concurrency: int = Field(4, ge=1, le=256)
    """Requests under way at once to one destination."""


class WorkerOptions(Options):
    """`[workers]`: the processes that touch bytes from outside."""

    processes: int = Field(0, ge=0, le=512)
    """Worker processes; 0 means one per core."""
    timeout: float = Field(300.0, gt=0)
    """Seconds one file may take before its worker is killed and the file is quarantined."""
    memory: int = Field(4 << 30, ge=256 << 20)
    """Bytes of address space one worker may use on top of what it starts with."""
    attempts: int = Field(3, ge=1)
    """How often a file that kills its worker, or fails unexpectedly, is tried before quarantine."""


class ArchiveOptions(Options):
    """`[archive]`: what becomes of an original after its acknowledgement is durable."""

    after_delivery: Literal["archive", "delete", "keep"] = "archive"
    """archive: moved under state/archive; delete: removed; keep: left where it was dropped."""
    keep_outbox: bool = False
    """Keep the cleaned DICOM, PNG and base64 text after delivery."""


class LogOptions(Options):
    """`[log]`: what is written about the work."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe line that is written."""
