"""`watcher devices`: scanners without a rule for their text, and rules that a person approves."""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from watcher import operations
from watcher.cli.common import json_option, ledger, print_json, print_table, settings_option
from watcher.dicom.frames import open_frames
from watcher.dicom.part10 import Part10, parse
from watcher.dicom.walk import walk
from watcher.errors import (
    ConfigError,
    DeferredError,
    ExcludedError,
    NotPossibleError,
    RefusedError,
)
from watcher.intake import opening
from watcher.model import Reason, State
from watcher.operations import Answer, Person
from watcher.options import PixelOptions
from watcher.scrub.pixels import PixelJudge
from watcher.scrub.pixels.devices import Device, draft_rule
from watcher.scrub.pixels.recipe import extended
from watcher.settings import Settings
from watcher.store import devices as known
from watcher.store import queries
from watcher.store.ledger import Ledger
from watcher.store.spool import Spool, write_durably


@dataclass(frozen=True, slots=True)
class Line:
    """One device in the list."""

    key: str
    device: Device
    instances: int
    with_text: int
    quarantined: int
    ruled: bool


customer_option = click.option("--customer", help="Only this customer.")
rule_option = click.option(
    "--rule",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A rule in deid's language, e.g. an edited draft; default: the draft.",
)


@click.group(invoke_without_command=True)
@customer_option
@click.option("--all", "every", is_flag=True, help="Devices with a rule, too.")
@settings_option
@json_option
@click.pass_context
def devices(
    context: click.Context, customer: str | None, every: bool, settings: Settings, as_json: bool
) -> None:
    """List devices (manufacturer, model, size) that no rule for burned-in text knows, with counts.

    \b
    Examples
      watcher devices
      watcher devices draft 1f2e3d4c > rule.txt      # look at it, and change it
      watcher devices test 1f2e3d4c --rule rule.txt  # on what is in quarantine
      watcher devices approve 1f2e3d4c --rule rule.txt
    """
    if context.invoked_subcommand is not None:
        return
    found = [line for line in lines(settings, customer) if every or not line.ruled]
    if as_json:
        print_json([_facts(line) for line in found])
        return
    columns = ("key", "manufacturer", "model", "modality", "size")
    print_table((*columns, "instances", "with text", "in quarantine"), map(_cells, found))


@devices.command()
@click.argument("key")
@settings_option
def draft(key: str, settings: Settings) -> None:
    """Print a rule that masks what the reader found on the device KEY, for a person to check."""
    click.echo(_draft(settings, _line(settings, key)), nl=False)


@devices.command()
@click.argument("key")
@rule_option
@customer_option
@settings_option
@json_option
def test(
    key: str, rule: Path | None, customer: str | None, settings: Settings, as_json: bool
) -> None:
    """Judge what is in quarantine for its text of the device KEY, as if the rule were approved.

    Nothing is changed. What a rule clears can then be tried again: watcher quarantine release ID.
    """
    line = _line(settings, key)
    text = _rule_text(rule, settings, line)
    found = list(_tried(settings, line.device, text, customer))
    if as_json:
        print_json(found)
        return
    print_table(("id", "customer", "verdict", "boxes"), [list(map(str, f.values())) for f in found])


@devices.command()
@click.argument("key")
@rule_option
@click.option("--customer", default="", help="Into the recipe of this customer.")
@settings_option
@json_option
def approve(key: str, rule: Path | None, customer: str, settings: Settings, as_json: bool) -> None:
    """Add the rule to the site's recipe ([pixels] recipe), and tell the audit who did.

    The recipe is checked as a whole before it is written. The gateway reads it when it starts.
    """
    recipe = settings.of(customer).pixels.recipe
    if recipe is None:
        raise ConfigError('there is no site recipe yet: set recipe = "..." in [pixels]')
    line = _line(settings, key)
    whole = extended(recipe, _rule_text(rule, settings, line))
    facts = {"device": line.key, "rule": str(recipe.name)}

    def work(ledger: Ledger, person: Person) -> Answer:
        return operations.note_rule(ledger, person, customer, facts, time.time())

    request = {"verb": "device-rule", "customer": customer, **facts}
    operations.either(settings.state, request, work)
    write_durably(recipe, whole.encode())
    if as_json:
        print_json({"key": key, "recipe": str(recipe)})
    else:
        click.echo(f"added to {recipe}; restart the gateway to use it")


