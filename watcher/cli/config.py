"""`watcher check-config`: the effective settings, or what is wrong with them."""

from __future__ import annotations

import click

from watcher.cli.common import json_option, print_json, settings_option
from watcher.prepare import verify
from watcher.settings import Settings, as_toml


@click.command("check-config")
@settings_option
@json_option
def check_config(settings: Settings, as_json: bool) -> None:
    """Check the settings, recipes and models, and print what is in effect.

    No secret is printed: settings hold only where a secret is, never itself.
    """
    for line in verify(settings.every_scrub()):
        click.echo(f"loosened: {line}", err=True)
    if as_json:
        print_json(settings.model_dump(mode="json"))
    else:
        click.echo(as_toml(settings), nl=False)
