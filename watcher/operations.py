"""What a person may do to an instance, the same through the running gateway and without it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from watcher.auditing import myself, note_head, open_audit, peer
from watcher.errors import ConfigError, NotPossibleError
from watcher.model import Reason, Review, State
from watcher.store import queries
from watcher.store.audit import Audit, Deed, Entry
from watcher.store.ledger import Ledger
from watcher.store.records import Move, Row
from watcher.store.spool import Spool
from watcher.store.writer import Writer

Answer = dict[str, Any]
Request = dict[str, str]

_SOCKET = "control.sock"
_PATIENCE = 30.0


class OwnedError(ConfigError):
    """Another process has the state folder."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who asked, as the audit names them, and the chain that is to tell of it."""

    name: str
    audit: Audit

    def did(
        self, ledger: Ledger, deed: Deed, row: Row, now: float, facts: Mapping[str, str | int] = {}
    ) -> None:
        """Write the line, in the transaction of the deed."""
        self.audit.append(
            ledger.connection, Entry(deed, row.id, row.customer, self.name, facts), now
        )


def act(
    ledger: Ledger,
    spool: Spool,
    person: Person,
    verb: str,
    id_: str,
    original_there: bool,
    now: float,
) -> Answer:
    """Do what a person asked of one instance, and tell the audit. Raises NotPossibleError."""
    row = queries.find(ledger.connection, id_) if id_ else None
    if row is None:
        raise NotPossibleError("no instance has this id, or more than one begin with it")
    deed, work = VERBS[verb]
    state = work(ledger, spool, row, original_there, now)
    person.did(ledger, deed, row, now, {"was": row.state.value, "reason": row.reason})
    return {"id": row.id, "customer": row.customer, "state": state.value}


def approve(
    ledger: Ledger,
    spool: Spool,
    person: Person,
    id_: str,
    review: Review,
    original_there: bool,
    now: float,
) -> Answer:
    """Release with a person's word on the pixels: a worker fills the boxes, scrubs and proves anew.

    Raises NotPossibleError.
    """
    row = queries.find(ledger.connection, id_) if id_ else None
    if row is None:
        raise NotPossibleError("no instance has this id, or more than one begin with it")
    state = _release(ledger, spool, row, original_there, now)
    ledger.review(row.id, review)
    facts = {"was": row.state.value, "reason": row.reason, "boxes": len(review.boxes)}
    person.did(ledger, Deed.APPROVED, row, now, facts)
    return {"id": row.id, "customer": row.customer, "state": state.value}


def note_rule(
    ledger: Ledger, person: Person, customer: str, facts: Mapping[str, str], now: float
) -> Answer:
    """Tell the audit that a person approved a device rule: the device's key, the recipe's name."""
    entry = Entry(Deed.DEVICE_RULE, customer=customer, actor=person.name, facts=dict(facts))
    person.audit.append(ledger.connection, entry, now)
    return {"noted": True}


def _release(ledger: Ledger, spool: Spool, row: Row, original_there: bool, now: float) -> State:
    """Quarantined to queued: try again, from the drop folder or else from quarantine."""
    if row.state is not State.QUARANTINED:
        raise NotPossibleError(f"it is {row.state}, only quarantined instances can be released")
    if not original_there and spool.quarantined(row.customer, row.id) is None:
        raise NotPossibleError("its original is neither in the drop folder nor in quarantine")
    if row.reason == Reason.OUTCOME_UNKNOWN:
        ledger.sent.released(row.id)
    ledger.relocate(row.id, "drop" if original_there else "quarantine")
    ledger.review(row.id, None)
    ledger.move(row.id, Move(State.QUEUED), now)
    return State.QUEUED


def _reject(ledger: Ledger, _: Spool, row: Row, __: bool, now: float) -> State:
    """Quarantined to excluded: a person looked, and it is not to be sent."""
    if row.state is not State.QUARANTINED:
        raise NotPossibleError(f"it is {row.state}, only quarantined instances can be rejected")
    ledger.move(row.id, Move(State.EXCLUDED, Reason.REJECTED_BY_PERSON), now)
    return State.EXCLUDED


