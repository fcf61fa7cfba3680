"""`watcher check-config`: the effective settings, or what is wrong with them."""

from __future__ import annotations

import click

from watcher.cli.common import json_option, print_json, settings_option
from watcher.prepare import verify
from watcher.settings import Settings, as_toml, masked


@click.command("check-config")
@settings_option
@json_option
def check_config(settings: Settings, as_json: bool) -> None:
    """Check the settings, recipes and models, and print what is in effect.

    No secret is printed: settings hold only where a secret is, and what somebody has put into a
    URL is masked. With a [customers.NAME] table, that customer's effective values are printed too.

    \b
    Examples
      watcher check-config
      watcher check-config --settings new.toml --json | jq .deliver.url
    Exit codes
      0  all is sound        2  a setting, recipe or model is not; the message names it
    """
    for line in verify(settings.every_scrub()):
        click.echo(f"loosened: {line}", err=True)
    shown = masked(settings)
    if as_json:
        print_json(shown.model_dump(mode="json"))
    else:
        click.echo(as_toml(shown), nl=False)
