"""What was sent, outside of the ledger: durable before it leaves, whole lines only."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tests.store.samples import prepared
from watcher.errors import DeferredError
from watcher.model import Reason, Signature, State
from watcher.store import journal
from watcher.store.database import connect
from watcher.store.journal import Entry, Journal
from watcher.store.ledger import Ledger
from watcher.store.records import Row


def rows(folder: Path, count: int) -> list[Row]:
    """Staged ones of customer "a" with the contents "0", "1" and so on."""
    db = connect(folder / "ledger.sqlite")
    ledger = Ledger(db)
    ledger.admit([("a", f"{n}", Signature(1, n, 1, 1)) for n in range(count)], 1.0)
    found = []
    for n, row in enumerate(ledger.claim(State.QUEUED, "a", count, 2.0)):
        ledger.stage(row, prepared(f"{n}", uid=f"{n}"), 3.0)
        staged = ledger.get(row.id)
        assert staged is not None
        found.append(staged)
    db.close()
    return found


def test_what_is_read_is_the_last_word_on_each(tmp_path: Path) -> None:
    """Sent together, then in two requests, one of them acknowledged; by two processes."""
    first, second = rows(tmp_path, 2)
    one = Journal(tmp_path)
    one.sending([first, second], "both")
    one.seal()
    one.close()
    two = Journal(tmp_path)
    two.sending([first], "alone")
    two.acknowledged(first.id)
    two.seal()
    two.close()
    told = journal.read(tmp_path)
    assert told.sent == {first.id: Entry("a", "0", "alone"), second.id: Entry("a", "1", "both")}
    assert told.acknowledged == {first.id}


def test_nothing_is_written_before_the_commit_and_nothing_of_a_failed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is "later", as for the ledger itself."""
    (row,) = rows(tmp_path, 1)
    kept = Journal(tmp_path)
    kept.sending([row], "b")
    assert journal.read(tmp_path).sent == {}

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(DeferredError) as caught:
            kept.seal()
    assert caught.value.outcome.reason is Reason.DISK_FULL
    kept.seal()
    assert journal.read(tmp_path).sent == {}
    kept.sending([row], "c")
    kept.seal()
    kept.close()
    assert journal.read(tmp_path).sent[row.id].batch == "c"


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_line_is_passed_over(tmp_path: Path, cut: int) -> None:
    """Of a power cut, or of a disk that took a part; what is written after it counts."""
    first, second = rows(tmp_path, 2)
    kept = Journal(tmp_path)
    kept.sending([first], "torn")
    kept.seal()
    (path,) = kept.turn()
    path.write_bytes(path.read_bytes()[:-cut])
    os.rename(path, path.with_name("7.jsonl"))
    kept.sending([second], "whole")
    kept.seal()
    kept.close()
    # The next file begins behind the torn line, as the next write into the same file does.
    assert {each.batch for each in journal.read(tmp_path).sent.values()} <= {"whole", "torn"}
    assert journal.read(tmp_path).sent[second.id].batch == "whole"
    with path.with_name("7.jsonl").open("ab") as file:
        file.write(path.with_name("8.jsonl").read_bytes())
    path.with_name("8.jsonl").unlink()
    assert journal.read(tmp_path).sent[second.id].batch == "whole"


def test_after_a_copy_of_the_ledger_the_earlier_files_are_not_needed(tmp_path: Path) -> None:
    """What is sealed after the turn is in another file."""
    first, second = rows(tmp_path, 2)
    kept = Journal(tmp_path)
    assert kept.turn() == []
    kept.sending([first], "before")
    kept.seal()
    kept.sending([second], "after")
    for path in kept.turn():
        path.unlink()
    kept.seal()
    kept.close()
    assert [each.batch for each in journal.read(tmp_path).sent.values()] == ["after"]
    (path,) = (tmp_path / "requests").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
