"""`watcher quarantine` and `watcher retry`: what was refused, and a person's decision on it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from watcher import operations
from watcher.cli.common import json_option, ledger, print_json, settings_option
from watcher.errors import NotPossibleError
from watcher.model import State
from watcher.operations import Answer, Person
from watcher.pipeline import original_there
from watcher.settings import Settings
from watcher.store import queries
from watcher.store.ledger import Ledger
from watcher.store.records import Row
from watcher.store.spool import Spool


@click.group()
def quarantine() -> None:
    """List, show, release or reject what was refused."""


@quarantine.command("list")
@settings_option
@json_option
@click.option("--customer", help="Only this customer.")
def list_(settings: Settings, as_json: bool, customer: str | None) -> None:
    """List what is in quarantine, oldest first."""
    with ledger(settings) as db:
        rows = list(queries.in_state(db, State.QUARANTINED, customer))
    if as_json:
        print_json([_brief(row) for row in rows])
        return
    table = Table("id", "customer", "reason", "detail", "since")
    for row in rows:
        table.add_row(row.id, row.customer, row.reason, row.detail, _when(row.changed_at))
    Console().print(table)


@quarantine.command()
@click.argument("id_", metavar="ID")
@settings_option
@json_option
def show(id_: str, settings: Settings, as_json: bool) -> None:
    """Show one instance: its state, where its original lies, and its history."""
    with ledger(settings) as db:
        row = queries.find(db, id_)
        events = [] if row is None else queries.history(db, row.id)
    if row is None:
        raise NotPossibleError("no instance has this id, or more than one begin with it")
    held = Spool(settings.state).quarantined(row.customer, row.id)
    facts = {
        **_brief(row),
        "state": row.state,
        "original": str(settings.intake.root / row.customer / row.path),
        "held": None if held is None else str(held),
        "history": [
            {"at": _when(e.at), "state": e.state, "reason": e.reason, "detail": e.detail}
            for e in events
        ],
    }
    if as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        if name != "history":
            click.echo(f"{name:10} {'-' if value in (None, '') else value}")
    for event in facts["history"]:
        click.echo(f"  {event['at']}  {event['state']:12} {event['reason']} {event['detail']}")


@quarantine.command()
@click.argument("id_", metavar="ID")
@settings_option
@json_option
def release(id_: str, settings: Settings, as_json: bool) -> None:
    """Try a refused file again, with today's recipes and settings. It is never sent unscrubbed."""
    _tell(_do(settings, "release", id_), as_json)


@quarantine.command()
@click.argument("id_", metavar="ID")
@settings_option
@json_option
def reject(id_: str, settings: Settings, as_json: bool) -> None:
    """Decide that a refused file is not to be sent; it counts as excluded from then on."""
    _tell(_do(settings, "reject", id_), as_json)


@click.command()
@click.argument("id_", metavar="ID")
@settings_option
@json_option
def retry(id_: str, settings: Settings, as_json: bool) -> None:
    """Try a waiting instance at once, or a refused one again."""
    _tell(_do(settings, "retry", id_), as_json)


def _do(settings: Settings, verb: str, id_: str) -> Answer:
    with ledger(settings) as db:
        row = queries.find(db, id_)
    there = row is not None and original_there(settings.intake.root, row)
    spool = Spool(settings.state)

    def work(writable: Ledger, person: Person) -> Answer:
        return operations.act(writable, spool, person, verb, id_, there, time.time())

    return operations.either(settings.state, {"verb": verb, "id": id_}, work)


def _tell(answer: Answer, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{answer['id']} of {answer['customer']} is {answer['state']} now")


def _brief(row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "customer": row.customer,
        "reason": row.reason,
        "detail": row.detail,
        "since": _when(row.changed_at),
        "bytes": row.signature.size,
    }


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
