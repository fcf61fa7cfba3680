"""`watcher tail` shows each line once and in order, whatever becomes of the files."""

from __future__ import annotations

import itertools
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from watcher.cli import watcher
from watcher.cli.tail import Files, Place, Wanted
from watcher.model import Reason, State
from watcher.observe.log import Log
from watcher.options import LogOptions

SMALL = LogOptions(file_bytes=1 << 16, files=50, console=False)


def numbers(lines: list[dict[str, Any]]) -> list[int]:
    """The lines' own numbers."""
    return [line["count"] for line in lines]


def settings(folder: Path) -> str:
    """A settings file whose state is in `folder`."""
    path = folder / "settings.toml"
    path.write_text("", encoding="utf-8")
    return str(path)


def test_it_goes_on_over_rotations(tmp_path: Path) -> None:
    """Thousands of lines, a few files that are put aside under way, nothing missed or twice."""
    log = Log(tmp_path, SMALL)
    log.event("first", count=0)
    files = Files(tmp_path)
    forwards = files.forwards(files.end())
    many = 5000

    def write() -> None:
        for number in range(1, many + 1):
            log.event("next", count=number)
            if number % 100 == 0:
                time.sleep(0.002)

    writer = threading.Thread(target=write)
    writer.start()
    seen = list(itertools.islice(forwards, many))
    writer.join()
    log.close()
    assert numbers(seen) == list(range(1, many + 1))
    assert len(files.newest_first()) > 3


def test_backwards_is_the_log_read_backwards(tmp_path: Path) -> None:
    """Over all files, from a place in the newest."""
    log = Log(tmp_path, SMALL)
    for number in range(3000):
        log.event("next", count=number)
    log.close()
    files = Files(tmp_path)
    end = files.end()
    log = Log(tmp_path, SMALL)
    log.event("later", count=9999)
    log.close()
    assert numbers(list(files.backwards(end))) == list(range(2999, -1, -1))
    assert numbers(list(itertools.islice(files.forwards(end), 1))) == [9999]


def test_a_log_that_is_begun_later_is_followed(tmp_path: Path) -> None:
    """`tail` may be there before the gateway ever was."""
    files = Files(tmp_path)
    forwards = files.forwards(files.end())

    def begin() -> None:
        log = Log(tmp_path, SMALL)
        log.event("first", count=1)
        log.close()

    timer = threading.Timer(0.3, begin)
    timer.start()
    assert numbers(list(itertools.islice(forwards, 1))) == [1]
    timer.join()


def test_what_is_not_a_line_is_passed_over(tmp_path: Path) -> None:
    """A line that was cut by a power failure, and one that is no object."""
    (tmp_path / "watcher.jsonl").write_bytes(
        b'{"ts":"x","lev\n[1]\n\xff\xfe\n{"ts":"2026","level":"info","event":"e","count":1}\n'
    )
    assert numbers(list(Files(tmp_path).backwards(Files(tmp_path).end()))) == [1]
    assert Files(tmp_path / "nowhere").end() == Place(0, 0)


LINE = {"level": "warning", "customer": "north", "id": "abcd1234", "state": "quarantined"}


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (Wanted(None, (), None, "debug"), True),
        (Wanted("north", ("quarantined",), "abcd", "warning"), True),
        (Wanted("south", (), None, "debug"), False),
        (Wanted(None, ("delivered",), None, "debug"), False),
        (Wanted(None, ("delivered", "quarantined"), None, "debug"), True),
        (Wanted(None, (), "bcd", "debug"), False),
        (Wanted(None, (), None, "error"), False),
    ],
)
def test_every_filter_must_fit(wanted: Wanted, fits: bool) -> None:
    """Customer, state, the beginning of an id, and the least severe level."""
    assert wanted(LINE) is fits


def test_the_last_lines_for_people_and_for_machines(tmp_path: Path) -> None:
    """Filtered first, then counted."""
    log = Log(tmp_path / "state" / "log", SMALL)
    for number in range(30):
        log.moved(f"{number:08x}", "north", State.QUEUED)
        log.moved(f"{number:08x}", "north", State.QUARANTINED, reason=Reason.BURNED_IN)
    log.close()
    arguments = ["tail", "--no-follow", "-n", "3", "--state", "quarantined"]
    told = CliRunner().invoke(watcher, [*arguments, "--settings", settings(tmp_path)])
    assert [line.split()[2:] for line in told.stdout.splitlines()] == [
        [f"{number:08x}", "quarantined", "burned-in"] for number in (27, 28, 29)
    ]
    told = CliRunner().invoke(watcher, [*arguments, "--json", "--settings", settings(tmp_path)])
    lines = [json.loads(line) for line in told.stdout.splitlines()]
    assert [line["id"] for line in lines] == [f"{number:08x}" for number in (27, 28, 29)]
