"""The first minute of a start: is the ledger sound, and what did the last process leave behind?"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from watcher.errors import ConfigError
from watcher.observe.log import Log
from watcher.scrub.keys import load_key
from watcher.settings import Settings
from watcher.store import clocks, queries, rescue
from watcher.store.spool import Spool
from watcher.store.writer import Writer


async def prove_ledger(state: Path, log: Log) -> bool:
    """Check the ledger; one that is not sound, or gone, is replaced by its last backup.

    Returns whether it has to be completed from the files. Raises ConfigError when the disk does
    not let us tell: then nothing is replaced.
    """
    path = state / "ledger.sqlite"
    waits = rescue.incomplete(state)
    there = path.exists() and path.stat().st_size > 0
    new = not there and not waits and not await asyncio.to_thread(rescue.remembers, state)
    if new or (there and await asyncio.to_thread(rescue.sound, path)):
        return waits
    restored = await asyncio.to_thread(rescue.restore, state, time.time())
    log.event("ledger-unsound", level="error", restored=restored)
    return True


async def complete_ledger(settings: Settings, spool: Spool, writer: Writer, log: Log) -> None:
    """Enter into a restored ledger what archive and quarantine know better. Raises as `recover`."""
    root, now = settings.intake.root, time.time()

    def like(customer: str) -> str:
        return load_key(_key_of(spool, customer)).like

    found = await writer.run(lambda ledger: rescue.complete(ledger, spool, root, now, like))
    await asyncio.to_thread(rescue.completed, spool.state)
    log.event(
        "ledger-completed",
        level="warning",
        delivered=found.delivered,
        quarantined=found.quarantined,
    )


async def recover(spool: Spool, writer: Writer, log: Log) -> None:
    """Take up what a dead process had in hand. Raises ConfigError for a key that is gone."""
    begun = await asyncio.to_thread(spool.begun)
    await writer.run(lambda ledger: clocks.distrust(ledger, time.time()))
    claims = await writer.run(lambda ledger: ledger.release_claims(begun))
    for tally in await writer.run(lambda ledger: queries.tallies(ledger.connection)):
        _key_of(spool, tally.customer)
    there = await asyncio.to_thread(spool.in_outbox)
    wanted = await writer.run(lambda ledger: queries.with_outbox(ledger.connection, there))
    swept = await asyncio.to_thread(spool.sweep_outbox, wanted)
    log.event("recovered", claims=claims, swept=swept)


def _key_of(spool: Spool, customer: str) -> Path:
    path = spool.key_of(customer)
    if not path.exists():
        raise ConfigError(
            f"the key of customer {customer!r} is missing from state/keys: put it "
            "back from a backup; a new key would give the same patient a new pseudonym"
        )
    return path
