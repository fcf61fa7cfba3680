"""`python -m watcher` and the `watcher` command."""

from __future__ import annotations

import sys

import click

from watcher import forking
from watcher.cli import watcher
from watcher.errors import ConfigError, NotPossibleError

_WITH_WORKERS = {"run", "scrub"}


def main() -> None:
    """Run a verb; what an operator can mend is told in a sentence and an exit code."""
    if sys.argv[1:2] and sys.argv[1] in _WITH_WORKERS and not {"-h", "--help"} & {*sys.argv}:
        # Before the settings are read: what the workers load is the longest part of a start.
        forking.warm()
    try:
        watcher(standalone_mode=True, prog_name="watcher")
    except ConfigError as error:
        click.echo(f"watcher: {error}", err=True)
        sys.exit(2)
    except NotPossibleError as error:
        click.echo(f"watcher: {error}", err=True)
        sys.exit(4)


if __name__ == "__main__":
    main()
