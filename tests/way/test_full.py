"""A disk that is full to the last byte, for real."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.way.box import ENVIRONMENT


@pytest.mark.skipif(
    subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode != 0,
    reason="no mounts of our own are allowed here",
)
def test_a_full_disk_stops_what_is_new_and_sends_what_is_staged(tmp_path: Path) -> None:
    """The ballast lets the ledger write it down; with room again all goes on by itself."""
    done = subprocess.run(
        ["unshare", "-rm", sys.executable, "-m", "tests.way.full", str(tmp_path)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout.split() == ["full", "drained", "kept", "resumed", "once"], done.stderr
