"""`watcher support`: a bundle for whoever helps, without PHI."""

from __future__ import annotations

import time
from pathlib import Path

import click

from watcher.cli.common import json_option, print_json, settings_option
from watcher.cli.doctor import examine
from watcher.settings import Settings
from watcher.supporting import bundle


@click.command()
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to make; default: watcher-support-TIME.tar.gz here.",
)
@settings_option
@json_option
def support(out: Path | None, settings: Settings, as_json: bool) -> None:
    """Pack settings (secrets masked), versions, status, metrics, log, doctor and statistics.

    It holds no header value, no pixel, no name of a file or folder below the drop folder, and no
    key. Customers' names, hosts and paths of the settings are in it: read it before you send it.

    \b
    Examples
      watcher support
      watcher support --out /tmp/ticket-1234.tar.gz
    Exit codes
      0  done        2  wrong usage or settings, or the file is there already
    """
    target = out or Path(time.strftime("watcher-support-%Y%m%dT%H%M%SZ.tar.gz", time.gmtime()))
    parts = bundle(settings, examine(settings), target)
    if as_json:
        print_json({"file": str(target), "parts": parts})
        return
    for name, size in parts.items():
        click.echo(f"{size:>9}  {name}")
    click.echo(f"written to {target}")
