"""What intake hands out: arrivals, and frozen snapshots of its counters and its health."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from watcher.model import Signature


@dataclass(frozen=True, slots=True)
class Arrival:
    """One file at rest. `path` is relative to the customer's folder, as `os.fsdecode` gives it.

    `seen` is wall-clock time in seconds. `path` may name a patient: it goes to the ledger only.
    """

    customer: str
    path: str
    signature: Signature
    seen: float
    hint: Literal["event", "scan"]


@dataclass(slots=True)
class Totals:
    """What has been counted since the start. Durations are in seconds."""

    hints: int = 0
    arrivals_by_event: int = 0
    arrivals_by_scan: int = 0
    missed_by_events: int = 0
    """New files that a scan found and for which no event had come by the next scan."""
    overflows: int = 0
    """Times the kernel dropped events; each is answered by a scan."""
    collapses: int = 0
    """Hints that our own bounds dropped; answered by a scan too."""
    watch_starts: int = 0
    """Inotify instances that were set up; each after the first one replaced a lost one."""
    scans: int = 0
    scan_failures: int = 0
    scan_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Counters:
    """A snapshot: the totals since the start, and gauges of this moment, over all customers."""

    totals: Totals
    folders: int
    """Folders of all customers at their last scan."""
    files: int
    """Files that were not ignored at the last scan."""
    ignored: int
    """Temporary and hidden names, and whatever lies directly in the root."""
    stale: int
    """Of the ignored, those that have not changed for `stale_after`."""
    special: int
    """Links, FIFOs, sockets and devices; never opened."""
    settling: int
    """Files that wait to come to rest."""
    ready: int
    """Arrivals that wait for a place in the queue."""

    def as_numbers(self) -> dict[str, float]:
        """All of them, by the names of the fields."""
        numbers = asdict(self)
        return {**numbers.pop("totals"), **numbers}


class Trouble(enum.StrEnum):
    """Why a folder is not watched over as it should be."""

    MISSING = "missing"
    UNREADABLE = "unreadable"
    STUCK = "stuck"
    OUT_OF_WATCHES = "out-of-watches"
    WATCH_FAILED = "watch-failed"
    TOO_DEEP = "too-deep"


@dataclass(frozen=True, slots=True)
class FolderHealth:
    """One watched folder: how it is watched, what is wrong, since when (wall clock)."""

    mode: Literal["events", "scan"]
    trouble: Trouble | None = None
    since: float | None = None
    last_scan: float | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """The root and each customer. `illegal` are the inode numbers of folders whose names are not
    usable: `find ROOT -maxdepth 1 -inum N` shows them without any log having to name them."""

    root: FolderHealth
    customers: Mapping[str, FolderHealth] = field(default_factory=dict)
    illegal: tuple[int, ...] = ()

    @property
    def degraded(self) -> bool:
        """Whether anything at all wants the operator's eye."""
        troubles = (each.trouble for each in (self.root, *self.customers.values()))
        return bool(self.illegal) or any(trouble is not None for trouble in troubles)
