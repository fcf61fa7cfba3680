"""What shares a commit with what, on a real file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from watcher.store.ledger import Ledger
from watcher.store.writer import Writer

LONG = 600.0  # seconds: whatever waits for it fails the test


@pytest.fixture
def said(writer: Writer) -> list[str]:
    """Every statement from now on."""
    statements: list[str] = []
    writer.submit(lambda ledger: ledger.connection.set_trace_callback(statements.append)).result(30)
    return statements


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    """A new ledger's."""
    made = Writer(tmp_path / "ledger.sqlite")
    yield made
    made.close()


def mark(name: str) -> Callable[[Ledger], object]:
    """Work that is found again among the statements."""
    return lambda ledger: ledger.connection.execute(f"SELECT '{name}'")


def order(said: list[str]) -> list[str]:
    """Marks, and where a transaction ended."""
    return [s.removeprefix("SELECT ") for s in said if s.startswith("SELECT '") or s == "COMMIT"]


def test_what_can_wait_goes_along_with_what_cannot(writer: Writer, said: list[str]) -> None:
    """Three pieces of work, one commit."""
    waiting = [writer.submit(mark(name), within=LONG) for name in "ab"]
    time.sleep(0.05)
    assert not any(each.done() for each in waiting)
    for each in (writer.submit(mark("c")), *waiting):
        each.result(30)
    assert order(said)[-4:] == ["'a'", "'b'", "'c'", "COMMIT"]


def test_what_can_wait_waits_no_longer_than_it_said(writer: Writer) -> None:
    """Whether nobody comes, or a backlog does: bulk behind it is never an end."""
    began = time.monotonic()
    writer.submit(mark("alone"), within=0.05).result(30)
    assert time.monotonic() - began >= 0.05
    going = True

    def bulk(ledger: Ledger) -> None:
        if going:
            writer.submit(bulk, bulk=True)

    writer.submit(bulk, bulk=True)
    writer.submit(mark("beside"), within=0.05).result(30)
    going = False


def test_the_end_waits_for_nothing(tmp_path: Path) -> None:
    """What could have waited is durable when the ledger is closed."""
    writer = Writer(tmp_path / "ledger.sqlite")
    late = writer.submit(mark("late"), within=LONG)
    writer.close()
    assert late.done()
    assert late.exception() is None
