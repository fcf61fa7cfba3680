"""A real gateway with its page on a free port, which has delivered, refused and seen twice."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner, Result

from tests.way.box import ENVIRONMENT, Box
from tests.way.images import ct, drop
from watcher.cli import watcher

WITHIN = 120.0


@dataclass(frozen=True)
class Live:
    """A running gateway: its box, and where its page is."""

    box: Box
    page: str

    def get(self, path: str) -> str:
        """What the page answers."""
        with urllib.request.urlopen(self.page + path, timeout=30) as answer:  # noqa: S310 - ours
            return str(answer.read().decode())

    def verb(self, *arguments: str) -> Result:
        """Run a verb in this process, beside the gateway."""
        return verb(self.box.settings, *arguments)


def verb(settings: Path, *arguments: str) -> Result:
    """Run a verb in this process."""
    return CliRunner().invoke(watcher, [*arguments, "--settings", str(settings)])


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Two delivered, one the same again, one refused, one not ours; names are canaries."""
    home = tmp_path_factory.mktemp("live")
    trustme.CA().cert_pem.write_to_path(home / "ca.pem")
    box = Box(home, more='\n[customers.spare.deliver]\ntls_ca = "ca.pem"\n')
    with subprocess.Popen(
        [sys.executable, "-m", "watcher", "run", "--settings", str(box.settings)],
        cwd=box.home,
        env={**ENVIRONMENT, "WATCHER_OBSERVE__LISTEN": "127.0.0.1:0", "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            here = Live(box, _page(process))
            _drop(here)
            yield here
        finally:
            process.terminate()
            process.communicate(timeout=60)
    assert process.returncode == 0


def _drop(live: Live) -> None:
    folder = live.box.drop / "north" / "Zyxcanary^Qwvcanary"
    for number in (1, 2):
        drop(ct(number), folder, f"CANARYMRN77-{number}.dcm")
    _until(lambda: live.box.states()["delivered"] == 2)
    drop(ct(1), folder, "Zyxcanary-again.dcm")
    broken = ct(3)
    del broken.Rows
    drop(broken, live.box.drop / "south" / "Xanthecanary", "Qwvcanary.dcm")
    (live.box.drop / "CANARY^FOLDER").mkdir()
    _until(lambda: live.box.states() == {"delivered": 2, "duplicate": 1, "quarantined": 1})


def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + WITHIN
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def _page(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Page"):
            return line.split()[1].rstrip("/")
    raise AssertionError("the gateway has ended")
