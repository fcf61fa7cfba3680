"""The composition root: start, recover, drain, stop. It owns the parts and decides nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any

from watcher import keeping, operations, recovering
from watcher.asking import Asking
from watcher.auditing import open_audit
from watcher.bell import cancel
from watcher.dispatchers import Dispatchers
from watcher.errors import DeferredError
from watcher.intake import Intake
from watcher.model import State
from watcher.observe import health, serve
from watcher.observe.log import Log
from watcher.observe.metrics import Metrics
from watcher.page import routes as page
from watcher.pipeline import Pipeline
from watcher.preparing import Preparing
from watcher.progress import Progress, until_still
from watcher.reloading import merged
from watcher.reviewing import Reviewing
from watcher.settings import Settings
from watcher.store import queries
from watcher.store.audit import Audit
from watcher.store.disk import Disk
from watcher.store.queries import Tally
from watcher.store.spool import Spool
from watcher.store.writer import Writer
from watcher.tending import Tending
from watcher.vitals import Vitals, access
from watcher.welcome import welcome
from watcher.workers import Workers

_GRACE = 25.0

Alive = Callable[[], Awaitable[bool]]


class Gateway:
    """One gateway on one state folder; `run` it once."""

    def __init__(self, settings: Settings, log: Log) -> None:
        self.settings = settings
        self._log = log
        self._spool = Spool(settings.state)
        self._stop = asyncio.Event()
        self._force = asyncio.Event()
        self._customers: set[str] = set()
        self._held: frozenset[str] = frozenset()
        self._writer: Writer
        self._audit: Audit
        self._intake: Intake
        self._preparing: Preparing
        self._dispatchers: Dispatchers
        self._tending: Tending
        self._vitals: Vitals
        self._asking: Asking
        self._reviewing: Reviewing
        self._pipeline: Pipeline
        self.page: str | None = None
        """Where the page is served, once it is."""

    def stop(self) -> None:
        """Finish what is under way and stop; called again, stop at once."""
        (self._force if self._stop.is_set() else self._stop).set()

    async def run(
        self,
        *,
        ready: Callable[[str], None],
        drain: float | None = None,
        tell: Callable[[Progress], None] = lambda _: None,
        beat: Callable[[Alive], Coroutine[Any, Any, None]] | None = None,
    ) -> int:
        """Run until stopped or, with `drain`, until nothing moves any more.

        `drain` is how many seconds nothing may move before what still waits is given up on.
        `ready` is told the backend's address once files are taken, `tell` how a drain goes.
        `beat` is given a way to ask whether this process works, for as long as it runs.
        Returns how many files are pending at the end. Raises ConfigError.
        """
        with operations.sole_owner(self.settings.state):
            async with AsyncExitStack() as stack:
                backend = await self._start(stack)
                self._log.event("ready")
                ready(backend)
                if beat is not None:
                    stack.push_async_callback(cancel, _tasks(beat(self._vitals.alive)))
                await self._work(drain, tell)
                tallies = await self.tallies()
        self._log.event("stopped")
        return sum(tally.pending for tally in tallies)

    async def reload(self, new: Settings) -> tuple[str, ...]:
        """Take over other settings; returns the sections that wait for a restart.

        Raises ConfigError, and keeps what it had, when a recipe is not sound.
        """
        settings, later = merged(self.settings, new)
        await self._workers.verify(settings.every_scrub())
        self.settings = settings
        self._pipeline.renew()
        self._preparing.ring()
        self._dispatchers.ring_all()
        return later

    async def tallies(self) -> list[Tally]:
        """Where everything is."""
        return await self._writer.run(lambda ledger: queries.tallies(ledger.connection))

    # -- start -------------------------------------------------------------------------------

    async def _start(self, stack: AsyncExitStack) -> str:
        settings = self.settings
        self._spool.prepare()
        self._held = self._spool.paused()
        settings.intake.root.mkdir(parents=True, exist_ok=True)
        disk = Disk(settings.state, settings.disk)
        disk.look()
        workers = await stack.enter_async_context(Workers(settings.workers, spare=True))
        self._workers = workers
        checked = asyncio.create_task(workers.verify(settings.every_scrub()))
        stack.callback(checked.cancel)
        incomplete = await recovering.prove_ledger(settings.state, self._log)
        self._writer = Writer(settings.state / "ledger.sqlite", disk.drop_ballast)
        stack.callback(self._writer.close)
        backend = await self._backend(stack)
        metrics = Metrics()
        self._audit = await self._writer.run(
            lambda ledger: open_audit(settings.state, ledger, time.time())
        )
        pipeline = self._pipeline = Pipeline(
            lambda: self.settings,
            self._spool,
            self._writer,
            workers,
            self._log,
            metrics,
            self._audit,
        )
        self._tending = Tending(
            pipeline,
            self._writer,
            disk,
            self._log,
            self._audit,
            settings.state,
            self._room,
            self._clock_set,
        )
        self._preparing = Preparing(
            pipeline,
            self._writer,
            disk,
            workers.size,
            self._paused,
            self._meet,
            self._moved,
        )
        dispatchers = Dispatchers(
            self.settings,
            backend,
            pipeline,
            self._spool,
            self._writer,
            self._log,
            self._tending.ring,
            self._room,
            self._paused,
            self._preparing.at_work_for,
        )
        self._dispatchers = await stack.enter_async_context(dispatchers)
        if incomplete:
            await recovering.complete_ledger(settings, self._spool, self._writer, self._log)
            await self._writer.run(lambda it: self._audit.restored(it.connection, time.time()))
        await recovering.recover(self._spool, self._writer, self._log)
        for line in await checked:
            self._log.event("loosened", level="warning", rule=line)
        self._intake = Intake(settings.intake, lambda customer: self.settings.of(customer).intake)
        self._vitals = Vitals(
            settings, self._writer, disk, self._intake, metrics, self._stop.is_set
        )
        self._asking = Asking(
            settings,
            self._spool,
            self._writer,
            self._audit,
            self._vitals,
            self._dispatchers,
            self._preparing.ring,
        )
        self._reviewing = Reviewing(
            lambda: self.settings,
            self._spool,
            self._writer,
            workers,
            pipeline,
            self._audit,
            self._preparing.ring,
        )
        server = await operations.serve(settings.state, self._asking.answer)
        stack.callback(server.close)
        await self._page(stack)
        return backend

    async def _page(self, stack: AsyncExitStack) -> None:
        """Answer over HTTP. A port that somebody else has must not keep images waiting."""
        options = self.settings.observe
        routes = [*health.routes(self._vitals), *page.routes(self._reviewing)]
        token, tls = access(options)
        try:
            served = await serve.start(options, self.settings.state, routes, token=token, tls=tls)
        except OSError as error:
            self._log.event("page-not-served", level="error", detail=f"errno-{error.errno}")
            return
        if served is not None:
            stack.push_async_callback(served.stop)
            self.page = served.address

    async def _backend(self, stack: AsyncExitStack) -> str:
        if self.settings.deliver.url != "embedded":
            return self.settings.deliver.url
        from watcher.receiver.app import start  # noqa: PLC0415 - only the embedded one needs it

        receiver = await start(self.settings.state / "receiver")
        stack.push_async_callback(receiver.stop)
        return receiver.url

    # -- what the parts tell each other --------------------------------------------------------

    def _paused(self) -> frozenset[str]:
        """By the settings, or by a person."""
        own = self.settings.customers.items()
        with suppress(DeferredError):  # the disk does not tell now: as it was
            self._held = self._spool.paused()
        return frozenset(name for name, each in own if each.paused) | self._held

    def _meet(self, customer: str) -> None:
        if customer not in self._customers:
            welcome(customer, self._spool, self._log)
            self._customers.add(customer)

    def _moved(self, customer: str, state: State) -> None:
        if state is State.STAGED:
            self._dispatchers.ring(customer)
        elif state is State.DUPLICATE:
            self._tending.ring()

    def _room(self) -> None:
        """There is room on the disk again, or something is queued anew."""
        self._preparing.ring()

    def _clock_set(self) -> None:
        self._preparing.ring()
        self._dispatchers.resume_all()

    # -- run ---------------------------------------------------------------------------------

    async def _work(self, drain: float | None, tell: Callable[[Progress], None]) -> None:
        taking = _tasks(self._intake.run(), *self._preparing.taking(self._intake))
        working = _tasks(
            *self._preparing.working(),
            *self._tending.loops(),
            keeping.keep_house(lambda: self.settings, self._writer, self._log),
            self._dispatchers.run(),
        )
        ends = _tasks(self._stop.wait())
        if drain is not None:
            ends |= _tasks(until_still(self.tallies, lambda: self._intake.idle, drain, tell))
        try:
            done, _ = await asyncio.wait(
                taking | working | ends, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                task.result()
            await cancel(taking)
            await self._finish()
        finally:
            await cancel(taking | working | ends)

    async def _finish(self) -> None:
        """Let what is under way come to its end, for a bounded time; or not, when forced."""
        ending = _tasks(self._preparing.finish(), self._dispatchers.finish())
        forced = _tasks(self._force.wait())
        both = asyncio.gather(*ending)
        await asyncio.wait([both, *forced], timeout=_GRACE, return_when=asyncio.FIRST_COMPLETED)
        if both.done():
            await self._tending.dispose_all()
            await self._tending.note_head()
        await cancel(ending | forced)


def _tasks(*work: Coroutine[Any, Any, Any]) -> set[asyncio.Task[Any]]:
    return {asyncio.create_task(each) for each in work}
