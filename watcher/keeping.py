"""Retention: what the settings let go of, per customer."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from watcher.errors import DeferredError
from watcher.observe.log import Log
from watcher.settings import Settings
from watcher.store import queries, rescue, retention
from watcher.store.retention import Bound, Item
from watcher.store.spool import Spool
from watcher.store.writer import Writer

_EVERY = 3600.0


def expired(settings: Settings, now: float) -> dict[str, list[Item]]:
    """By customer, the files that may go now."""
    spool = Spool(settings.state)
    with queries.looking(settings.state / "ledger.sqlite") as db:
        found = {}
        for tally in queries.tallies(db):
            name, own = tally.customer, settings.of(tally.customer).archive
            bound = Bound(own.keep_days, own.keep_bytes)
            areas = (
                list(retention.archived(spool, name)),
                list(retention.sent(spool, name, db)),
                list(retention.decided(spool, name, db)),
            )
            found[name] = [item for area in areas for item in retention.beyond(area, bound, now)]
    return found


def purge(settings: Settings) -> int:
    """Let go of what may go now; returns how many bytes that freed."""
    return sum(retention.remove(items) for items in expired(settings, time.time()).values())


async def keep_house(settings: Callable[[], Settings], writer: Writer, log: Log) -> None:
    """Once an hour, the first time at once: back the ledger up, let go of what may go."""
    while True:
        try:
            await _back_up(settings().state, writer)
            freed = await asyncio.to_thread(purge, settings())
            log.event("house-kept", freed=freed)
        except (DeferredError, OSError):
            log.event("house-not-kept", level="warning")
        await asyncio.sleep(_EVERY)


async def _back_up(state: Path, writer: Writer) -> None:
    size = (state / "ledger.sqlite").stat().st_size
    if shutil.disk_usage(state).free < 4 * size:
        return
    earlier = await asyncio.wrap_future(writer.turn())
    await asyncio.to_thread(rescue.keep_backup, state)
    for path in earlier:
        path.unlink(missing_ok=True)
