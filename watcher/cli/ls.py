"""`watcher ls`: instances by the page, filtered."""

from __future__ import annotations

import re
import time
from typing import Any

import click

from watcher.cli.common import json_option, ledger, print_json, print_table, settings_option, when
from watcher.cli.status import age
from watcher.errors import NotPossibleError
from watcher.model import Reason, State
from watcher.settings import Settings
from watcher.store import listing, queries
from watcher.store.listing import Filter
from watcher.store.records import Row

_UNITS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class Span(click.ParamType[float]):
    """A length of time, e.g. 90s, 10min, 2h, 7d; seconds."""

    name = "span"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Seconds."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", str(value).strip().lower())
        if match is None or (match[2] or "s") not in _UNITS:
            self.fail(f"{value!r} is not a length of time like 90s, 10min, 2h or 7d", param, ctx)
        return float(match[1]) * _UNITS[match[2] or "s"]


@click.command("ls")
@click.option("--customer", help="Only this customer.")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in State]),
    help="Only this state; may be repeated.",
)
@click.option("--reason", type=click.Choice([reason.value for reason in Reason]), metavar="REASON")
@click.option("--older-than", type=Span(), help="First seen longer ago than this, e.g. 10min.")
@click.option("--newer-than", type=Span(), help="First seen within this time, e.g. 2h.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True)
@click.option("--after", metavar="ID", help="The next page: what comes after this instance.")
@settings_option
@json_option
def ls(
    customer: str | None,
    states: tuple[str, ...],
    reason: str | None,
    older_than: float | None,
    newer_than: float | None,
    limit: int,
    after: str | None,
    settings: Settings,
    as_json: bool,
) -> None:
    """List instances, the latest change first. No path and no name is shown; see: watcher show.

    \b
    Examples
      watcher ls --state queued --state staged --older-than 10min
      watcher ls --customer north --reason burned-in --json
      watcher ls --limit 100 --after 1f2e3d4c5b6a7988      the next page
    Exit codes
      0  done        2  wrong usage or settings        4  there is no instance --after
    """
    now = time.time()
    wanted = Filter(
        customer,
        [State(state) for state in states],
        reason,
        None if older_than is None else now - older_than,
        None if newer_than is None else now - newer_than,
    )
    with ledger(settings) as db:
        start = None if after is None else queries.find(db, after)
        if after is not None and start is None:
            raise NotPossibleError("no instance has the id of --after, or more than one do")
        rows = listing.page(db, wanted, limit + 1, None if start is None else start.id)
    more, rows = len(rows) > limit, rows[:limit]
    if as_json:
        next_ = rows[-1].id if more else None
        print_json({"instances": [facts(row, now) for row in rows], "next": next_})
        return
    print_table(
        ("id", "customer", "state", "reason", "detail", "first seen", "age", "bytes"),
        [_cells(row, now) for row in rows],
    )
    if more:
        click.echo(f"more: --after {rows[-1].id}")


def _cells(row: Row, now: float) -> list[str]:
    told = [row.id, row.customer, row.state.value, row.reason, row.detail]
    return [*told, when(row.seen_at), age(now - row.seen_at), str(row.signature.size)]


def facts(row: Row, now: float) -> dict[str, Any]:
    """One instance as a script gets it."""
    return {
        "id": row.id,
        "customer": row.customer,
        "state": row.state.value,
        "reason": row.reason,
        "detail": row.detail,
        "seen": when(row.seen_at),
        "changed": when(row.changed_at),
        "age_seconds": round(now - row.seen_at, 3),
        "bytes": row.signature.size,
        "attempts": row.attempts,
        "deferrals": row.deferrals,
    }
