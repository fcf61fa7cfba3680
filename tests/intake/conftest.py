"""A drop folder for the tests of intake."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A drop folder with the customer `north`."""
    (tmp_path / "drop" / "north").mkdir(parents=True)
    return tmp_path / "drop"


@pytest.fixture
def north(root: Path) -> Path:
    """The folder of the customer `north`."""
    return root / "north"
