"""`watcher run`: the gateway itself."""

from __future__ import annotations

import asyncio
import sys

import click

from watcher.cli.common import EXIT_LEFT_OVER, SETTINGS_PATH, settings_option
from watcher.settings import Settings


@click.command()
@settings_option
@click.option(
    "--drain", is_flag=True, help="Process what is there, then stop: 0 when all is settled."
)
@click.option(
    "--patience",
    type=click.FloatRange(min=0.1),
    default=30.0,
    show_default=True,
    help="With --drain: seconds without any progress after which what still waits is given up on.",
)
@click.pass_context
def run(context: click.Context, settings: Settings, drain: bool, patience: float) -> None:
    """Run the gateway until SIGTERM or Ctrl-C; a second one stops it at once.

    SIGHUP, or a change of the settings file, has it take over what can be changed while it runs.
    """
    # Only now: `watcher run --help` needs none of it.
    from watcher.cli.serving import serve  # noqa: PLC0415

    # While watchdog's threads are busy with the events of a large drop, the loop and the ledger
    # wait so long for the interpreter after each call that gave it up; the default is 5 ms.
    sys.setswitchinterval(0.0005)
    left = asyncio.run(serve(settings, context.meta[SETTINGS_PATH], patience if drain else None))
    if drain and left:
        click.echo(f"{left} files are still pending; see: watcher status", err=True)
        sys.exit(EXIT_LEFT_OVER)
