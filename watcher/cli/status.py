"""`watcher status`: where everything is."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import click

from watcher.cli.common import json_option, ledger, print_json, print_table, settings_option
from watcher.settings import Settings
from watcher.store.queries import Tally, tallies

_COLUMNS = ("seen", "pending", "delivered", "duplicate", "excluded", "quarantined")


@click.command()
@settings_option
@json_option
def status(settings: Settings, as_json: bool) -> None:
    """Show where everything is, per customer; works while running and while stopped.

    seen = delivered + duplicate + excluded + quarantined + pending, always.

    \b
    Examples
      watcher status
      watcher status --json | jq '.customers[] | select(.oldest_pending_seconds > 600)'
    Exit codes
      0  done        2  wrong usage or settings, or there is no ledger yet
    """
    with ledger(settings) as db:
        found = tallies(db)
    now = time.time()
    if as_json:
        print_json({"customers": [_facts(tally, now) for tally in found]})
        return
    print_table(("customer", *_COLUMNS, "oldest"), [_cells(tally, now) for tally in found])


def _cells(tally: Tally, now: float) -> list[str]:
    counts = [str(getattr(tally, column)) for column in _COLUMNS]
    mark = "" if tally.balanced else "  OUT OF BALANCE"
    return [tally.customer, *counts, age(_oldest(tally, now)) + mark]


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
