"""How the gateway is doing, gathered from its parts for whoever asks over HTTP or the socket."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

from watcher.deliver import secret, trust
from watcher.deliver.breaker import Breaker
from watcher.doctor.network import certificate_ends
from watcher.errors import DeferredError
from watcher.intake import Intake
from watcher.model import State
from watcher.observe.health import WELL, Condition
from watcher.observe.metrics import Metrics, Snapshot
from watcher.options import ObserveOptions
from watcher.settings import Settings
from watcher.store import queries
from watcher.store.disk import Disk
from watcher.store.queries import Tally
from watcher.store.writer import Writer

_PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class _Look:
    """What the ledger said, past its writer: on a full disk that can still be read."""

    tallies: list[Tally]
    destinations: dict[str, str | None]
    certificates: dict[str, float]


class Vitals:
    """Knows the parts and asks them; it keeps nothing. `stopping` says whether a stop was asked."""

    def __init__(
        self,
        settings: Settings,
        writer: Writer,
        disk: Disk,
        intake: Intake,
        metrics: Metrics,
        stopping: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._writer = writer
        self._disk = disk
        self._intake = intake
        self._metrics = metrics
        self._stopping = stopping

    async def alive(self) -> bool:
        """Whether the loop turns and the ledger takes what it is given."""
        return await self._ledger() == WELL

    async def condition(self) -> Condition:
        """See `watcher.observe.health`."""
        look = await asyncio.to_thread(self._look)
        health = self._intake.health
        noted: dict[str, str | None] = {}
        noted |= {f"folder {name}": each.trouble for name, each in health.customers.items()}
        noted |= {f"destination {name}": trouble for name, trouble in look.destinations.items()}
        noted |= {f"balance {t.customer}": None if t.balanced else "lost" for t in look.tallies}
        noted["folder names"] = "illegal" if health.illegal else None
        return Condition(
            vital={"ledger": await self._ledger()},
            needed={
                "running": "stopping" if self._stopping() else WELL,
                "disk": WELL if self._disk.open else "full",
                "drop folder": health.root.trouble or WELL,
            },
            noted={name: trouble or WELL for name, trouble in noted.items()},
        )

    async def exposition(self) -> bytes:
        """See `watcher.observe.metrics`."""
        look, now = await asyncio.to_thread(self._look), time.time()
        health = self._intake.health
        folders = {"": health.root, **health.customers}
        oldest = {t.customer: t.oldest_pending for t in look.tallies}
        return self._metrics.exposition(
            Snapshot(
                instances={t.customer: {s: getattr(t, s) for s in State} for t in look.tallies},
                oldest={name: 0.0 if at is None else now - at for name, at in oldest.items()},
                unbalanced={t.customer: t.unaccounted for t in look.tallies},
                intake=self._intake.counters.as_numbers(),
                folders={name: each.trouble for name, each in folders.items()},
                destinations=look.destinations,
                certificates=look.certificates,
                illegal_folders=len(health.illegal),
                disk_free=self._disk.free,
                disk_open=self._disk.open,
            )
        )

    async def _ledger(self) -> str:
        """Whether the one thread that writes still does."""
        try:
            await asyncio.wait_for(self._writer.run(lambda _: None), _PATIENCE)
        except TimeoutError:
            return "stuck"
        except DeferredError:
            return WELL  # it answers; that it has no room is told by the disk
        return WELL

    def _look(self) -> _Look:
        db = queries.reader(self._settings.state / "ledger.sqlite")
        try:
            breakers = {name: Breaker.load(text) for name, text in queries.breakers(db).items()}
            tallies = queries.tallies(db)
        finally:
            db.close()
        known = {t.customer: Breaker() for t in tallies} | breakers
        destinations = {name: trouble(breaker) for name, breaker in known.items()}
        return _Look(tallies, destinations, certificate_ends(self._settings))


def trouble(breaker: Breaker) -> str | None:
    """Why nothing flows to a destination, in a word."""
    if breaker.closed:
        return None
    return "paused" if breaker.paused else "resting"


def access(options: ObserveOptions) -> tuple[str | None, ssl.SSLContext | None]:
    """The token and the TLS context that the page is served with. Raises ConfigError."""
    token = tls = None
    if options.token_file is not None:
        token = secret.load(f"file:{options.token_file}", "observe.token_file").reveal()
    if options.tls_certificate is not None or options.tls_key is not None:
        tls = trust.server(options.tls_certificate, options.tls_key)
    return token, tls
