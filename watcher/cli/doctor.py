"""`watcher doctor`: what is wrong with this box, and the command that mends it."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click

from watcher.cli.common import EXIT_LEFT_OVER, json_option, print_json, settings_option
from watcher.doctor import folders, machine, network
from watcher.doctor.finding import Finding, Level
from watcher.settings import Settings

CHECKS: Sequence[Callable[[Settings], Iterator[Finding]]] = (
    folders.permissions,
    folders.disk,
    folders.encryption,
    machine.limits,
    machine.clock,
    machine.keys,
    machine.ledger,
    machine.gateway,
    network.certificates,
    network.secrets,
    network.reachability,
)
_MARKS = {
    Level.OK: ("ok", "green"),
    Level.HINT: ("hint", "yellow"),
    Level.TROUBLE: ("TROUBLE", "red"),
}


@click.command()
@click.option(
    "--backup-keys",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write all keys into a new tar, mode 0600, and end. Keep it where this box is not.",
)
@settings_option
@json_option
def doctor(backup_keys: Path | None, settings: Settings, as_json: bool) -> None:
    """Look for what is wrong: permissions, disk, encryption, limits, clock, keys, certificates.

    Backends are connected to, and sent nothing. What is found names folders and customers, never a
    file. Below each finding stands the command that mends it.

    \b
    Examples
      watcher doctor
      watcher doctor --json | jq '.[] | select(.level != "ok")'
      watcher doctor --backup-keys /media/safe/watcher-keys.tar
    Exit codes
      0  nothing to mend, hints at most        2  wrong usage or settings        3  trouble
    """
    if backup_keys is not None:
        names = machine.backup_keys(settings, backup_keys)
        click.echo(f"{len(names)} keys are in {backup_keys}: whoever has it can link patients")
        return
    found = examine(settings)
    if as_json:
        print_json([dataclasses.asdict(finding) for finding in found])
    else:
        click.echo(told(found, coloured=True))
    if any(finding.level is Level.TROUBLE for finding in found):
        sys.exit(EXIT_LEFT_OVER)


def examine(settings: Settings) -> list[Finding]:
    """Everything that was found, in the order of the checks."""
    return [finding for check in CHECKS for finding in check(settings)]


def told(found: Sequence[Finding], *, coloured: bool) -> str:
    """One line each, and below it the command."""
    lines = []
    for finding in found:
        word, colour = _MARKS[finding.level]
        mark = click.style(f"{word:8}", fg=colour) if coloured else f"{word:8}"
        lines.append(f"{mark} {finding.check:13} {finding.says}")
        if finding.mend:
            lines.append(f"{'':22} -> {finding.mend}")
    return "\n".join(lines)
