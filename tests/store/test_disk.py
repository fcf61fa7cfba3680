"""The two marks of the disk, and the ballast, with the free bytes scripted."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from watcher.options import DiskOptions
from watcher.store.disk import Disk


def test_intake_stops_and_resumes_between_two_marks_and_the_ballast_goes_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below the lower mark nothing new; above the upper one again; no flutter in between."""
    free = [10_000]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free[0]))
    disk = Disk(tmp_path, DiskOptions(stop_below=2_000, resume_above=4_000, ballast=1_000))
    seen = []
    for free[0] in (10_000, 3_000, 1_500, 3_000, 900, 3_500, 6_000):
        changed = disk.look()
        seen.append((changed, disk.open, (tmp_path / "ballast").exists()))
    assert seen == [
        (False, True, True),
        (False, True, True),
        (True, False, True),
        (False, False, True),
        (False, False, False),
        (False, False, False),
        (True, True, True),
    ]
