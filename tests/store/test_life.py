"""The whole life of files, in any order of events: a state machine on a real ledger and spool."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.store.samples import prepared
from watcher.errors import ExcludedError
from watcher.intake import opening
from watcher.model import Prepared, Reason, Signature, State
from watcher.store import queries, rescue
from watcher.store.database import connect
from watcher.store.ledger import Ledger
from watcher.store.records import Move, Row
from watcher.store.spool import Spool
from watcher.store.taking import take_away

CONTENTS = st.sampled_from([b"one", b"two", b"three", b"one, changed", b"two, changed"])
NAMES = st.sampled_from(["a", "b", "c", "d"])


class Life(RuleBasedStateMachine):
    """Drops, changes, work, answers, crashes, damage; what must hold is checked after each."""

    @initialize()
    def begin(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="life-"))
        self.drop = self.home / "drop" / "n"
        self.drop.mkdir(parents=True)
        self.spool = Spool(self.home / "state")
        self.spool.prepare()
        self.path = self.spool.state / "ledger.sqlite"
        self.ledger = Ledger(connect(self.path))
        self.now = 1_800_000_000.0
        self.taken: dict[str, tuple[Row, bytes, Signature]] = {}
        self.accepted: set[bytes] = set()
        self.owed: set[bytes] = set()

    def teardown(self) -> None:
        if hasattr(self, "home"):  # not when it was never begun
            self.ledger.connection.close()
            shutil.rmtree(self.home)

    # -- the sender ----------------------------------------------------------------------------

    @rule(name=NAMES, content=CONTENTS)
    def sender_drops(self, name: str, content: bytes) -> None:
        """By a rename; over what lies there, as senders do: that is owed to nobody any more."""
        (self.home / "part").write_bytes(content)
        (self.home / "part").rename(self.drop / name)
        self.owed = {each for each in self.owed if each in self.lying()} | {content}

    def lying(self) -> set[bytes]:
        """All contents that wait in the drop folder or in quarantine."""
        held = self.spool.quarantine.rglob("*.dcm")
        return {path.read_bytes() for path in (*self.drop.iterdir(), *held)}

    # -- the gateway ---------------------------------------------------------------------------

    @rule()
    def scan(self) -> None:
        self.now += 1
        seen = [
            ("n", path.name, look(path))
            for path in self.drop.iterdir()
            if not path.name.startswith(".")
        ]
        self.ledger.admit(seen, self.now)

    @rule()
    def work_begins(self) -> None:
        for row in self.ledger.claim(State.QUEUED, "n", 1, self.now):
            try:
                fd = opening.open_source(self.drop, row.path, row.signature.device)
            except ExcludedError:
                self.ledger.move(row.id, Move(State.EXCLUDED, Reason.VANISHED), self.now)
                continue
            self.taken[row.id] = row, os.read(fd, 99), opening.signature(fd)
            os.close(fd)

    @precondition(lambda self: self.taken)
    @rule(refuse=st.booleans())
    def work_ends(self, refuse: bool) -> None:
        self.now += 1
        row, content, seen = self.taken.pop(next(iter(self.taken)))
        if refuse:
            self.hold(row, Move(State.QUARANTINED, Reason.BURNED_IN), content)
            return
        move = self.ledger.stage(row, made(content, seen), self.now)
        if move.state is State.QUARANTINED:
            self.hold(row, move, content)
        elif move.state is not State.STAGED:
            self.ledger.move(row.id, move, self.now)

    def hold(self, row: Row, move: Move, content: bytes) -> None:
        record = {"reason": str(move.reason), "path": row.path}
        (self.home / "held").write_bytes(content)
        fd = os.open(self.home / "held", os.O_RDONLY)
        self.spool.hold(fd, "n", row.id, record)
        os.close(fd)
        self.ledger.move(row.id, move, self.now)

    @rule(heard=st.booleans(), accepted=st.booleans())
    def send(self, heard: bool, accepted: bool) -> None:
        """The backend knows a content by its key and takes it once; its answer may get lost."""
        self.now += 1
        for row in self.ledger.claim(State.STAGED, "n", 1, self.now):
            if accepted:
                self.accepted.add(content_of(row))
            if accepted and heard:
                self.ledger.move(row.id, Move(State.DELIVERED), self.now)
            else:
                later = Move(State.STAGED, Reason.BACKEND_ERROR, not_before=self.now + 1)
                self.ledger.move(row.id, later, self.now)

    @rule()
    def dispose(self) -> None:
        for row in queries.undisposed(self.ledger.connection, 9):
            assert row.prepared is not None
            fd, name = opening.open_folder_of(self.drop, row.path, row.signature.device)
            target = self.spool.archived("n", row.id, self.now)
            take_away(fd, name, row.prepared.signature, target)
            os.close(fd)
            self.ledger.disposed([row.id])

    # -- what goes wrong -----------------------------------------------------------------------

    @rule()
    def crash(self) -> None:
        self.ledger.connection.close()
        self.ledger = Ledger(connect(self.path))
        self.ledger.release_claims()
        self.taken.clear()

    @rule()
    def back_up(self) -> None:
        rescue.keep_backup(self.spool.state)

    @rule()
    def damage(self) -> None:
        """The ledger is lost; the backup, the archive, quarantine and drop folder are not."""
        self.ledger.connection.close()
        self.path.write_bytes(b"no ledger" * 1000)
        assert not rescue.sound(self.path)
        rescue.restore(self.spool.state, self.now)
        self.ledger = Ledger(connect(self.path))
        rescue.complete(self.ledger, self.spool, self.home / "drop", self.now)
        self.ledger.release_claims()
        self.taken.clear()

    # -- what must hold ------------------------------------------------------------------------

    @invariant()
    def nothing_is_lost(self) -> None:
        """Each content dropped is accepted, or lies in the drop folder or in quarantine."""
        assert self.owed - self.accepted <= self.lying()

    @invariant()
    def nothing_is_touched_before_its_acceptance(self) -> None:
        """What is archived, or DELIVERED in the ledger, the backend has."""
        assert {path.read_bytes() for path in self.spool.archive.rglob("*.dcm")} <= self.accepted
        for row in queries.in_state(self.ledger.connection, State.DELIVERED):
            if row.prepared is not None:
                assert content_of(row) in self.accepted

    @invariant()
    def the_balance_holds(self) -> None:
        """As the kept counts, so the rows."""
        assert queries.out_of_balance(self.ledger.connection) == set()

    @invariant()
    def no_content_is_staged_or_delivered_twice(self) -> None:
        """What was sent once is a DUPLICATE afterwards, also after a rescue."""
        (twice,) = self.ledger.connection.execute(
            "SELECT count(*) FROM (SELECT sha256 FROM instances WHERE sha256 IS NOT NULL"
            " AND state IN ('staged', 'delivered') GROUP BY sha256 HAVING count(*) > 1)"
        ).fetchone()
        assert twice == 0


def content_of(row: Row) -> bytes:
    assert row.prepared is not None
    return bytes.fromhex(row.prepared.content_key.removeprefix("key-of-"))


def look(path: Path) -> Signature:
    return opening.signature_of(path.lstat())


def made(content: bytes, signature: Signature) -> Prepared:
    sha = hashlib.sha256(content).hexdigest()
    sample = prepared(sha, uid=content.split(b",")[0].decode(), signature=signature)
    return replace(sample, content_key=f"key-of-{content.hex()}")


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=12, stateful_step_count=40, deadline=None)
