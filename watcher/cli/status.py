"""`watcher status`: where everything is."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from watcher.cli.common import json_option, ledger, print_json, settings_option
from watcher.settings import Settings
from watcher.store.queries import Tally, tallies

_COLUMNS = ("seen", "pending", "delivered", "duplicate", "excluded", "quarantined")


@click.command()
@settings_option
@json_option
def status(settings: Settings, as_json: bool) -> None:
    """Show where everything is, per customer; works while running and while stopped.

    seen = delivered + duplicate + excluded + quarantined + pending, always.
    """
    with ledger(settings) as db:
        found = tallies(db)
    now = time.time()
    if as_json:
        print_json({"customers": [_facts(tally, now) for tally in found]})
        return
    table = Table("customer", *_COLUMNS, "oldest pending")
    for tally in found:
        counts = [str(getattr(tally, column)) for column in _COLUMNS]
        mark = "" if tally.balanced else "  OUT OF BALANCE"
        table.add_row(tally.customer, *counts, age(_oldest(tally, now)) + mark)
    Console().print(table)


def _facts(tally: Tally, now: float) -> dict[str, Any]:
    return {
        **dataclasses.asdict(tally),
        "pending": tally.pending,
        "balanced": tally.balanced,
        "oldest_pending_seconds": _oldest(tally, now),
    }


def _oldest(tally: Tally, now: float) -> float | None:
    return None if tally.oldest_pending is None else round(now - tally.oldest_pending, 3)


def age(seconds: float | None) -> str:
    """Seconds as a person reads them."""
    if seconds is None:
        return "-"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
