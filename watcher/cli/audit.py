"""`watcher audit`: prove that the record of what left is whole, and hand it out for a period."""

from __future__ import annotations

import csv
import sys
from datetime import datetime, timedelta

import click

from watcher.auditing import audit_keys, kept_heads
from watcher.cli.common import json_option, ledger, print_json, settings_option
from watcher.settings import Settings
from watcher.store import audit as chain

EXIT_ALTERED = 5

_COLUMNS = (
    *("seq", "at", "deed", "id", "customer", "actor", "destination", "answer"),
    *("content", "instance", "study", "series", "images", "sent", "cleaned"),
    *("recipe", "key", "verdict", "boxes", "reviewed", "was", "reason"),
    *("rule", "device", "shown", "delivered_before"),
    *("audit_key", "mac"),
)


@click.group()
def audit() -> None:
    """Verify or export the record of what left this box and who decided."""


@audit.command()
@click.option(
    "--head",
    "noted",
    multiple=True,
    metavar="TEXT",
    help="A head noted earlier, on paper or with an export; may be repeated.",
)
@settings_option
@json_option
def verify(noted: tuple[str, ...], settings: Settings, as_json: bool) -> None:
    """Check the whole chain; name the first line that was altered or is missing (exit code 5).

    Whoever has the key could make another chain: note the head that is printed, somewhere else,
    and give it to --head next time.
    """
    keys, heads = audit_keys(settings.state), kept_heads(settings.state, noted)
    with ledger(settings) as db:
        db.execute("BEGIN")  # one view, while the gateway goes on writing
        found = chain.verify(db, keys, heads)
        head = chain.Audit(keys[-1]).head(db)
    if as_json:
        told = None if found is None else {"line": found.seq, "what": found.what}
        print_json({"whole": found is None, "finding": told, "head": head.text()})
    elif found is None:
        click.echo(f"whole: {head.seq} lines\nhead: {head.text()}")
    else:
        click.echo(f"line {found.seq} {found.what}" if found.seq else found.what)
    if found is not None:
        sys.exit(EXIT_ALTERED)


_DAY = click.DateTime(["%Y-%m-%d"])


@audit.command()
@click.option("--from", "since", type=_DAY, help="First day, UTC; default: the beginning.")
@click.option("--to", "until", type=_DAY, help="Last day, UTC, whole; default: now.")
@click.option("--csv", "as_csv", is_flag=True, help="Comma separated, for a spreadsheet.")
@settings_option
def export(
    since: datetime | None, until: datetime | None, as_csv: bool, settings: Settings
) -> None:
    """Print the lines of a period: a JSON object a line, or --csv. Nothing in them is a patient's.

    \b
    Example
      watcher audit export --csv --from 2026-10-01 --to 2026-12-31 > fourth-quarter.csv
    """
    end = "~" if until is None else f"{until + timedelta(days=1):%Y-%m-%d}"
    begin = "" if since is None else f"{since:%Y-%m-%d}"
    with ledger(settings) as db:
        rows = chain.lines(db, begin, end)
        if as_csv:
            writer = csv.DictWriter(sys.stdout, _COLUMNS, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        else:
            for row in rows:
                click.echo(chain.dumped(row))
