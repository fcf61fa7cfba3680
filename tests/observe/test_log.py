"""The log is one JSON object a line, bounded, private, and harmless when the disk is full."""

from __future__ import annotations

import errno
import json
import logging
import os
import stat
import sys
import threading
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.model import Reason, State
from watcher.observe.console import readable
from watcher.observe.fields import WITHHELD, checked
from watcher.observe.log import FILE_NAME, Log
from watcher.options import LogOptions


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    """A log that leaves the test's own hooks and console alone."""
    log = Log(tmp_path / "log", LogOptions(console=False))
    yield log
    log.close()


def lines(folder: Path) -> list[dict[str, Any]]:
    """What is in the current file."""
    text = (folder / "log" / FILE_NAME).read_text(encoding="ascii")
    return [json.loads(line) for line in text.splitlines()]


def test_a_move_is_one_line_with_all_that_is_known(tmp_path: Path, log: Log) -> None:
    """Id, customer, state, reason, detail, milliseconds by step and in all."""
    log.moved(
        "0011aabb",
        "north",
        State.QUARANTINED,
        reason=Reason.MISSING_ATTRIBUTE,
        detail="(0008,0018) SOPInstanceUID",
        steps_ms={"parse": 1.26, "scrub": 20.0},
    )
    (line,) = lines(tmp_path)
    assert datetime.fromisoformat(line.pop("ts")).tzinfo is not None
    assert line == {
        "level": "warning",
        "event": "moved",
        "customer": "north",
        "id": "0011aabb",
        "state": "quarantined",
        "reason": "missing-attribute",
        "detail": "(0008,0018) SOPInstanceUID",
        "ms": 21.3,
        "steps": {"parse": 1.3, "scrub": 20.0},
    }


def test_only_the_levels_asked_for_are_written(tmp_path: Path) -> None:
    """From the level of the settings on."""
    log = Log(tmp_path / "log", LogOptions(level="warning", console=False))
    log.event("quiet")
    log.event("loud", level="warning")
    log.event("louder", level="error")
    log.close()
    assert [line["event"] for line in lines(tmp_path)] == ["loud", "louder"]


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    """Also not when the file was there before with other modes, nor after a rotation."""
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / FILE_NAME).touch(0o644)
    log = Log(tmp_path / "log", LogOptions(console=False, file_bytes=1 << 16))
    for _ in range(1000):
        log.moved("0011aabb", "north", State.STAGED)
    log.close()
    files = list((tmp_path / "log").iterdir())
    assert len(files) == 2
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_the_files_are_bounded_in_size_and_number(tmp_path: Path) -> None:
    """The oldest lines go; none is cut."""
    log = Log(tmp_path / "log", LogOptions(console=False, file_bytes=1 << 16, files=2))
    for count in range(3000):
        log.event("tick", count=count)
    log.close()
    files = sorted((tmp_path / "log").iterdir())
    assert [file.name for file in files] == [FILE_NAME, FILE_NAME + ".1", FILE_NAME + ".2"]
    assert all(file.stat().st_size <= 1 << 16 for file in files)
    kept = [
        json.loads(line)["count"] for file in reversed(files) for line in file.read_text().split()
    ]
    assert kept == list(range(kept[0], 3000))


def test_a_full_disk_costs_lines_and_nothing_else(
    tmp_path: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are counted in the next line that can be written."""

    class Full:
        def write(self, _: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        def flush(self) -> None:
            return

        def seek(self, *_: int) -> int:
            return 0

        def tell(self) -> int:
            return 0

    log.event("before")
    with monkeypatch.context() as patch:
        patch.setattr(log._file, "stream", Full())
        log.event("first")
        log.event("second")
    log.event("after")
    log.event("later")
    assert [(line["event"], line.get("lost")) for line in lines(tmp_path)] == [
        ("before", None),
        ("after", 2),
        ("later", None),
    ]


def test_many_threads_do_not_mix_their_lines(tmp_path: Path, log: Log) -> None:
    """Each line is whole."""

    def work(worker: int) -> None:
        for count in range(200):
            log.event("work", count=worker * 1000 + count)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({line["count"] for line in lines(tmp_path)}) == 800


def test_what_was_taken_over_is_given_back(tmp_path: Path) -> None:
    """Hooks, handlers and switches are as before after `close`."""

    def state() -> list[object]:
        return [
            sys.excepthook,
            threading.excepthook,
            sys.unraisablehook,
            warnings.showwarning,
            logging.raiseExceptions,
            logging.lastResort,
            logging.getLogger().handlers[:],
        ]

    before = state()
    log = Log.open(tmp_path / "log", LogOptions(console=False))
    assert state() != before
    log.close()
    assert state() == before


def test_a_library_that_repeats_itself_is_told_of_now_and_then(tmp_path: Path) -> None:
    """The 1st, 10th and 100th time, with the count; another place is another line."""
    log = Log.open(tmp_path / "log", LogOptions(console=False))
    try:
        for _ in range(500):
            logging.getLogger("json").warning("the value is %s", "secret")
        logging.getLogger("json").warning("another place")
        logging.getLogger("json").info("not of interest")
    finally:
        log.close()
    told = lines(tmp_path)
    assert [line["count"] for line in told] == [1, 10, 100, 1]
    assert len({line["place"] for line in told}) == 2


def test_a_terminal_that_is_gone_is_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is written all the same."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        monkeypatch.setattr(sys, "stderr", closed)
        log = Log(tmp_path / "log", LogOptions())
        log.event("still-here")
        log.close()
        assert [line["event"] for line in lines(tmp_path)] == ["still-here"]
        os.dup2(os.open(os.devnull, os.O_WRONLY), writer)


def test_a_terminal_gets_colours() -> None:
    """Red for what wants an eye, nothing for what does not."""
    line = {"ts": "2026-01-02T03:04:05.678Z", "level": "info", "event": "moved", "state": "staged"}
    assert readable(line, coloured=True) == "03:04:05 staged"
    line["state"] = "quarantined"
    assert readable(line, coloured=True) == "\x1b[31m03:04:05 quarantined\x1b[0m"
    assert readable(line, coloured=False) == "03:04:05 quarantined"


@pytest.mark.parametrize(
    "detail",
    [
        "(0010,0010)",
        "PixelData",
        "frame 12 of 30",
        "EACCES",
        "watcher.scrub.header:120 pydicom.dataset:900",
        "status 413",
        "DX, unknown device",
    ],
)
def test_places_are_let_through(detail: str) -> None:
    """Tags, keywords, numbers, lines of code."""
    assert checked("detail", detail) == detail


@given(st.text(min_size=1))
def test_no_text_breaks_a_line_or_hides_in_one(text: str) -> None:
    """Whatever is passed as whatever field is plain printable ASCII without quotes, or withheld."""
    for name in ("detail", "id", "customer", "rule", "place", "library", "error", "other"):
        value = checked(name, text)
        assert isinstance(value, str)
        assert value == WITHHELD or (value.isascii() and value.isprintable())
        assert not set(value) & set("^\"'\\<>|=")
        assert len(value) <= 160
        assert name != "other" or value == WITHHELD
