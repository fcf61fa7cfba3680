"""The audit's chain on a real ledger, tampered with as somebody with SQLite and no key could."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from watcher.auditing import audit_keys, kept_heads, note_head, open_audit
from watcher.errors import ConfigError
from watcher.scrub.keys import rotate_key
from watcher.store.audit import Audit, Deed, Entry, Finding, Head, keep_head, lines, verify
from watcher.store.database import VERSION, connect, step_back
from watcher.store.ledger import Ledger

LINES = 6


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


@pytest.fixture
def db(state: Path) -> Iterator[sqlite3.Connection]:
    connection = connect(state / "ledger.sqlite")
    audit = open_audit(state, Ledger(connection), 1.0)
    for number in range(2, LINES + 1):
        audit.append(connection, Entry(Deed.REJECTED, f"{number:016x}", "north", "uid 1"), number)
    note_head(state, audit.head(connection))
    yield connection
    connection.close()


def found(state: Path, db: sqlite3.Connection, *noted: str) -> Finding | None:
    return verify(db, audit_keys(state), kept_heads(state, noted))


def free_hands(db: sqlite3.Connection) -> None:
    """What somebody who wants to change lines does first."""
    db.execute("DROP TRIGGER audit_is_not_changed")
    db.execute("DROP TRIGGER audit_is_not_cut")


def test_an_untouched_chain_is_whole(state: Path, db: sqlite3.Connection) -> None:
    """With its own head and with one that was noted."""
    head = Audit(audit_keys(state)[-1]).head(db)
    assert head.seq == LINES
    assert found(state, db, head.text()) is None


@pytest.mark.parametrize("statement", ["UPDATE audit SET line = ''", "DELETE FROM audit"])
def test_the_ledger_itself_refuses_changes(db: sqlite3.Connection, statement: str) -> None:
    """So that no bug of ours can do it."""
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute(statement)


Tamper = Callable[[sqlite3.Connection], object]
TAMPERINGS: dict[str, tuple[Tamper, int]] = {
    "a word of a line": (
        lambda db: db.execute(
            "UPDATE audit SET line = replace(line, 'rejected', 'released') WHERE seq = 4"
        ),
        4,
    ),
    "a column beside the line": (
        lambda db: db.execute("UPDATE audit SET deed = 'released' WHERE seq = 3"),
        3,
    ),
    "the id beside the line": (lambda db: db.execute("UPDATE audit SET id='x' WHERE seq=2"), 2),
    "a seal": (lambda db: db.execute("UPDATE audit SET mac = 'ab' WHERE seq = 5"), 5),
    "a line taken out": (lambda db: db.execute("DELETE FROM audit WHERE seq = 4"), 4),
    "a line taken out, the rest moved up": (
        lambda db: db.executescript(
            "DELETE FROM audit WHERE seq = 4; UPDATE audit SET seq = seq - 1 WHERE seq > 4"
        ),
        4,
    ),
    "two lines swapped": (
        lambda db: db.executescript(
            "UPDATE audit SET seq = 99 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 4;"
            "UPDATE audit SET seq = 4 WHERE seq = 99"
        ),
        3,
    ),
    "the tail cut off": (lambda db: db.execute("DELETE FROM audit WHERE seq > 4"), 5),
    "all cut off": (lambda db: db.execute("DELETE FROM audit"), 1),
    "the key's name": (lambda db: db.execute("UPDATE audit SET key_id = 'x' WHERE seq = 2"), 2),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_the_first_line_that_is_not_as_it_was_is_named(
    state: Path, db: sqlite3.Connection, name: str
) -> None:
    """Whatever was done to it, by somebody without the key."""
    tamper, line = TAMPERINGS[name]
    free_hands(db)
    tamper(db)
    wrong = found(state, db)
    assert wrong is not None
    assert wrong.seq == line


def test_every_single_byte_of_the_chain_counts(state: Path, db: sqlite3.Connection) -> None:
    """Each character of each line and of each seal, changed alone, is noticed at its line."""
    free_hands(db)
    rows = db.execute("SELECT seq, line, mac FROM audit").fetchall()
    for seq, line, mac in rows:
        for column, text in (("line", line), ("mac", mac)):
            for place, old in enumerate(text):
                new = "0" if old != "0" else "1"
                bad = text[:place] + new + text[place + 1 :]
                db.execute(f"UPDATE audit SET {column} = ? WHERE seq = ?", (bad, seq))  # noqa: S608
                wrong = found(state, db)
                assert wrong is not None
                assert wrong.seq == seq
            db.execute(f"UPDATE audit SET {column} = ? WHERE seq = ?", (text, seq))  # noqa: S608
    assert found(state, db) is None


def test_a_head_cannot_be_made_from_the_chain_alone(state: Path, db: sqlite3.Connection) -> None:
    """Cutting the tail and writing a head for what is left needs the key."""
    free_hands(db)
    db.execute("DELETE FROM audit WHERE seq > 3")
    seq, mac, key_id = db.execute(
        "SELECT seq, mac, key_id FROM audit ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    keep_head(state / "audit.head", Head(seq, mac, key_id, mac))
    assert found(state, db) == Finding(0, "the kept head was altered")


def test_a_noted_head_tells_of_a_state_folder_put_back_to_earlier(
    state: Path, db: sqlite3.Connection
) -> None:
    """Ledger and head together, as they once were: only what was noted elsewhere tells."""
    audit = Audit(audit_keys(state)[-1])
    noted = audit.head(db)
    free_hands(db)
    db.execute("DELETE FROM audit WHERE seq > 4")
    note_head(state, audit.head(db))
    assert found(state, db) is None
    assert found(state, db, noted.text()) == Finding(5, f"is missing, and all up to line {LINES}")


def test_another_sites_key_does_not_fit(
    state: Path, db: sqlite3.Connection, tmp_path: Path
) -> None:
    """A chain made with a key of somebody's own is not ours."""
    other = connect(tmp_path / "other.sqlite")
    (tmp_path / "keys").mkdir()
    open_audit(tmp_path, Ledger(other), 1.0)
    wrong = verify(other, audit_keys(state), [])
    other.close()
    assert wrong == Finding(1, "is sealed with a key that is not in the key file")


