"""From staged to delivered: one dispatch per customer, with its own destination and breaker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from watcher.bell import Bell, cancel
from watcher.deliver.client import Destination
from watcher.deliver.courier import Courier
from watcher.dispatch import Dispatch
from watcher.observe.log import Log
from watcher.pipeline import Pipeline
from watcher.settings import Settings
from watcher.store import queries
from watcher.store.spool import Spool
from watcher.store.writer import Writer


class Dispatchers:
    """Owns the dispatches and destinations; a customer gets one when it first has something."""

    def __init__(
        self,
        settings: Settings,
        backend: str,
        pipeline: Pipeline,
        spool: Spool,
        writer: Writer,
        log: Log,
        on_delivered: Callable[[], None],
        on_queued: Callable[[], None],
        paused: Callable[[], frozenset[str]],
        coming: Callable[[str], bool],
    ) -> None:
        self._settings = settings
        self._backend = backend
        self._pipeline = pipeline
        self._spool = spool
        self._writer = writer
        self._log = log
        self._on_delivered = on_delivered
        self._on_queued = on_queued
        self._paused = paused
        self._coming = coming
        self._dispatches: dict[str, Dispatch] = {}
        self._destinations: dict[str, Destination] = {}
        self._new = Bell()

    def ring(self, customer: str) -> None:
        """This customer has something staged."""
        if customer not in self._dispatches:
            self._dispatches[customer] = self._dispatch(customer)
            self._new.ring()
        self._dispatches[customer].ring()

    def ring_all(self) -> None:
        """Something may be due for anybody."""
        for dispatch in self._dispatches.values():
            dispatch.ring()

    def resume(self, customer: str) -> None:
        """A person mended something for this customer: its destination is probed at once."""
        if customer in self._dispatches:
            self._dispatches[customer].resume()

    def resume_all(self) -> None:
        """The clock was set: what rests until a time of day probes at once."""
        for dispatch in self._dispatches.values():
            dispatch.resume()

    async def run(self) -> None:
        """Run every dispatch's loop; ends only with the failure of one of them."""
        tallies = await self._writer.run(lambda ledger: queries.tallies(ledger.connection))
        for tally in tallies:
            self.ring(tally.customer)
        running: dict[str, asyncio.Task[Any]] = {}
        try:
            while True:
                for name in self._dispatches.keys() - running.keys():
                    running[name] = asyncio.create_task(self._dispatches[name].run())
                await self._new.wait(1.0)
                for task in running.values():
                    if task.done():
                        task.result()
        finally:
            await cancel(set(running.values()))

    async def finish(self) -> None:
        """Start no further request, and wait for the answers to those under way."""
        await asyncio.gather(*(dispatch.finish() for dispatch in self._dispatches.values()))

    def _dispatch(self, customer: str) -> Dispatch:
        options = self._settings.of(customer).deliver
        if options.url == "embedded":
            options = options.model_copy(update={"url": self._backend})
        destination = Destination(options)
        self._destinations[customer] = destination
        return Dispatch(
            customer,
            options,
            Courier(destination, options),
            self._spool.outbox / customer,
            self._pipeline,
            self._writer,
            self._log,
            self._on_delivered,
            self._on_queued,
            lambda: customer in self._paused(),
            lambda: self._coming(customer),
        )

    def _compare_contracts(self) -> None:
        """Hold the backends' own documents against ours. Raises ConfigError."""
        everyone = [self._settings.of(""), *self._settings.customers.values()]
        everyone = [own for own in everyone if own.deliver.contract is not None]
        if not everyone:
            return
        # Few have one, and its libraries take a tenth of a second of the start.
        from watcher.deliver import compare  # noqa: PLC0415

        for own in everyone:
            for place in compare.check(own.deliver, lossless=own.render.mode == "lossless"):
                self._log.event("contract-differs", level="warning", place=place)

    async def __aenter__(self) -> Self:
        """Make every configured destination, so that a wrong one stops the start (ConfigError)."""
        self._compare_contracts()
        for customer in self._settings.customers:
            self._dispatches[customer] = self._dispatch(customer)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for destination in self._destinations.values():
            await destination.close()