def lines(settings: Settings, customer: str | None = None) -> list[Line]:
    """All devices that the ledger and the quarantine know, the commonest first."""
    held = Counter(device for _, _, device, _ in _held(settings, customer))
    with ledger(settings) as db:
        seen = {Device(*s.device): s for s in known.seen(db, customer)}
    found = [
        Line(device.key, device, s.instances, s.with_text, held.pop(device, 0), s.ruled)
        for device, s in seen.items()
    ]
    found += [Line(device.key, device, 0, 0, n, ruled=False) for device, n in held.items()]
    return sorted(found, key=lambda line: (-line.quarantined, -line.instances, line.device))


def _line(settings: Settings, key: str) -> Line:
    found = [line for line in lines(settings) if line.key.startswith(key)]
    if len(found) != 1:
        raise NotPossibleError("no device has this key, or more than one begin with it")
    return found[0]


def _held(
    settings: Settings, customer: str | None = None
) -> Iterator[tuple[str, str, Device, Part10]]:
    """(id, customer, device, file) of what is in quarantine for its text and can be read."""
    spool = Spool(settings.state)
    with ledger(settings) as db:
        rows = list(queries.in_state(db, State.QUARANTINED, customer))
    for row in rows:
        place = spool.quarantined(row.customer, row.id)
        if row.reason != Reason.BURNED_IN or place is None:
            continue
        try:
            part = _parsed(place, settings)
        except (RefusedError, ExcludedError, DeferredError):
            continue
        rows_, columns = (int(part.dataset.get(k) or 0) for k in ("Rows", "Columns"))
        yield row.id, row.customer, Device.of(part.dataset, rows_, columns), part


def _parsed(file: Path, settings: Settings) -> Part10:
    descriptor = opening.open_source(file.resolve().parent, file.name)
    with os.fdopen(descriptor, "rb") as source:
        data = memoryview(source.read())
    return parse(data, walk(data, settings.limits), settings.limits)


def _draft(settings: Settings, line: Line) -> str:
    with ledger(settings) as db:
        boxes = known.boxes(db, line.device.row)
    judge = PixelJudge.load(PixelOptions(markers=()))
    for _, _, device, part in _held(settings):
        frames = open_frames(part, settings.limits) if device == line.device else None
        if frames is not None:
            with contextlib.suppress(RefusedError):
                boxes += judge.sketch(part, frames)
    return draft_rule(line.device, boxes)


def _rule_text(rule: Path | None, settings: Settings, line: Line) -> str:
    return _draft(settings, line) if rule is None else rule.read_text("utf-8")


def _tried(
    settings: Settings, device: Device, text: str, customer: str | None
) -> Iterator[dict[str, Any]]:
    judges: dict[str, PixelJudge] = {}
    with TemporaryDirectory() as folder:
        for id_, owner, of, part in _held(settings, customer):
            if of != device:
                continue
            if owner not in judges:
                judges[owner] = _judge_with(settings.of(owner).pixels, text, Path(folder, owner))
            yield {"id": id_, "customer": owner, **_verdict(judges[owner], part, settings)}


def _judge_with(options: PixelOptions, text: str, path: Path) -> PixelJudge:
    path.write_text(extended(options.recipe, text), "utf-8")
    return PixelJudge.load(options.model_copy(update={"recipe": path}))


def _verdict(judge: PixelJudge, part: Part10, settings: Settings) -> dict[str, Any]:
    try:
        frames = open_frames(part, settings.limits)
        if frames is None:
            raise RefusedError(Reason.MISSING_ATTRIBUTE, "PixelData")
        verdict = judge.judge(part, frames, frozenset())
    except (RefusedError, ExcludedError) as ended:
        return {"verdict": str(ended.outcome.reason), "boxes": 0}
    return {"verdict": verdict.verdict, "boxes": len(verdict.boxes)}


def _facts(line: Line) -> dict[str, Any]:
    return {
        "key": line.key,
        **{name: getattr(line.device, name) for name in Device.__slots__},
        "instances": line.instances,
        "with_text": line.with_text,
        "quarantined": line.quarantined,
        "ruled": line.ruled,
    }


def _cells(line: Line) -> list[str]:
    device = line.device
    size = f"{device.rows}x{device.columns}"
    counts = (line.instances, line.with_text, line.quarantined)
    return [line.key, device.manufacturer, device.model, device.modality, size, *map(str, counts)]
