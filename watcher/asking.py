"""What people ask of a running gateway, over the control socket or the page."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

from watcher import operations
from watcher.dispatchers import Dispatchers
from watcher.errors import NotPossibleError
from watcher.operations import Answer, Person, Request
from watcher.pipeline import original_there
from watcher.settings import Settings
from watcher.store import queries
from watcher.store.audit import Audit
from watcher.store.spool import Spool
from watcher.store.writer import Writer
from watcher.vitals import Vitals


class Asking:
    """Does it, and wakes whoever has work by it."""

    def __init__(
        self,
        settings: Settings,
        spool: Spool,
        writer: Writer,
        audit: Audit,
        vitals: Vitals,
        dispatchers: Dispatchers,
        on_queued: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._writer = writer
        self._audit = audit
        self._vitals = vitals
        self._dispatchers = dispatchers
        self._on_queued = on_queued

    async def answer(self, request: Request, who: str) -> Answer:
        """One request of the control socket. Raises NotPossibleError."""
        verb, id_ = request.get("verb", ""), request.get("id", "")
        if verb == "health":
            return dataclasses.asdict(await self._vitals.condition())
        if verb == "metrics":
            return {"text": (await self._vitals.exposition()).decode()}
        if verb == "device-rule":
            return await self._note_rule(request, Person(who, self._audit))
        if verb == "wake":
            return self._wake()
        if verb not in operations.VERBS:
            raise NotPossibleError("unknown request")
        now, there = time.time(), await self._original_there(id_)
        person = Person(who, self._audit)
        answer = await self._writer.run(
            lambda ledger: operations.act(ledger, self._spool, person, verb, id_, there, now)
        )
        self._wake()
        if verb == "retry":
            self._dispatchers.resume(answer["customer"])
        return answer

    def _wake(self) -> Answer:
        self._on_queued()
        self._dispatchers.ring_all()
        return {"awake": True}

    async def _note_rule(self, request: Request, person: Person) -> Answer:
        facts = {name: request.get(name, "") for name in ("device", "rule")}
        customer, now = request.get("customer", ""), time.time()
        return await self._writer.run(
            lambda ledger: operations.note_rule(ledger, person, customer, facts, now)
        )

    async def _original_there(self, id_: str) -> bool:
        row = await self._writer.run(lambda ledger: queries.find(ledger.connection, id_))
        return row is not None and original_there(self._settings.intake.root, row)
