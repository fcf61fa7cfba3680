"""One customer's folder: what is known of its files, when it is scanned, how it is doing."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from watchdog.observers.api import ObservedWatch

from watcher.intake.arrival import FolderHealth, Trouble
from watcher.intake.scanning import Identity, Scanner, Sweep, fingerprint
from watcher.intake.settling import Quiet
from watcher.model import Signature
from watcher.options import IntakeOptions


@dataclass(slots=True)
class Condition:
    """How one folder is doing: the trouble, and since when (wall clock) that very one."""

    mode: Literal["events", "scan"] = "scan"
    trouble: Trouble | None = None
    since: float | None = None
    last_scan: float | None = None

    def set(self, trouble: Trouble | None, wall: float) -> None:
        """Note what is wrong now; None when nothing is."""
        if trouble != self.trouble:
            self.trouble = trouble
            self.since = None if trouble is None else wall

    def snapshot(self) -> FolderHealth:
        """The frozen view."""
        return FolderHealth(self.mode, self.trouble, self.since, self.last_scan)


@dataclass(slots=True)
class Schedule:
    """When a folder is scanned next (monotonic). Hurried scans leave twice their own time free."""

    due: float = 0.0
    hurried: bool = True
    running: bool = False
    _earliest: float = 0.0
    _resumed: bool = False

    def hurry(self) -> None:
        """Scan as soon as the last scan's cost allows."""
        self.hurried = True
        self.due = min(self.due, self._earliest)

    def resume(self) -> None:
        """Scan now: the last scan left files behind for want of room, and there is room."""
        self.hurried, self.due, self._resumed = True, 0.0, True

    def begin(self) -> None:
        """A scan starts: what is asked for from now on needs another one."""
        self.hurried, self.running, self._resumed = False, True, False

    def end(self, started: float, now: float, every: float) -> None:
        """A scan is over, or has failed."""
        self.running = False
        self._earliest = now + max(2 * (now - started), 0.05)
        self.due = self._earliest if self.hurried else max(now + every, self._earliest)
        if self._resumed:  # there was room before this scan had handed over all that it found
            self.due = now


@dataclass(slots=True)
class Customer:
    """Owned by the loop. `known` holds a fingerprint of each file that was handed out and still
    lies there; `unhinted` the new files of the last scan of which no event has told yet."""

    name: str
    folder: Path
    options: IntakeOptions
    condition: Condition = field(default_factory=Condition)
    schedule: Schedule = field(default_factory=Schedule)
    known: dict[str, int] = field(default_factory=dict)
    unhinted: set[str] = field(default_factory=set)
    identity: Identity | None = None
    watch: ObservedWatch | None = None
    watch_trouble: Trouble | None = None
    next_arm: float = 0.0
    scanned_since_armed: bool = False
    caught_up: bool = False
    """That scan saw all files and all found a place: what is new from now on, events tell of."""
    held_back: bool = False
    """Files were seen for which the outlet had no place."""
    last: Sweep = field(default_factory=Sweep)

    @property
    def quiet(self) -> Quiet:
        """The rest its files must show."""
        options = self.options
        return Quiet(
            options.quiet_after_close,
            options.quiet_without_close,
            options.quiet_when_empty,
            options.act_anyway_after,
        )

    def knows(self, path: str, signature: Signature) -> bool:
        """Whether this file was handed out with this content."""
        return self.known.get(path) == fingerprint(signature)

    def forget_gone(self, gone: list[str], known: dict[str, int]) -> None:
        """Forget the files that are no longer there, unless they came back since `known`."""
        for path in gone:
            if self.known.get(path) == known[path]:
                del self.known[path]

    def scanner(self, known: dict[str, int], wall: float, room: int) -> Scanner:
        """What scans this folder once; at most `room` fresh files are brought back."""
        options = self.options
        return Scanner(known, options.temporary_suffixes, wall - options.stale_after, room)

    def trouble(self) -> Trouble | None:
        """What is wrong with a folder that is there."""
        if self.last.blind:
            return Trouble.UNREADABLE
        if self.watch_trouble is not None:
            return self.watch_trouble
        return Trouble.TOO_DEEP if self.last.too_deep else None
