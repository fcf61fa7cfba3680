"""The ledger on a real SQLite file: moves, claims, counts, and which files are the same."""

from __future__ import annotations

import itertools
import json
import os
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from watcher.errors import ConfigError
from watcher.model import MOVES, Reason, Signature, State
from watcher.store import queries
from watcher.store.database import connect
from watcher.store.ledger import IllegalMoveError, Ledger
from watcher.store.records import Move, Row

from .samples import prepared

HERE = Signature(device=2**63 + 5, inode=2**64 - 1, size=10, mtime_ns=1)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    connection = connect(tmp_path / "ledger.sqlite")
    yield Ledger(connection)
    connection.close()


def arrive(ledger: Ledger, path: str, customer: str = "a", signature: Signature = HERE) -> str:
    ((id_, _),) = ledger.admit([(customer, path, signature)], 1.0)
    return id_


def row(ledger: Ledger, id_: str) -> Row:
    found = ledger.get(id_)
    assert found is not None
    return found


def claimed(ledger: Ledger, path: str, customer: str = "a") -> Row:
    id_ = arrive(ledger, path, customer)
    (taken,) = ledger.claim(State.QUEUED, customer, 1, 1.0)
    assert taken.id == id_
    return taken


WAYS: dict[State, list[State]] = {
    State.QUEUED: [],
    State.STAGED: [State.STAGED],
    State.DELIVERED: [State.STAGED, State.DELIVERED],
    State.DUPLICATE: [State.DUPLICATE],
    State.EXCLUDED: [State.EXCLUDED],
    State.QUARANTINED: [State.QUARANTINED],
}


@pytest.mark.parametrize(("source", "target"), list(itertools.product(State, State)))
def test_only_the_table_of_states_decides_which_moves_are_made(
    ledger: Ledger, source: State, target: State
) -> None:
    """Every pair of states is tried; an illegal one raises and changes nothing."""
    id_ = arrive(ledger, "f")
    for state in WAYS[source]:
        ledger.move(id_, Move(state), 2.0)
    if target in MOVES[source]:
        ledger.move(id_, Move(target), 3.0)
        assert row(ledger, id_).state is target
    else:
        with pytest.raises(IllegalMoveError):
            ledger.move(id_, Move(target), 3.0)
        assert row(ledger, id_).state is source


def test_a_settled_file_never_comes_back_to_life_but_by_a_person() -> None:
    """The table itself: delivered and duplicate are ends, excluded only until it is back."""
    ends = {state for state, targets in MOVES.items() if not targets}
    assert ends == {State.DELIVERED, State.DUPLICATE}
    assert MOVES[State.EXCLUDED] == {State.QUEUED}


def test_a_file_that_had_vanished_with_its_mount_is_taken_when_it_is_back(ledger: Ledger) -> None:
    """The same path and signature again is new work only then."""
    id_ = arrive(ledger, "f")
    ledger.move(id_, Move(State.EXCLUDED, Reason.NOT_DICOM), 2.0)
    ledger.admit([("a", "f", HERE)], 3.0)
    assert row(ledger, id_).state is State.EXCLUDED
    ledger.move(id_, Move(State.QUEUED), 4.0)
    ledger.move(id_, Move(State.EXCLUDED, Reason.VANISHED), 5.0)
    ledger.admit([("a", "f", HERE)], 6.0)
    assert row(ledger, id_).state is State.QUEUED


def test_the_same_file_is_seen_once_and_a_growing_one_keeps_its_row(ledger: Ledger) -> None:
    """A pending file with a new signature is the same arrival; a settled changed one is new."""
    first = arrive(ledger, "f")
    assert ledger.admit([("a", "f", HERE)], 2.0) == []
    grown = replace(HERE, size=20, mtime_ns=2)
    assert ledger.admit([("a", "f", grown)], 3.0) == []
    assert row(ledger, first).signature == grown
    ledger.move(first, Move(State.EXCLUDED, Reason.NOT_DICOM), 4.0)
    assert ledger.admit([("a", "f", grown)], 5.0) == []
    ((second, _),) = ledger.admit([("a", "f", replace(grown, size=30))], 6.0)
    assert second != first


def test_names_that_are_not_text_and_large_device_numbers_survive(ledger: Ledger) -> None:
    """Paths are bytes to the file system; device and inode are unsigned 64-bit numbers."""
    path = os.fsdecode(b"sub/\xff\xfe\n.dcm")
    found = row(ledger, arrive(ledger, path))
    assert (found.path, found.signature) == (path, HERE)


def test_the_attempt_is_counted_before_the_work_and_forgotten_after_a_clean_outcome(
    ledger: Ledger,
) -> None:
    """A worker that dies leaves its count; a clean "later" zeroes it and counts a deferral."""
    taken = claimed(ledger, "f")
    assert taken.attempts == 1
    ledger.lost_worker(taken.id, Move(State.QUEUED, Reason.WORKER_LOST), 2.0)
    (taken,) = ledger.claim(State.QUEUED, "a", 5, 3.0)
    assert taken.attempts == 2
    ledger.move(taken.id, Move(State.QUEUED, Reason.NOT_WHOLE, not_before=9.0), 4.0)
    later = row(ledger, taken.id)
    assert (later.attempts, later.deferrals, later.not_before) == (0, 2, 9.0)


