"""`watcher top`: a live view of everything, in a terminal."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from watcher import operations, overview
from watcher.cli.common import json_option, ledger_file, print_json, settings_option
from watcher.cli.status import age
from watcher.observe.console import readable
from watcher.overview import CustomerView, Overview
from watcher.settings import Settings

_WIDE = 118


@click.command()
@click.option("--once", is_flag=True, help="Print one view and end.")
@click.option(
    "--every",
    type=click.FloatRange(min=0.2),
    default=1.0,
    show_default=True,
    help="Seconds between two views.",
)
@click.option("--errors", type=click.IntRange(0, 100), default=5, show_default=True)
@settings_option
@json_option
def top(once: bool, every: float, errors: int, settings: Settings, as_json: bool) -> None:
    """Watch everything at once: stages, ages, rates, latencies, backends, disk, last errors.

    It reads the ledger beside the running gateway, or without one, and works over SSH. Ctrl-C
    ends it. Rates are over the last minute, latencies (first sight to acknowledgement) over the
    last quarter of an hour.

    \b
    Examples
      watcher top
      watcher top --once                   one view, for a mail or a ticket
      watcher top --json | jq .to_go       seconds until the backlog is done
    Exit codes
      0  done        2  wrong usage or settings, or there is no ledger yet
    """
    ledger_file(settings)
    if as_json:
        print_json(_facts(_look(settings, errors), _gateway(settings)))
    elif once:
        console = Console()
        seen = _look(settings, errors)
        console.print(_screen(seen, _gateway(settings), Backlog(), console.width))
    else:
        _live(settings, every, errors)


def _live(settings: Settings, every: float, errors: int) -> None:
    console, backlog = Console(), Backlog()
    try:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                seen = _look(settings, errors)
                backlog = backlog.after(seen)
                view = _screen(seen, _gateway(settings), backlog, console.width)
                live.update(view, refresh=True)
                time.sleep(every)
    except KeyboardInterrupt:
        return


def _look(settings: Settings, errors: int) -> Overview:
    return overview.look(settings, time.time(), errors)


def _gateway(settings: Settings) -> dict[str, str]:
    """What the gateway says of itself, by what was looked at; empty when none runs."""
    try:
        said = operations.ask(settings.state, {"verb": "health"}, patience=2.0)
    except (TimeoutError, OSError):
        return {"gateway": "does not answer"}
    if said is None:
        return {}
    return {name: word for part in said.values() for name, word in part.items()}


@dataclasses.dataclass(frozen=True, slots=True)
class Backlog:
    """What was settled when the files that now wait began to wait, since this view was opened."""

    start: int | None = None

    def after(self, seen: Overview) -> Backlog:
        """The same backlog going on, a new one, or none."""
        if seen.pending == 0:
            return Backlog()
        return self if self.start is not None else Backlog(seen.settled)

    def done(self, seen: Overview) -> int:
        """How many of it are settled."""
        return 0 if self.start is None else max(0, seen.settled - self.start)


def _facts(seen: Overview, gateway: dict[str, str]) -> dict[str, Any]:
    return {
        **dataclasses.asdict(seen),
        "pending": seen.pending,
        "rate": seen.rate,
        "to_go": seen.to_go,
        "stuck": seen.stuck,
        "gateway": {"running": bool(gateway), "checks": gateway},
        "customers": [
            {
                **dataclasses.asdict(view),
                "tally": {
                    **dataclasses.asdict(view.tally),
                    "pending": view.tally.pending,
                    "balanced": view.tally.balanced,
                },
            }
            for view in seen.customers
        ],
    }


# -- the screen ------------------------------------------------------------------------------


def _screen(
    seen: Overview, gateway: dict[str, str], backlog: Backlog, width: int
) -> RenderableType:
    table = _table(seen, wide=width >= _WIDE)
    parts: list[RenderableType] = [_head(seen, gateway), Text(), table, Text()]
    parts += _troubles(gateway)
    parts += _progress(seen, backlog, width)
    parts += _errors(seen)
    return Group(*parts)


def _head(seen: Overview, gateway: dict[str, str]) -> Text:
    clock = time.strftime("%H:%M:%S", time.localtime(seen.at))
    text = Text(f"watcher  {clock}   gateway ", style="bold")
    if gateway.get("gateway"):
        text.append("DOES NOT ANSWER", style="bold red")
    elif gateway:
        text.append("running", style="green")
    else:
        text.append("NOT RUNNING", style="bold red")
    share = seen.disk_free / max(1, seen.disk_total)
    text.append(f"   disk {size(seen.disk_free)} free ({share:.0%})", style="default")
    if not seen.disk_open:
        text.append("  FULL: nothing new is prepared", style="bold red")
    return text


def _table(seen: Overview, *, wide: bool) -> Table:
    # 80 columns hold the narrow one, with a million files of a customer.
    table = Table(box=None, pad_edge=False, padding=(0, 2 if wide else 1, 0, 0))
    room = 24 if wide else 14
    table.add_column("customer", overflow="ellipsis", no_wrap=True, max_width=room)
    more = ("seen", "dupl.", "excl.") if wide else ()
    numbers = ("queued", "staged", "sent", "quar.", *more, "oldest", "/min", "p50", "p95")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("to go", justify="right", no_wrap=True)
    table.add_column("backend", no_wrap=True)
    for view in seen.customers:
        table.add_row(*_cells(view, wide=wide))
    return table


def _cells(view: CustomerView, *, wide: bool) -> list[Text | str]:
    tally = view.tally
    name = Text(tally.customer)
    if not tally.balanced:
        name.append(f" {tally.unaccounted} LOST", style="bold red")
    more = [str(tally.seen), str(tally.duplicate), str(tally.excluded)] if wide else []
    rests = f" {brief(view.backend_rests)}" if view.backend_rests and wide else ""
    return [
        name,
        str(tally.queued),
        str(tally.staged),
        str(tally.delivered),
        Text(str(tally.quarantined), style="yellow" if tally.quarantined else ""),
        *more,
        _aged(view.oldest),
        f"{view.rate * 60:.0f}" if view.rate else "-",
        brief(view.latency_p50),
        brief(view.latency_p95),
        "-" if tally.pending == 0 else "?" if view.to_go is None else brief(view.to_go),
        Text(view.backend + rests, style="" if view.backend == "ok" else "bold red"),
    ]


def _aged(seconds: float | None) -> Text:
    styles = ((3600.0, "bold red"), (300.0, "yellow"))
    style = next((style for bound, style in styles if (seconds or 0) >= bound), "")
    return Text(brief(seconds), style=style)


def _troubles(gateway: dict[str, str]) -> list[RenderableType]:
    found = [f"{name}: {word}" for name, word in gateway.items() if word not in ("ok", "")]
    return [Text("! " + "   ".join(found), style="bold yellow"), Text()] if found else []


def _progress(seen: Overview, backlog: Backlog, width: int) -> list[RenderableType]:
    if seen.pending == 0:
        return []
    done = backlog.done(seen)
    left = "no end in sight" if seen.to_go is None else f"{age(seen.to_go)} to go"
    if seen.to_go is not None and seen.stuck:
        left += f" but for {', '.join(seen.stuck)}"
    line = Table.grid(padding=(0, 1))
    total = done + seen.pending
    bar = ProgressBar(total=total, completed=done, width=max(10, min(40, width - 56)))
    line.add_row(bar, f"{seen.pending} left of {total}, {seen.rate:.1f}/s, {left}")
    return [line, Text()]


def _errors(seen: Overview) -> list[RenderableType]:
    if not seen.errors:
        return []
    head = Text("last warnings and errors", style="bold")
    styles = {"error": "red", "warning": "yellow"}
    lines = [
        Text(readable(e, coloured=False), styles.get(str(e["level"]), ""), no_wrap=True)
        for e in seen.errors
    ]
    return [head, *lines]


def brief(seconds: float | None) -> str:
    """Seconds in five characters or less."""
    if seconds is None:
        return "-"
    for bound, each, unit in ((59.95, 1, "s"), (5970, 60, "m"), (356_400, 3600, "h")):
        if seconds < bound:
            value = seconds / each
            return f"{value:.1f}{unit}" if value < 9.95 else f"{value:.0f}{unit}"
    return f"{seconds / 86400:.0f}d"


def size(number: float) -> str:
    """Bytes as a person reads them."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
