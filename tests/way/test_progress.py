"""What a person sees of a backlog: on a terminal one line that goes down, in a pipe a few."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.way.box import ENVIRONMENT
from tests.way.images import ct, drop
from watcher.cli.meter import Meter
from watcher.progress import Progress

FILES = 4
CLEAR = "\r\x1b[K"


def on_a_terminal(home: Path, *verb: str) -> str:
    """Everything that a verb writes to its standard error, which is a terminal."""
    ours, its = os.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "watcher", *verb],
            cwd=home,
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=its,
        )
    finally:
        os.close(its)
    said = b""
    try:
        while piece := os.read(ours, 1 << 16):
            said += piece
    except OSError:  # Linux says EIO when the last process has closed its side
        pass
    finally:
        os.close(ours)
    assert process.wait(60) == 0
    return said.decode()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A box with a backlog."""
    for number in range(FILES):
        drop(ct(number), tmp_path / "local_dcm" / "north", f"{number}.dcm")
    (tmp_path / "settings.toml").write_text('[observe]\nlisten = "off"\n')
    return tmp_path


@pytest.mark.parametrize("verb", [("run", "--drain"), ("scrub", "local_dcm", "--out", "out")])
def test_a_terminal_shows_how_many_are_left_the_rate_and_the_time_to_go(
    verb: tuple[str, ...], home: Path
) -> None:
    """Written over in place, nothing of the log between; the last word stays."""
    said = on_a_terminal(home, *verb)
    told = said.split(CLEAR)
    assert told[0] == ""
    *under_way, last = told[1:]
    seen = [re.fullmatch(r"(\d+) left, \d+\.\d/s, (-|\d+\.\d (s|min)) to go", t) for t in under_way]
    assert all(seen), said
    left = [int(match[1]) for match in seen if match]
    first = left.index(max(left))
    assert left[first:] == sorted(left[first:], reverse=True)
    assert left[-1] == 0
    assert re.fullmatch(rf"{FILES} settled in \d+\.\d s, 0 left\r\n", last), said


def test_in_a_pipe_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No more than one in ten seconds, nothing written over, and the last word."""
    clock = [100.0]
    monkeypatch.setattr("watcher.cli.meter.time.monotonic", lambda: clock[0])
    told = Meter()
    for second in range(25):
        clock[0] = 100.0 + second
        told(Progress(pending=50 - 2 * second, settled=7 + 2 * second, per_second=2.0))
    told.close()
    assert capsys.readouterr().err.splitlines() == [
        "30 left, 2.0/s, 15.0 s to go",
        "10 left, 2.0/s, 5.0 s to go",
        "48 settled in 24.0 s, 2 left",
    ]


def test_nothing_is_said_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """A gateway that was never asked to drain has no backlog to tell of."""
    Meter().close()
    assert capsys.readouterr().err == ""