def test_what_is_not_due_or_already_claimed_is_not_claimed(ledger: Ledger) -> None:
    """Claims are exclusive until they are released at the next start."""
    id_ = arrive(ledger, "f")
    assert [taken.id for taken in ledger.claim(State.QUEUED, "a", 5, 2.0)] == [id_]
    assert ledger.claim(State.QUEUED, "a", 5, 2.0) == []
    assert ledger.release_claims() == 1
    ledger.move(id_, Move(State.QUEUED, Reason.CHANGED, not_before=10.0), 3.0)
    assert ledger.claim(State.QUEUED, "a", 5, 9.0) == []
    assert queries.next_due(ledger.connection, State.QUEUED, 2.0) == 10.0
    assert len(ledger.claim(State.QUEUED, "a", 5, 10.0)) == 1


def test_every_customer_gets_a_share_of_a_claim(ledger: Ledger) -> None:
    """One customer's drop of many files does not crowd out another's single one."""
    for n in range(50):
        arrive(ledger, f"f{n}", "big")
    urgent = arrive(ledger, "one", "small")
    due = queries.due_customers(ledger.connection, State.QUEUED, 5.0)
    taken = ledger.claim_fairly(State.QUEUED, due, 4, 5.0)
    assert urgent in {row.id for row in taken}
    assert len(taken) == 4


def test_the_same_bytes_again_are_a_duplicate_for_one_customer_only(ledger: Ledger) -> None:
    """Content decides, not the name; another customer's equal file is its own."""
    one, two, other = (
        claimed(ledger, "one"),
        claimed(ledger, "two"),
        claimed(ledger, "one", "b"),
    )
    assert ledger.stage(one, prepared("sha-1"), 2.0).state is State.STAGED
    assert ledger.stage(two, prepared("sha-1"), 2.0).state is State.DUPLICATE
    assert ledger.stage(other, prepared("sha-1"), 2.0).state is State.STAGED


def test_the_same_instance_with_other_bytes_is_a_conflict(ledger: Ledger) -> None:
    """Same SOP Instance UID, other content: a person decides."""
    one, two = claimed(ledger, "one"), claimed(ledger, "two")
    ledger.stage(one, prepared("sha-1", uid="uid-1"), 2.0)
    verdict = ledger.stage(two, prepared("sha-2", uid="uid-1"), 2.0)
    assert (verdict.state, verdict.reason) == (State.QUARANTINED, Reason.CONFLICT)


def test_the_schema_itself_refuses_a_second_acceptance(ledger: Ledger) -> None:
    """Even code that forgot to ask cannot stage the same content twice."""
    one, two = arrive(ledger, "one"), arrive(ledger, "two")
    ledger.move(one, Move(State.STAGED, prepared=prepared("sha-1")), 2.0)
    with pytest.raises(IllegalMoveError):
        ledger.move(two, Move(State.STAGED, prepared=prepared("sha-1")), 2.0)


def test_a_file_that_changed_after_it_was_read_is_prepared_again(ledger: Ledger) -> None:
    """The newer signature came in while a worker held the older bytes."""
    taken = claimed(ledger, "f")
    ledger.admit([("a", "f", replace(HERE, size=99))], 2.0)
    verdict = ledger.stage(taken, prepared("sha-1", signature=HERE), 3.0)
    assert (verdict.state, verdict.reason) == (State.QUEUED, Reason.CHANGED)


def test_the_counts_balance_and_agree_with_a_recount(ledger: Ledger) -> None:
    """seen = delivered + duplicate + excluded + quarantined + pending, kept by triggers."""
    ids = [arrive(ledger, f"f{n}") for n in range(6)]
    for id_, way in zip(ids, WAYS.values(), strict=True):
        for state in way:
            ledger.move(id_, Move(state), 2.0)
    (tally,) = queries.tallies(ledger.connection)
    assert tally.balanced
    assert tally.seen == 6
    assert (tally.pending, tally.oldest_pending) == (2, 1.0)
    kept = {f"a/{s}": n for s, n in ((s.value, getattr(tally, s.value)) for s in State) if n}
    assert kept == queries.recount(ledger.connection)


def test_every_move_leaves_an_event(ledger: Ledger) -> None:
    """The life of a file can be told from its events."""
    taken = claimed(ledger, "f")
    ledger.stage(taken, prepared("sha-1"), 2.0)
    ledger.move(taken.id, Move(State.DELIVERED), 3.0)
    life = queries.history(ledger.connection, taken.id)
    assert [(e.at, e.state) for e in life] == [
        (1.0, State.QUEUED),
        (2.0, State.STAGED),
        (3.0, State.DELIVERED),
    ]
    assert life[1].steps_ms == {"scrub": 1.5}


