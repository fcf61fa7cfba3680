"""`watcher explain`: what is done to one file, tag by tag and pixel by pixel, and why."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from watcher.cli.common import json_option, ledger, print_json, settings_option
from watcher.dicom.frames import open_frames
from watcher.dicom.part10 import Part10, parse
from watcher.dicom.scrubbed import Scrubbed
from watcher.dicom.walk import walk
from watcher.errors import DeferredError, ExcludedError, NotPossibleError, RefusedError
from watcher.intake import opening
from watcher.options import RenderOptions
from watcher.render import render
from watcher.render.picture import load, save
from watcher.scrub.explain import Row, legend
from watcher.scrub.explain import explain as header_rows
from watcher.scrub.keys import CustomerKey
from watcher.scrub.pixels.draw import draw
from watcher.scrub.scrubber import Scrubber
from watcher.settings import Settings
from watcher.store import queries
from watcher.store.spool import Spool

_WIDTH = 160  # of a table that goes to a file or a pipe


@click.command()
@click.argument("what", metavar="FILE|ID")
@click.option("--customer", help="Use this customer's settings; for an ID: its own.")
@click.option(
    "--values", is_flag=True, help="Show values before and after: this names the patient."
)
@click.option(
    "--picture",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the first frame as it would be sent, with the redacted boxes drawn, as a PNG.",
)
@settings_option
@json_option
def explain(
    what: str,
    customer: str | None,
    values: bool,
    picture: Path | None,
    settings: Settings,
    as_json: bool,
) -> None:
    """Say tag by tag what would be done to FILE and by which rule, and how its pixels are judged.

    For an ID the original is looked up: in the drop folder, in quarantine, in the archive.
    Without --values nothing that is printed names the patient. Pseudonyms are made with a
    throw-away key, so they are not the ones that are sent.

    \b
    Examples
      watcher explain image.dcm --customer north
      watcher explain 1f2e3d4c --picture boxes.png
    Exit codes
      0  done        2  wrong usage or settings
      4  no file and no instance is called so, or the instance's original is gone
    """
    file, owner = _found(what, settings)
    own = settings.of(customer if customer is not None else owner)
    scrubber = Scrubber.load(own.scrub, own.pixels, CustomerKey("explain", os.urandom(32)))
    try:
        part = _parsed(file, settings)
        rows = list(header_rows(scrubber.header, part, values))
        verdict = _judged(scrubber, part, settings, picture)
    except (RefusedError, ExcludedError, DeferredError) as ended:
        rows, verdict = [], {"verdict": str(ended.outcome.reason), "detail": ended.outcome.detail}
    if as_json:
        print_json({**verdict, "elements": [dataclasses.asdict(row) for row in rows]})
    else:
        _print(verdict, rows, values)


def _found(what: str, settings: Settings) -> tuple[Path, str]:
    """The file, and whose it is when the ledger knows. Raises NotPossibleError."""
    if Path(what).is_file():
        return Path(what), ""
    with ledger(settings) as db:
        row = queries.find(db, what)
    if row is None:
        raise NotPossibleError("there is no such file, and no one instance whose id begins so")
    spool = Spool(settings.state)
    places = (
        settings.intake.root / row.customer / row.path,
        spool.quarantined(row.customer, row.id),
        next((spool.archive / row.customer).glob(f"*/{row.id}.dcm"), None),
    )
    for place in places:
        if place is not None and place.is_file():
            return place, row.customer
    raise NotPossibleError("its original is neither dropped, nor in quarantine, nor archived")


def _parsed(file: Path, settings: Settings) -> Part10:
    descriptor = opening.open_source(file.resolve().parent, file.name)
    with os.fdopen(descriptor, "rb") as source:
        data = memoryview(source.read())
    return parse(data, walk(data, settings.limits), settings.limits)


def _judged(
    scrubber: Scrubber, part: Part10, settings: Settings, picture: Path | None
) -> dict[str, object]:
    try:
        scrubbed = scrubber.scrub(part, open_frames(part, settings.limits))
    except (RefusedError, ExcludedError) as ended:
        return {"verdict": str(ended.outcome.reason), "detail": ended.outcome.detail}
    if picture is not None:
        _draw(scrubbed, picture)
    return {"verdict": scrubbed.verdict, "boxes": scrubbed.boxes, "recipe": scrubbed.recipe}


def _draw(scrubbed: Scrubbed, picture: Path) -> None:
    with TemporaryDirectory() as folder:
        shown = Path(folder, "frame.png")
        render(scrubbed, 0, RenderOptions(mode="display"), shown)
        boxes = [box[1:] for box in scrubbed.boxes if box[0] in (0, 1)]
        save(draw(load(shown), boxes), picture)


def _print(verdict: dict[str, object], rows: list[Row], values: bool) -> None:
    for name, value in verdict.items():
        click.echo(f"{name:8} {value}")
    shown = ["tag", "vr", "path", "action", "rule"] + (["before", "after"] if values else [])
    table = Table()
    for column in shown:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(escape(getattr(row, column)) for column in shown))
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    console.print(table)
    counts = Counter(row.action for row in rows)
    click.echo(", ".join(f"{action} {number}" for action, number in counts.most_common()))
    for name, meaning in legend(rows):
        click.echo(f"  {name:18} {meaning}")
