"""Verbs for people. Exit codes: 0 done, 2 wrong usage or settings, 3 something is left over,
4 the request does not fit, 5 the audit was altered, 130 interrupted."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

import click

# A verb is loaded when it is used, so that `watcher status` does not wait for pydicom and deid,
# and `watcher --help` for nothing: where a verb is, and its help in a line.
VERBS: Mapping[str, tuple[str, str]] = {
    "run": ("watcher.cli.run:run", "Run the gateway."),
    "status": ("watcher.cli.status:status", "Show where everything is, per customer."),
    "top": ("watcher.cli.top:top", "Watch everything at once, live."),
    "tail": ("watcher.cli.tail:tail", "Follow the log, filtered."),
    "ls": ("watcher.cli.ls:ls", "List instances by state, reason and age."),
    "show": ("watcher.cli.show:show", "Show the whole history of one instance."),
    "explain": ("watcher.cli.explain:explain", "Say what is done to one file, and by which rule."),
    "quarantine": ("watcher.cli.quarantine:quarantine", "List, show, release or reject."),
    "retry": ("watcher.cli.quarantine:retry", "Try an instance at once."),
    "devices": ("watcher.cli.devices:devices", "List scanners without a rule; approve rules."),
    "audit": ("watcher.cli.audit:audit", "Prove or export the record of what left."),
    "ledger": ("watcher.cli.ledger:ledger", "Back the ledger up, or take it a version back."),
    "scrub": ("watcher.cli.scrub:scrub", "Scrub files or folders, without an upload."),
    "receive": ("watcher.cli.receive:receive", "Run the reference backend."),
    "doctor": ("watcher.cli.doctor:doctor", "Look for what is wrong, and how to mend it."),
    "selftest": ("watcher.cli.selftest:selftest", "Prove it here, with synthetic patients."),
    "support": ("watcher.cli.support:support", "Pack what a helper needs, without PHI."),
    "pause": ("watcher.cli.pause:pause", "Hold one customer's images."),
    "resume": ("watcher.cli.pause:resume", "Go on with a paused customer."),
    "purge": (
        "watcher.cli.purge:purge",
        "Let go of what the retention settings let go of, now.",
    ),
    "check-config": ("watcher.cli.config:check_config", "Check the settings; show the effect."),
}


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module, name = VERBS[cmd_name][0].split(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])


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
      5    the audit was altered
      130  interrupted
    Completion
      bash  eval "$(_WATCHER_COMPLETE=bash_source watcher)"
      zsh   eval "$(_WATCHER_COMPLETE=zsh_source watcher)"
      fish  _WATCHER_COMPLETE=fish_source watcher | source
    """
