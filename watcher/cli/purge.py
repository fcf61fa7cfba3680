"""`watcher purge`: let go of what the retention settings let go of, now."""

from __future__ import annotations

import time
from typing import Any

import click

from watcher import keeping
from watcher.cli.common import json_option, ledger, print_json, settings_option
from watcher.settings import Settings
from watcher.store import retention
from watcher.store.retention import Item


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@settings_option
@json_option
def purge(dry_run: bool, settings: Settings, as_json: bool) -> None:
    """Remove acknowledged and decided files beyond keep_days and keep_bytes.

    Never touches what is pending, or what waits in quarantine for a person.
    """
    with ledger(settings):
        found = keeping.expired(settings, time.time())
    facts = [_facts(name, area, items) for name, items in found.items() for area in _areas(items)]
    if not dry_run:
        for items in found.values():
            retention.remove(items)
    if as_json:
        print_json({"removed": not dry_run, "found": facts})
        return
    word = "would go" if dry_run else "went"
    for fact in facts:
        click.echo(
            f"{fact['customer']} {fact['area']}: {fact['files']} files,"
            f" {fact['bytes']} bytes {word}"
        )
    if not facts:
        click.echo("Nothing is beyond keep_days or keep_bytes.")


def _areas(items: list[Item]) -> list[str]:
    return sorted({item.area for item in items})


def _facts(customer: str, area: str, items: list[Item]) -> dict[str, Any]:
    mine = [item for item in items if item.area == area]
    return {
        "customer": customer,
        "area": area,
        "files": len(mine),
        "bytes": sum(item.size for item in mine),
    }