def _retry(ledger: Ledger, spool: Spool, row: Row, original_there: bool, now: float) -> State:
    """Make a waiting instance due at once; a quarantined one is released."""
    if row.state is State.QUARANTINED:
        return _release(ledger, spool, row, original_there, now)
    if not ledger.hurry(row.id, now):
        raise NotPossibleError(f"it is {row.state}; only waiting instances can be tried at once")
    return row.state


Work = Callable[[Ledger, Spool, Row, bool, float], State]
VERBS: Mapping[str, tuple[Deed, Work]] = {
    "release": (Deed.RELEASED, _release),
    "reject": (Deed.REJECTED, _reject),
    "retry": (Deed.RETRIED, _retry),
}


Offline = Callable[[Ledger, Person], Answer]


@contextlib.contextmanager
def sole_owner(state: Path) -> Iterator[None]:
    """Hold the state folder's lock. Raises OwnedError when another process has it."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise OwnedError(f"another gateway is running on {state}") from None
    try:
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _address(state: Path) -> Iterator[str]:
    # A socket's path holds 107 bytes at most; through /proc the folder's own length is free.
    folder = os.open(state, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{_SOCKET}"
    finally:
        os.close(folder)


def ask(state: Path, request: Request, patience: float = 30.0) -> Answer | None:
    """Send one request to the running gateway; None when none runs.

    Raises NotPossibleError, and TimeoutError when it does not answer within `patience` seconds.
    """
    try:
        with _address(state) as address, socket.socket(socket.AF_UNIX) as link:
            link.settimeout(patience)
            link.connect(address)
            link.sendall(json.dumps(request).encode() + b"\n")
            with link.makefile("rb") as reader:
                line = reader.readline()
    except (FileNotFoundError, ConnectionError, NotADirectoryError):
        return None
    answer: Answer = json.loads(line)
    if "error" in answer:
        raise NotPossibleError(answer["error"])
    return answer


Handle = Callable[[Request, str], Awaitable[Answer]]
"""(request, who asks)"""


async def serve(state: Path, handle: Handle) -> asyncio.AbstractServer:
    """Answer requests on the control socket, mode 0600, until the server is closed."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await asyncio.wait_for(reader.readline(), 30)
            who = peer(writer.get_extra_info("socket"))
            answer = await _answer(line, who, handle)
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        except (TimeoutError, ConnectionError, ValueError):
            pass  # the asker went away or spoke nonsense; it is not ours to mend
        finally:
            writer.close()

    (state / _SOCKET).unlink(missing_ok=True)
    before = os.umask(0o177)
    try:
        with _address(state) as address:
            return await asyncio.start_unix_server(one, address)
    finally:
        os.umask(before)


async def _answer(line: bytes, who: str, handle: Handle) -> Answer:
    request = json.loads(line)
    if not isinstance(request, dict):
        return {"error": "a request is a JSON object"}
    try:
        return await handle({str(key): str(value) for key, value in request.items()}, who)
    except NotPossibleError as refusal:
        return {"error": str(refusal)}


def either(state: Path, request: Request, work: Offline) -> Answer:
    """Ask the running gateway or, when none runs, do `work` without it.

    One that is just starting or stopping owns the state and does not answer: it is waited for.
    Raises OwnedError, NotPossibleError and what `work` raises.
    """
    until = time.monotonic() + _PATIENCE
    while True:
        answer = ask(state, request)
        if answer is not None:
            return answer
        try:
            return offline(state, work)
        except OwnedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def offline(state: Path, work: Offline) -> Answer:
    """Do `work` on the ledger of a gateway that does not run. Raises what `work` raises."""
    with sole_owner(state):
        writer = Writer(state / "ledger.sqlite")
        try:
            audit = writer.submit(lambda it: open_audit(state, it, time.time())).result()
            answer = writer.submit(lambda it: work(it, Person(myself(), audit))).result()
            note_head(state, writer.submit(lambda it: audit.head(it.connection)).result())
        finally:
            writer.close()
    return answer
