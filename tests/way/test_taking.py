"""An original on its way into a new day's folder: killed and cut off at every single operation."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.way.box import ENVIRONMENT
from tests.way.disk import MODES, FaultyDisk, Mode, compiled


class Site:
    """A drop folder with one original, on a disk under a test's control."""

    def __init__(self, home: Path, kept: Path, library: Path) -> None:
        self.home = home
        self.disk = FaultyDisk(home, kept, library)
        self.taker = subprocess.Popen(
            [sys.executable, "-m", "tests.way.taker", str(home)],
            env={**ENVIRONMENT, **self.disk.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def begin(self) -> None:
        """As at first: one original has been seen and acknowledged."""
        shutil.rmtree(self.home, ignore_errors=True)
        (self.home / "drop").mkdir(parents=True)
        original = self.home / "drop" / "a.dcm"
        original.write_bytes(b"abc")
        seen = original.stat()
        (self.home / "seen").write_text(f"{seen.st_ino} {seen.st_mtime_ns}")
        self.disk.begin()

    def take(self, cut_at: int = 0) -> bool:
        """Take it away; with `cut_at`, until that change. Returns whether it came to its end."""
        assert self.taker.stdin is not None
        assert self.taker.stdout is not None
        control = self.disk.control
        control.dead, control.changes, control.cut_at = 0, 0, cut_at
        self.taker.stdin.write(b"\n")
        self.taker.stdin.flush()
        code = int(self.taker.stdout.readline())
        assert code in (0, -signal.SIGKILL)
        return code == 0

    def cut(self, mode: Mode) -> None:
        """The power goes, and comes back."""
        self.disk.lose(mode, random.Random(1))
        self.disk.begin()

    def where(self) -> list[str]:
        """In which folder the original lies, by whatever name."""
        found = sorted(p for p in self.home.rglob("*") if p.is_file() and p.read_bytes() == b"abc")
        return [path.relative_to(self.home).parts[0] for path in found]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A new one."""
    library = compiled()
    if library is None:
        pytest.skip("no C compiler here to build the failing disk with")
    made = Site(tmp_path / "home", tmp_path / "kept", library)
    yield made
    made.taker.communicate()


@pytest.mark.parametrize("mode", MODES)
def test_the_power_cut_at_each_operation(site: Site, mode: Mode) -> None:
    """Whatever has survived, the next start ends with the one original, in the archive."""
    at, whole = 0, False
    while not whole:
        at += 1
        site.begin()
        whole = site.take(at)
        site.cut(mode)
        assert site.where(), at
        assert site.take(), at
        assert site.where() == ["state"], at
    assert at > 20


def test_killed_at_each_operation_and_the_power_cut_after_the_next_run(site: Site) -> None:
    """A kill syncs nothing: what the next run finds done may still be gone with the power."""
    at, whole = 0, False
    while not whole:
        at += 1
        site.begin()
        whole = site.take(at)
        assert site.take(), at
        site.cut("strict")
        assert site.where() == ["state"], at
    assert at > 20
