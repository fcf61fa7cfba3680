"""A damaged ledger: set aside, restored, completed from the files; the same bytes go once."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.store.samples import prepared
from watcher.digest import BLAKE3, SHA256, fingerprint
from watcher.errors import ConfigError, DeferredError
from watcher.model import Reason, Signature, State
from watcher.store import queries, rescue
from watcher.store.database import connect
from watcher.store.journal import Journal
from watcher.store.ledger import Ledger
from watcher.store.records import Move
from watcher.store.spool import Spool
from watcher.store.writer import Writer

NOW = 1_800_000_000.0


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    made = Spool(tmp_path / "state")
    made.prepare()
    return made


def archive(spool: Spool, id_: str, content: bytes) -> None:
    spool.archived("a", id_, NOW).write_bytes(content)


def like(customer: str) -> str:
    """As for a customer whose key an earlier version has made."""
    assert customer == "a"
    return SHA256


def new(ledger: Ledger, path: str) -> str:
    ((id_, _),) = ledger.admit([("a", path, Signature(1, hash(path), 9, 1))], 1.0)
    return id_


def damage(path: Path) -> None:
    """Overwrite the middle, as a dying disk does."""
    data = bytearray(path.read_bytes())
    data[4096:20_000] = b"\xa5" * (20_000 - 4096)
    path.write_bytes(data)


def test_a_damaged_ledger_is_noticed_and_a_missing_or_sound_one_is_not(spool: Spool) -> None:
    """By SQLite's own quick check."""
    path = spool.state / "ledger.sqlite"
    assert rescue.sound(path)
    connect(path).close()
    assert rescue.sound(path)
    damage(path)
    assert not rescue.sound(path)
    path.write_bytes(b"no ledger at all" * 999)
    assert not rescue.sound(path)


def test_the_last_backup_takes_its_place_and_the_damaged_one_is_kept(spool: Spool) -> None:
    """What was written since the backup is missing; nothing is deleted."""
    path = spool.state / "ledger.sqlite"
    db = connect(path)
    new(Ledger(db), "before")
    rescue.keep_backup(spool.state)
    new(Ledger(db), "after")
    db.close()
    damage(path)
    assert rescue.restore(spool.state, NOW)
    db = connect(path)
    assert [tally.seen for tally in queries.tallies(db)] == [1]
    db.close()
    assert list(spool.state.glob("ledger.sqlite.unsound-*"))


def test_without_a_sound_backup_a_ledger_begins_anew(spool: Spool) -> None:
    """It is the scan of the drop folder and the other files that fill it."""
    path = spool.state / "ledger.sqlite"
    path.write_bytes(b"no ledger at all" * 999)
    assert not rescue.restore(spool.state, NOW)
    assert not path.exists()


def test_what_is_archived_is_delivered_whatever_the_ledger_says(spool: Spool) -> None:
    """Rows that were pending in the backup, and rows it never had; the same bytes never again."""
    db = connect(spool.state / "ledger.sqlite")
    ledger = Ledger(db)
    queued, staged = new(ledger, "queued"), new(ledger, "staged")
    ledger.move(staged, Move(State.STAGED, prepared=prepared("old")), 2.0)
    for id_ in (queued, staged, "unheard-of", "its-twin"):
        archive(spool, id_, b"twin" if id_ in ("unheard-of", "its-twin") else id_.encode())
    found = rescue.complete(ledger, spool, spool.state / "drop", NOW, like)
    assert found.delivered == 4
    for id_ in (queued, staged, "unheard-of"):
        row = ledger.get(id_)
        assert row is not None
        assert row.state is State.DELIVERED
        assert row.disposed or id_ == "its-twin"
    again = new(ledger, "again")
    (row,) = ledger.claim(State.QUEUED, "a", 1, 3.0)
    assert row.id == again
    same = prepared(hashlib.sha256(b"twin").hexdigest())
    assert ledger.stage(row, same, 4.0).state is State.DUPLICATE
    assert all(tally.balanced for tally in queries.tallies(db))
    assert rescue.complete(ledger, spool, spool.state / "drop", NOW, like) == rescue.Found(0, 0)
    db.close()


