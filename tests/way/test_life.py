"""The whole life of files, in any order of events: a state machine over the real steps.

Real are the ledger, the folders, and every step from the arrival to the archive; the worker's
reading of pixels and the backend are models. The backend knows requests by their keys alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.store.samples import prepared
from watcher import loading, operations
from watcher.digest import SHA256
from watcher.errors import DeferredError, ExcludedError, NotPossibleError
from watcher.intake import opening
from watcher.intake.arrival import Arrival
from watcher.job import Job
from watcher.loading import Load
from watcher.model import Outcome, Prepared, Reason, Refused, Signature, State
from watcher.observe.log import Log
from watcher.observe.metrics import Metrics
from watcher.operations import Person
from watcher.options import DeliverOptions, IntakeOptions, LogOptions
from watcher.pipeline import Pipeline, original_there
from watcher.settings import Settings
from watcher.store import clocks, queries, rescue, taking
from watcher.store.audit import Audit, AuditKey
from watcher.store.database import connect
from watcher.store.journal import Journal
from watcher.store.ledger import Ledger
from watcher.store.records import Move, Row
from watcher.store.spool import Spool, sync_folder
from watcher.store.writer import Writer
from watcher.workers import Workers

CONTENTS = st.sampled_from([b"one", b"two", b"three", b"one, changed", b"two, changed"])
NAMES = st.sampled_from(["a", "b", "c", "d"])
OPTIONS = DeliverOptions(batch_linger=0)
N = "n"


class Life(RuleBasedStateMachine):
    """Senders, workers, the backend, people, crashes, damage; what must hold is checked always."""

    @initialize(conflict=st.sampled_from(["quarantine", "replace"]))
    def begin(self, conflict: str) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="life-"))
        self.drop = self.home / "drop" / N
        self.drop.mkdir(parents=True)
        intake = IntakeOptions.model_validate({"root": self.home / "drop", "conflict": conflict})
        self.settings = Settings(state=self.home / "state", intake=intake)
        self.spool = Spool(self.home / "state")
        self.spool.prepare()
        self.log = Log(self.home / "log", LogOptions(console=False))
        self.audit = Audit(AuditKey("k", b"k"))
        self.open_ledger()
        self.now = 1_800_000_000.0
        self.pipeline = self.piped()
        self.taken: list[tuple[Row, Outcome]] = []
        self.keys: set[str] = set()
        self.accepted: Counter[bytes] = Counter()
        self.owed: set[bytes] = set()
        self.answered_for: set[bytes] = set()

    def open_ledger(self) -> None:
        self.journal = Journal(self.spool.state)
        self.ledger = Ledger(connect(self.spool.state / "ledger.sqlite"), self.journal)

    def piped(self) -> Pipeline:
        return Pipeline(
            lambda: self.settings,
            self.spool,
            cast(Writer, self),
            cast(Workers, Worker()),
            self.log,
            Metrics(),
            self.audit,
            lambda: self.now,
        )

    async def run(
        self, work: Callable[[Ledger], Any], *, within: float = 0.0, bulk: bool = False
    ) -> Any:
        """In the writer's place: here and now, in one transaction."""
        self.ledger.connection.execute("BEGIN")
        try:
            return work(self.ledger)
        finally:
            self.journal.seal()
            self.ledger.connection.execute("COMMIT")

    def teardown(self) -> None:
        if not hasattr(self, "home"):  # when it was never begun
            return
        try:
            self.comes_to_its_end()
        finally:
            self.log.close()
            self.close_ledger()
            shutil.rmtree(self.home)

    def comes_to_its_end(self) -> None:
        """Left alone, with a backend that answers, nothing is pending any more."""
        while self.taken:
            self.work_ends(refuse=False)
        for _ in range(60):
            self.now += 400
            self.scan()
            self.work_begins()
            if self.taken:
                self.work_ends(refuse=False)
            self.send(most=9, heard=True, accepted=True, lost=False)
            self.dispose(fails_at=0)
        assert not [*self.rows(State.QUEUED), *self.rows(State.STAGED)]
        assert queries.undisposed(self.ledger.connection, 9) == []
        assert not list(self.drop.glob(".*"))

    def rows(self, state: State) -> list[Row]:
        return list(queries.in_state(self.ledger.connection, state))

    # -- the sender ----------------------------------------------------------------------------

    @rule(name=NAMES, content=CONTENTS)
    def sender_drops(self, name: str, content: bytes) -> None:
        """By a rename; over what lies there, as senders do: that is owed to nobody any more."""
        (self.home / "part").write_bytes(content)
        (self.home / "part").rename(self.drop / name)
        self.owed = {each for each in self.owed if each in self.lying()} | {content}

    @rule(name=NAMES)
    def sender_takes_away(self, name: str) -> None:
        (self.drop / name).unlink(missing_ok=True)
        self.owed = {each for each in self.owed if each in self.lying()}

    def lying(self) -> set[bytes]:
        """All contents that wait in the drop folder or in quarantine."""
        held = self.spool.quarantine.rglob("*.dcm")
        return {path.read_bytes() for path in (*self.drop.iterdir(), *held)}

    # -- the gateway ---------------------------------------------------------------------------

    @rule()
    def scan(self) -> None:
        self.now += 1
        there = [path for path in self.drop.iterdir() if not path.name.startswith(".")]
        seen = [(path.name, opening.signature_of(path.lstat())) for path in there]
        asyncio.run(
            self.pipeline.admit([Arrival(N, *each, self.now, "scan") for each in seen], False)
        )

    @rule()
    def work_begins(self) -> None:
        for row in self.ledger.claim(State.QUEUED, N, 1, self.now):
            self.taken.append((row, asyncio.run(self.pipeline.attempt(row))))

    @precondition(lambda self: self.taken)
    @rule(refuse=st.booleans())
    def work_ends(self, refuse: bool) -> None:
        self.now += 1
        row, outcome = self.taken.pop(0)
        if refuse and isinstance(outcome, Prepared):
            outcome = Refused(Reason.BURNED_IN)
        asyncio.run(self.pipeline.conclude(row, outcome))

    @rule(most=st.integers(1, 3), heard=st.booleans(), accepted=st.booleans(), lost=st.booleans())
    def send(self, most: int, heard: bool, accepted: bool, lost: bool) -> None:
        """A request is taken once, whatever its members; its answer, or a spool file, is lost."""
        self.now += 1
        folder = self.spool.outbox_of(N)
        plan = asyncio.run(
            self.run(lambda it: loading.plan(it, N, most, folder, OPTIONS, frozenset(), self.now))
        )
        for load in plan.loads:
            self.send_one(load, heard, accepted, lost)
        for row in plan.broken:
            move = Move(State.QUARANTINED, Reason.OUTCOME_UNKNOWN)
            asyncio.run(self.pipeline.settle(row, move))

    @rule()
    def backend_refuses(self) -> None:
        """The images of one request, for good."""
        folder = self.spool.outbox_of(N)
        plan = asyncio.run(
            self.run(lambda it: loading.plan(it, N, 2, folder, OPTIONS, frozenset(), self.now))
        )
        for load in plan.loads:
            if load.batch.id not in self.keys:  # or it is told that it has them
                for row in load.rows:
                    asyncio.run(self.pipeline.settle(row, Move(State.QUARANTINED, Reason.REJECTED)))
            else:
                self.send_one(load, heard=True, accepted=True, lost=False)

    def send_one(self, load: Load, heard: bool, accepted: bool, lost: bool) -> None:
        if accepted and not lost and load.batch.id not in self.keys:
            self.keys.add(load.batch.id)
            self.accepted.update(content_of(row) for row in load.rows)
        if accepted and heard and not lost:
            asyncio.run(self.pipeline.delivered(load.rows, "http://b", "200"))
            return
        for number, row in enumerate(load.rows):
            move = Move(State.STAGED, Reason.BACKEND_ERROR, not_before=self.now + 1)
            if lost and number == 0:
                move = Move(State.QUEUED, Reason.SPOOL_LOST, "text")
            asyncio.run(self.pipeline.settle(row, move))

    @rule(fails_at=st.integers(0, 6))
    def dispose(self, fails_at: int) -> None:
        """In steps of two; the disk may fail at any of the places where names are made durable."""
        place: queries.Place | None = queries.FIRST
        with failing(fails_at):
            while place is not None:
                _, place = asyncio.run(self.pipeline.dispose(2, place))

    # -- people --------------------------------------------------------------------------------

    @rule(verb=st.sampled_from(["release", "reject", "retry"]), state=st.sampled_from(list(State)))
    def person_decides(self, verb: str, state: State) -> None:
        for row in self.rows(state)[:1]:
            there = original_there(self.settings.intake.root, row)
            person = Person("uid 1", self.audit)
            with contextlib.suppress(NotPossibleError):
                operations.act(self.ledger, self.spool, person, verb, row.id, there, self.now)
                if verb != "reject" and row.reason == Reason.OUTCOME_UNKNOWN:
                    self.answered_for.add(content_of(row))

    # -- what goes wrong -----------------------------------------------------------------------

    @rule()
    def crash(self) -> None:
        self.close_ledger()
        self.open_ledger()
        self.starts()

    def close_ledger(self) -> None:
        self.journal.close()
        self.ledger.connection.close()

    def starts(self) -> None:
        """As `watcher.recovering` does it."""
        clocks.distrust(self.ledger, self.now)
        self.ledger.release_claims()
        self.taken.clear()

    @rule(jump=st.sampled_from([-86_400.0, 86_400.0]))
    def clock_is_set(self, jump: float) -> None:
        self.now += jump
        clocks.follow(self.ledger, jump)

    @rule()
    def back_up(self) -> None:
        earlier = self.journal.turn()
        rescue.keep_backup(self.spool.state)
        for path in earlier:
            path.unlink()

    @rule()
    def damage(self) -> None:
        """The ledger is lost; backup, journal, archive, quarantine and drop folder are not."""
        self.close_ledger()
        path = self.spool.state / "ledger.sqlite"
        path.write_bytes(b"no ledger" * 1000)
        assert not rescue.sound(path)
        rescue.restore(self.spool.state, self.now)
        self.open_ledger()
        rescue.complete(self.ledger, self.spool, self.home / "drop", self.now, lambda _: SHA256)
        self.starts()

    # -- what must hold ------------------------------------------------------------------------

    @invariant()
    def nothing_is_lost(self) -> None:
        """Each content dropped is accepted, or lies in the drop folder or in quarantine."""
        assert self.owed - self.accepted.keys() <= self.lying()

    @invariant()
    def nothing_is_accepted_twice(self) -> None:
        """Unless a person has said that it may go again, whatever became of it."""
        twice = {content for content, times in self.accepted.items() if times > 1}
        assert twice <= self.answered_for

    @invariant()
    def nothing_is_touched_before_its_acceptance(self) -> None:
        """What is archived, or DELIVERED in the ledger, the backend has."""
        archived = {path.read_bytes() for path in self.spool.archive.rglob("*.dcm")}
        assert archived <= self.accepted.keys()
        for row in self.rows(State.DELIVERED):
            assert row.prepared is None or content_of(row) in self.accepted

    @invariant()
    def the_balance_holds(self) -> None:
        """As the kept counts, so the rows."""
        assert queries.out_of_balance(self.ledger.connection) == set()


class Worker:
    """Reads what it is told to, and finds it fit."""

    async def prepare(self, job: Job, *, spare: bool = False) -> Outcome:
        try:
            descriptor = opening.open_source(job.root, job.path, job.device)
        except (DeferredError, ExcludedError) as error:
            return error.outcome
        try:
            return made(os.read(descriptor, 99), opening.signature(descriptor))
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def failing(at: int) -> Iterator[None]:
    """The disk does not take names at the `at`-th such place; 0: it takes all."""
    left, real = at, sync_folder

    def sync(folder: Path) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise OSError(errno.EIO, "")
        real(folder)

    with mock.patch.object(taking, "sync_folder", sync):
        yield


def content_of(row: Row) -> bytes:
    assert row.prepared is not None
    return bytes.fromhex(row.prepared.content_key.removeprefix("key-of-"))


def made(content: bytes, signature: Signature) -> Prepared:
    sha = hashlib.sha256(content).hexdigest()
    sample = prepared(sha, uid=content.split(b",")[0].decode(), signature=signature)
    return replace(sample, content_key=f"key-of-{content.hex()}")


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=15, stateful_step_count=40, deadline=None)