def test_a_duplicate_is_disposed_of_only_after_its_twin_was_delivered(ledger: Ledger) -> None:
    """No original is touched before an acknowledgement of its content is durable."""
    one, two = claimed(ledger, "one"), claimed(ledger, "two")
    ledger.stage(one, prepared("sha-1"), 2.0)
    ledger.move(two.id, ledger.stage(two, prepared("sha-1"), 2.0), 2.0)
    assert queries.undisposed(ledger.connection, 9) == []
    ledger.move(one.id, Move(State.DELIVERED), 3.0)
    assert {r.id for r in queries.undisposed(ledger.connection, 9)} == {one.id, two.id}
    ledger.disposed([one.id, two.id])
    assert queries.undisposed(ledger.connection, 9) == []


def test_what_was_prepared_is_read_back_as_it_was(ledger: Ledger) -> None:
    """A restart must send the very fields and files that were proven."""
    taken = claimed(ledger, "f")
    what = prepared("sha-1")
    ledger.stage(taken, what, 2.0)
    assert row(ledger, taken.id).prepared == what


def test_a_program_before_the_upgrade_can_read_what_was_prepared(ledger: Ledger) -> None:
    """Fingerprints stand where version 1 had its SHA-256: the way back leads past them."""
    taken = claimed(ledger, "a.dcm")
    ledger.stage(taken, prepared("sha-1"), 2.0)
    (text,) = ledger.connection.execute("SELECT prepared FROM instances").fetchone()
    what = json.loads(text)
    assert what["dcm"] == {"name": "x.dcm", "size": 5, "sha256": "22"}
    assert what["images"][0]["text"] == {"name": "x.png.txt", "size": 4, "sha256": "00"}


def test_the_ledger_is_private_durable_and_of_this_version(tmp_path: Path) -> None:
    """Mode 0600, WAL, synchronous FULL; another version or another file is refused."""
    path = tmp_path / "ledger.sqlite"
    db = connect(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert db.execute("PRAGMA synchronous").fetchone()[0] == 2
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(ConfigError, match="version 99"):
        connect(path)
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"this is not a ledger" * 500)
    with pytest.raises(ConfigError, match="not a usable ledger"):
        connect(broken)


def test_a_reader_beside_the_writer_cannot_write(tmp_path: Path) -> None:
    """`watcher status` looks at a running gateway's ledger and never harms it."""
    path = tmp_path / "ledger.sqlite"
    writing = connect(path)
    ledger = Ledger(writing)
    arrive(ledger, "f")
    looking = queries.reader(path)
    assert [tally.seen for tally in queries.tallies(looking)] == [1]
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        looking.execute("DELETE FROM instances")
    looking.close()
    writing.close()


def test_a_conflict_that_replaces_waits_for_its_turn(ledger: Ledger) -> None:
    """Sent as well, but never before what it replaces."""
    one, two = claimed(ledger, "one"), claimed(ledger, "two")
    ledger.stage(one, prepared("sha-1", uid="uid-1"), 2.0)
    newer = prepared("sha-2", uid="uid-1")
    verdict = ledger.stage(two, newer, 2.0, replace=True)
    assert (verdict.state, verdict.reason) == (State.QUEUED, Reason.CONFLICT)
    assert verdict.not_before > 2.0
    ledger.move(one.id, Move(State.DELIVERED), 3.0)
    assert ledger.stage(two, newer, 4.0, replace=True).state is State.STAGED


def test_counts_that_went_astray_are_found(ledger: Ledger) -> None:
    """The kept counts are held against the rows themselves."""
    arrive(ledger, "f", "a")
    arrive(ledger, "f", "b")
    assert queries.out_of_balance(ledger.connection) == set()
    ledger.connection.execute("UPDATE counts SET n = 2 WHERE customer = 'b' AND state = 'queued'")
    assert queries.out_of_balance(ledger.connection) == {"b"}


def test_an_attempt_counts_only_when_a_worker_had_begun(ledger: Ledger) -> None:
    """What lay in the queue when the process died did not bring it down."""
    ids = [arrive(ledger, f"f{n}") for n in range(2)]
    ledger.claim(State.QUEUED, "a", 2, 1.0)
    assert ledger.release_claims(frozenset({ids[0]})) == 2
    assert [row(ledger, id_).attempts for id_ in ids] == [1, 0]


def test_a_rebuild_that_is_put_off_does_not_forget_the_request(ledger: Ledger) -> None:
    """Sent together, it must go together again: only then is an unheard acceptance met."""
    taken = claimed(ledger, "f")
    ledger.stage(taken, prepared("sha-1"), 2.0)
    ledger.sent.assign([row(ledger, taken.id)], "batch")
    ledger.move(taken.id, Move(State.QUEUED, Reason.SPOOL_LOST), 3.0)
    ledger.move(taken.id, Move(State.QUEUED, Reason.WORKER_LOST), 4.0)
    ledger.move(taken.id, Move(State.STAGED, prepared=prepared("sha-1")), 5.0)
    assert row(ledger, taken.id).batch == "batch"