def test_a_rotated_key_goes_on_with_the_chain(state: Path, db: sqlite3.Connection) -> None:
    """Old lines stay provable by the key they name."""
    rotate_key(state / "keys" / ".site.key")
    audit = open_audit(state, Ledger(db), 9.0)
    audit.append(db, Entry(Deed.REJECTED, "1", "north"), 9.0)
    assert db.execute("SELECT count(DISTINCT key_id) FROM audit").fetchone()[0] == 2
    assert found(state, db) is None


def test_a_lost_key_stops_the_start(state: Path, db: sqlite3.Connection) -> None:
    """A new key would make everything before it unprovable."""
    (state / "keys" / ".site.key").unlink()
    with pytest.raises(ConfigError, match="audit's key"):
        open_audit(state, Ledger(db), 1.0)


def test_a_delivery_without_a_line_is_found(state: Path, db: sqlite3.Connection) -> None:
    """The chain is held against what the ledger says was delivered."""
    db.execute(
        "INSERT INTO instances (id, customer, path, device, inode, size, mtime_ns, state,"
        " not_before, seen_at,"
        " changed_at) VALUES ('a', 'c', x'70', 1, 1, 1, 1, 'delivered', 0, 0, 0)"
    )
    assert found(state, db) == Finding(0, "1 delivered instances have no line")


def test_a_restored_ledger_says_so_and_is_whole_again(state: Path, db: sqlite3.Connection) -> None:
    """What was delivered and lost its line is told of by number; one more is found all the same."""
    row = "('{}', 'c', x'7{}', 1, 1, 1, 1, 'delivered', 0, 0, 0)"
    insert = (
        "INSERT INTO instances (id, customer, path, device, inode, size, mtime_ns, state,"
        " not_before, seen_at, changed_at) VALUES "
    )
    db.execute(insert + row.format("a", 0))
    Audit(audit_keys(state)[-1]).restored(db, 9.0)
    assert found(state, db) is None
    assert list(lines(db))[-1]["delivered_before"] == 1
    db.execute(insert + row.format("b", 1))
    assert found(state, db) == Finding(0, "1 delivered instances have no line")


def test_a_line_without_a_delivery_is_found(state: Path, db: sqlite3.Connection) -> None:
    """And the other way round."""
    Audit(audit_keys(state)[-1]).append(db, Entry(Deed.DELIVERED, "nobody", "c"), 9.0)
    wrong = found(state, db)
    assert wrong is not None
    assert wrong.seq == LINES + 1


def test_a_period_is_cut_by_days(state: Path, db: sqlite3.Connection) -> None:
    """From the first instant of one day to the last of another."""
    audit = Audit(audit_keys(state)[-1])
    for day in range(3):
        audit.append(db, Entry(Deed.RETRIED, str(day), "c"), 86400.0 * (100 + day) + 86399.999)
    days = [line["at"] for line in lines(db, "1970-04-12", "1970-04-13")]
    assert days == ["1970-04-12T23:59:59.999Z"]


def test_an_older_ledger_is_backed_up_and_brought_on_and_can_go_back(tmp_path: Path) -> None:
    """Version 1 to now and back and on again; the copy from before is a whole version 1 ledger."""
    path = tmp_path / "ledger.sqlite"
    db = connect(path)
    db.execute("DROP TABLE audit")
    db.execute("ALTER TABLE instances DROP COLUMN review")
    db.execute("PRAGMA user_version = 1")
    db.execute("INSERT INTO breakers VALUES ('a', 'b')")
    db.close()

    db = connect(path)
    assert db.execute("PRAGMA user_version").fetchone()[0] == VERSION
    assert db.execute("SELECT count(*) FROM audit").fetchone()[0] == 0
    copy = sqlite3.connect(tmp_path / "ledger.v1.sqlite")
    assert copy.execute("PRAGMA user_version").fetchone()[0] == 1
    assert copy.execute("SELECT * FROM breakers").fetchall() == [("a", "b")]
    copy.close()
    audit = open_audit(tmp_path, Ledger(db), 1.0)
    step_back(db, 1)
    db.close()

    db = connect(path)
    assert audit.head(db).seq == 1
    assert db.execute("SELECT count(*) FROM moves").fetchone()[0] > 0
    db.close()


@pytest.mark.parametrize("version", [0, VERSION, VERSION + 1])
def test_there_is_no_way_to_a_version_that_is_not_older(tmp_path: Path, version: int) -> None:
    """Nor to before the first."""
    db = connect(tmp_path / "ledger.sqlite")
    with pytest.raises(ConfigError, match="no way back"):
        step_back(db, version)
    db.close()
