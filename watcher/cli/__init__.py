"""Verbs for people. Exit codes: 0 done, 2 wrong usage or settings, 3 something is left over,
4 the request does not fit, 130 interrupted."""

from __future__ import annotations

import importlib

import click

# A verb is loaded when it is used, so that `watcher status` does not wait for pydicom and deid.
VERBS = {
    "run": "watcher.cli.run:run",
    "status": "watcher.cli.status:status",
    "scrub": "watcher.cli.scrub:scrub",
    "receive": "watcher.cli.receive:receive",
    "quarantine": "watcher.cli.quarantine:quarantine",
    "retry": "watcher.cli.quarantine:retry",
    "explain": "watcher.cli.explain:explain",
    "check-config": "watcher.cli.config:check_config",
}


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        where = VERBS.get(cmd_name)
        if where is None:
            return None
        module, name = where.split(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="img-ingestion", prog_name="watcher")
def watcher() -> None:
    """Send de-identified images from a drop folder to the AI backend, and lose none.

    \b
    Exit codes
      0    done
      2    wrong usage or settings
      3    done, but something is left over (pending or not settled)
      4    the request does not fit the instance
    """
