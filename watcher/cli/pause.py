"""`watcher pause` and `watcher resume`: hold one customer's images, and let them go on."""

from __future__ import annotations

import click

from watcher import operations
from watcher.cli.common import ledger, settings_option
from watcher.errors import NotPossibleError
from watcher.settings import Settings
from watcher.store import queries
from watcher.store.spool import Spool


@click.command()
@click.argument("customer")
@settings_option
def pause(customer: str, settings: Settings) -> None:
    """Prepare and send nothing more of CUSTOMER, also after a restart. Files are still taken in."""
    _check(customer, settings)
    Spool(settings.state).pause(customer)
    click.echo(f"{customer} is paused; to go on: watcher resume {customer}")


@click.command()
@click.argument("customer")
@settings_option
def resume(customer: str, settings: Settings) -> None:
    """Go on with CUSTOMER at once."""
    _check(customer, settings)
    if not Spool(settings.state).resume(customer):
        raise NotPossibleError(f"{customer} was not paused by: watcher pause")
    operations.ask(settings.state, {"verb": "wake"})
    click.echo(f"{customer} goes on")


def _check(customer: str, settings: Settings) -> None:
    with ledger(settings) as db:
        known = {tally.customer for tally in queries.tallies(db)}
    if customer not in known:
        raise NotPossibleError("no customer of this name has sent anything yet")
