"""`watcher ledger`: what an upgrade does with the ledger, by hand."""

from __future__ import annotations

from pathlib import Path

import click

from watcher import operations
from watcher.cli.common import ledger as look
from watcher.cli.common import settings_option
from watcher.settings import Settings
from watcher.store import database


@click.group()
def ledger() -> None:
    """Back the ledger up, or take it back to an older program's version."""


@ledger.command()
@click.argument("target", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@settings_option
def backup(target: Path, settings: Settings) -> None:
    """Write a whole, consistent copy of the ledger to FILE, also while the gateway runs.

    Together with a copy of state/keys this is what a restore needs.
    """
    with look(settings) as db:
        database.backup(db, target)
        version = database.version_of(db)
    click.echo(f"{target}: version {version}")


@ledger.command()
@settings_option
def version(settings: Settings) -> None:
    """Print the ledger's version and the one this program works with."""
    with look(settings) as db:
        click.echo(f"ledger {database.version_of(db)}, program {database.VERSION}")


@ledger.command("step-back")
@click.argument("to", metavar="VERSION", type=int)
@settings_option
def step_back(to: int, settings: Settings) -> None:
    """Let a program that works with VERSION go on with this ledger; the gateway must be stopped.

    Nothing in it is lost. What the older program does not know, it leaves alone.
    """
    with operations.sole_owner(settings.state):
        db = database.connect(settings.state / "ledger.sqlite")
        try:
            database.step_back(db, to)
        finally:
            db.close()
    click.echo(f"ledger {to}")
