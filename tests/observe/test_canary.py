"""No value that a library or a mistake of ours puts into a message reaches any output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("canary.py")


def say(folder: Path, role: str) -> subprocess.CompletedProcess[str]:
    """Run the canary; all it printed."""
    return subprocess.run(
        [sys.executable, "-X", "dev", str(SCRIPT), str(folder), role],
        env={**os.environ, "PYTHONPATH": str(SCRIPT.parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, list[dict[str, Any]]]:
    """Everything the canary left: output, the file's text, and its lines."""
    folder = tmp_path_factory.mktemp("log")
    done = say(folder, "main")
    assert done.returncode == 1
    text = "".join(path.read_text() for path in folder.iterdir())
    return done.stdout + done.stderr, text, [json.loads(line) for line in text.splitlines()]


def test_the_canary_arrives_nowhere(said: tuple[str, str, list[dict[str, Any]]]) -> None:
    """Neither whole nor in part."""
    output, text, _ = said
    for part in ("CANARY", "JANE", "19700101"):
        assert part not in output
        assert part not in text


def test_what_happened_is_told_all_the_same(said: tuple[str, str, list[dict[str, Any]]]) -> None:
    """By type and by place, for each channel."""
    _, _, lines = said
    kinds = {(line["event"], line.get("error")) for line in lines}
    for kind in (
        ("library", None),
        ("library", "PatientError"),
        ("warning", "RuntimeWarning"),
        ("thread-crash", "PatientError"),
        ("unraisable", "PatientError"),
        ("task-crash", "PatientError"),
        ("loop-trouble", None),
        ("crash", "DeferredError"),
    ):
        assert kind in kinds
    places = [line["place"] for line in lines if line.get("error") == "PatientError"]
    assert all(place.startswith("__main__:") for place in places)
    libraries = {line["library"] for line in lines if line["event"] == "library"}
    assert {"asyncio", "other"} <= libraries


def test_what_may_be_told_is_told_as_it_is(said: tuple[str, str, list[dict[str, Any]]]) -> None:
    """Numbers, enums and checked text, beside what was withheld."""
    _, _, lines = said
    by_event = {line["event"]: line for line in lines}
    assert by_event["numbers"].items() >= {
        ("count", 3),
        ("share", 0.5),
        ("yes", True),
        ("reason", "corrupt"),
    }
    strange = by_event["strange"]
    withheld = {name for name, value in strange.items() if value == "(withheld)"}
    assert withheld == {"detail", "patient", "customer", "id", "rule"}
    moves = [line for line in lines if line["event"] == "moved"]
    assert moves[1]["steps"] == {"scrub": 2.0}


def test_the_readable_console_tells_the_same(said: tuple[str, str, list[dict[str, Any]]]) -> None:
    """One line each, without colours when nobody looks."""
    output, _, lines = said
    assert len(output.splitlines()) == len(lines)
    assert "north 0011aabb staged 2 ms" in output
    assert "\x1b" not in output


def test_a_worker_is_silent(tmp_path: Path) -> None:
    """Whatever it does, to the last."""
    done = say(tmp_path, "worker")
    assert done.returncode == 1
    assert (done.stdout, done.stderr) == ("", "")
    assert list(tmp_path.iterdir()) == []