def test_an_archived_original_is_known_by_the_fingerprint_of_its_customer(spool: Spool) -> None:
    """Larger than what is read of it at once."""
    content = b"0123456789" * 200_000
    archive(spool, "unheard-of", content)
    db = connect(spool.state / "ledger.sqlite")
    ledger = Ledger(db)
    rescue.complete(ledger, spool, spool.state / "drop", NOW, lambda _: BLAKE3)
    new(ledger, "again")
    (row,) = ledger.claim(State.QUEUED, "a", 1, 3.0)
    assert ledger.stage(row, prepared(fingerprint(content)), 4.0).state is State.DUPLICATE
    db.close()


def test_what_is_quarantined_is_quarantined_for_the_same_reason(spool: Spool) -> None:
    """And the file in the drop folder, which still lies there, is not tried again."""
    db = connect(spool.state / "ledger.sqlite")
    ledger = Ledger(db)
    drop = spool.state / "drop"
    (drop / "a").mkdir(parents=True)
    original = drop / "a" / "f"
    original.write_bytes(b"refused")
    folder = spool.quarantine / "a" / "burned-in"
    folder.mkdir(parents=True)
    (folder / "held.dcm").write_bytes(b"refused")
    note = {"reason": "burned-in", "path": "f"}
    (folder / "held.reason.json").write_text(json.dumps(note))
    assert rescue.complete(ledger, spool, drop, NOW, like).quarantined == 1
    row = ledger.get("held")
    assert row is not None
    assert (row.state, row.reason) == (State.QUARANTINED, Reason.BURNED_IN)
    status = original.stat()
    seen = Signature(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    assert ledger.admit([("a", "f", seen)], NOW) == []
    db.close()


def test_who_went_with_an_acknowledged_one_is_delivered_and_the_others_go_as_they_went(
    spool: Spool,
) -> None:
    """One is archived, of one the journal has the answer, of two nobody has."""
    db = connect(spool.state / "ledger.sqlite")
    kept = Journal(spool.state)
    ledger = Ledger(db, kept)
    ids = [new(ledger, f"f{n}") for n in range(6)]
    for n, row in enumerate(ledger.claim(State.QUEUED, "a", 6, 2.0)):
        ledger.stage(row, prepared(f"sha-{n}", uid=f"uid-{n}", signature=row.signature), 3.0)
    rows = [row for row in map(ledger.get, ids) if row is not None]
    ledger.sent.assign(rows[:2], "archived")
    kept.seal()
    earlier = kept.turn()
    rescue.keep_backup(spool.state)
    for path in earlier:
        path.unlink()
    ledger.sent.assign(rows[2:4], "answered")
    ledger.sent.assign(rows[4:], "open")
    archive(spool, ids[0], b"whatever")
    ledger.move(ids[2], Move(State.DELIVERED), 4.0)
    kept.seal()
    kept.close()
    db.close()
    damage(spool.state / "ledger.sqlite")
    assert rescue.restore(spool.state, NOW)
    db = connect(spool.state / "ledger.sqlite")
    ledger = Ledger(db)
    assert rescue.complete(ledger, spool, spool.state / "drop", NOW, like).delivered == 4
    found = [row for row in map(ledger.get, ids) if row is not None]
    assert [row.state for row in found] == [State.DELIVERED] * 4 + [State.STAGED] * 2
    assert {row.batch for row in found[4:]} == {"open"}
    assert ledger.sent.awaited("open", NOW)
    assert all(tally.balanced for tally in queries.tallies(db))
    assert rescue.complete(ledger, spool, spool.state / "drop", NOW, like) == rescue.Found(0, 0)
    db.close()


def test_damage_under_way_is_told_in_the_end(spool: Spool) -> None:
    """A moment's failure is waited out; a ledger that stays damaged ends the process."""
    path = spool.state / "ledger.sqlite"
    db = connect(path)
    for n in range(500):
        new(Ledger(db), f"f{n}")
    db.close()
    writer = Writer(path)
    damage(path)

    def look(ledger: Ledger) -> object:
        return ledger.connection.execute("SELECT sum(size), max(path) FROM instances").fetchall()

    ends = [type(writer.submit(look).exception()) for _ in range(22)]
    writer.close()
    assert ends == [DeferredError] * 20 + [ConfigError] * 2
