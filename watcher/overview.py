"""One look at everything, from what lies on the disk: it needs no running gateway."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from watcher.deliver.breaker import Breaker
from watcher.model import State
from watcher.settings import Settings
from watcher.store import listing, queries
from watcher.store.listing import End
from watcher.store.queries import Tally
from watcher.store.spool import Spool

RATE_OVER = 60.0
LATENCY_OVER = 900.0
_LEAST_SPAN = 5.0
_LOG_TAIL = 256 << 10


@dataclass(frozen=True, slots=True)
class CustomerView:
    """One customer: where its files are, how fast they go, how its backend does.

    Rates are per second over the last minute; latencies, from first sight to acknowledgement, are
    seconds over the last quarter of an hour. `to_go` is None when nothing moves.
    """

    tally: Tally
    oldest: float | None
    rate: float
    latency_p50: float | None
    latency_p95: float | None
    backend: str
    backend_rests: float
    to_go: float | None


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything at one moment. `errors` are the last warnings and errors of the log."""

    at: float
    customers: tuple[CustomerView, ...]
    disk_free: int
    disk_total: int
    disk_open: bool
    errors: tuple[dict[str, Any], ...]

    @property
    def pending(self) -> int:
        """Files still on their way."""
        return sum(view.tally.pending for view in self.customers)

    @property
    def settled(self) -> int:
        """Files that have come to an end."""
        return sum(view.tally.settled for view in self.customers)

    @property
    def rate(self) -> float:
        """Files that come to an end each second."""
        return sum(view.rate for view in self.customers)

    @property
    def to_go(self) -> float | None:
        """Seconds until the last customer that moves has nothing pending; None if none does."""
        known = [view.to_go for view in self.customers if view.to_go is not None]
        return max(known) if known and self.stuck != self.waiting else None

    @property
    def waiting(self) -> tuple[str, ...]:
        """Customers that have files pending."""
        return tuple(view.tally.customer for view in self.customers if view.tally.pending)

    @property
    def stuck(self) -> tuple[str, ...]:
        """Of these, the ones of which nothing has come to an end lately."""
        return tuple(view.tally.customer for view in self.customers if view.to_go is None)


def look(settings: Settings, now: float, errors: int = 5) -> Overview:
    """Gather it, with the newest `errors` warnings and errors of the log."""
    with closing(queries.reader(settings.state / "ledger.sqlite")) as db:
        recent = listing.recent(db, now - LATENCY_OVER)
        breakers = queries.breakers(db)
        tallies = queries.tallies(db)
    held = Spool(settings.state).paused()
    views = tuple(
        _view(
            tally,
            [end for end in recent.ends if end.customer == tally.customer],
            recent.since,
            Breaker.load(breakers.get(tally.customer)),
            settings.of(tally.customer).paused or tally.customer in held,
            now,
        )
        for tally in tallies
    )
    disk = shutil.disk_usage(settings.state)
    lines = last_lines(settings.state / "log" / "watcher.jsonl", ("warning", "error"), errors)
    is_open = disk.free >= settings.disk.stop_below
    return Overview(now, views, disk.free, disk.total, is_open, tuple(lines))


def _view(
    tally: Tally, ends: Sequence[End], since: float, breaker: Breaker, paused: bool, now: float
) -> CustomerView:
    rate = rate_of([end.at for end in ends], since, now)
    waits = sorted(end.at - end.seen_at for end in ends if end.state is State.DELIVERED)
    return CustomerView(
        tally=tally,
        oldest=None if tally.oldest_pending is None else max(0.0, now - tally.oldest_pending),
        rate=rate,
        latency_p50=_quantile(waits, 0.5),
        latency_p95=_quantile(waits, 0.95),
        backend="held by you" if paused else backend_word(breaker, now),
        backend_rests=breaker.wait(now),
        to_go=_to_go(tally.pending, rate),
    )


def backend_word(breaker: Breaker, now: float) -> str:
    """A destination's state as a person reads it."""
    if breaker.closed:
        return "ok"
    if breaker.wait(now) <= 0:
        return "probing"
    return "paused" if breaker.paused else "resting"


def rate_of(times: Sequence[float], since: float, now: float) -> float:
    """Ends each second in the last minute, or since the first of them when that is shorter."""
    span = [at for at in times if at >= max(since, now - RATE_OVER)]
    if not span:
        return 0.0
    return len(span) / max(_LEAST_SPAN, now - min(span))


def _to_go(pending: int, rate: float) -> float | None:
    if pending == 0:
        return 0.0
    return pending / rate if rate > 0 else None


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest value that this share of them does not exceed (nearest rank)."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def last_lines(path: Path, levels: Sequence[str], most: int) -> list[dict[str, Any]]:
    """The last lines of the log at these levels, oldest first, out of its last quarter MiB."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LOG_TAIL))
            text = file.read()
    except OSError:
        return []
    found = [line for line in parsed(text.splitlines()) if line.get("level") in levels]
    return found[-most:] if most else []


def parsed(lines: Sequence[bytes]) -> Iterator[dict[str, Any]]:
    """The lines that are whole JSON objects; the first may be cut, the last half written."""
    for line in lines:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value
