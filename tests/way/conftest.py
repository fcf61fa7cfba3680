"""A reference backend that outlives the gateway under test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.way.box import Box
from watcher.receiver.app import Running, start
from watcher.receiver.faults import Faults


@pytest.fixture
def faults() -> Faults:
    """None at first; a test may script some."""
    return Faults()


@pytest.fixture
async def backend(tmp_path: Path, faults: Faults) -> AsyncIterator[Running]:
    """The reference receiver on loopback."""
    running = await start(tmp_path / "backend", faults=faults)
    yield running
    await running.stop()


@pytest.fixture
def box(tmp_path: Path, backend: Running) -> Box:
    """An edge box that sends there."""
    home = tmp_path / "box"
    home.mkdir()
    return Box(home, backend.url)
