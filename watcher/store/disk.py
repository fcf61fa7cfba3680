"""How full the disk is, with two marks against flutter, and a ballast to give back at the end."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from watcher.options import DiskOptions


class Disk:
    """The file system of the state folder. `open` says whether anything new may be prepared."""

    def __init__(self, state: Path, options: DiskOptions) -> None:
        self._state = state
        self._stop_below = options.stop_below
        self._resume_above = max(options.stop_below, options.resume_above)
        self._ballast = state / "ballast"
        self._size = options.ballast
        self.open = True
        self.free = 0

    def look(self) -> bool:
        """Measure; returns whether `open` changed. The ballast is put back when there is room."""
        try:
            self.free = shutil.disk_usage(self._state).free
        except OSError:
            return False  # the next look will tell
        before = self.open
        mark = self._stop_below if self.open else self._resume_above
        self.open = self.free >= mark
        if self.open and self.free > self._resume_above + self._size:
            self._put_ballast()
        if not self.open and self.free < self._size:
            self.drop_ballast()  # so that the ledger can still write down what is under way
        return self.open != before

    def _put_ballast(self) -> None:
        if self._size == 0 or self._ballast.exists():
            return
        with contextlib.suppress(OSError):
            descriptor = os.open(self._ballast, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, self._size)
            finally:
                os.close(descriptor)

    def drop_ballast(self) -> bool:
        """Give the ballast's room to the ledger; returns whether there was any. Never raises."""
        try:
            self._ballast.unlink()
        except OSError:
            return False
        self.open = False
        return True
