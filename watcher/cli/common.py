"""What several verbs share: the --settings option, and looking into the ledger."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from watcher.errors import ConfigError
from watcher.settings import Settings, load
from watcher.store import queries

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT = Path("settings.toml")

EXIT_LEFT_OVER = 3
SETTINGS_PATH = "watcher.settings"  # in a click context's `meta`: the file, or None


def settings_option(command: F) -> F:
    """Add `--settings FILE`; the verb gets `settings: Settings`."""
    return click.option(
        "--settings",
        type=click.Path(dir_okay=False, path_type=Path),
        callback=_load,
        help="Settings file; default: settings.toml here, or the built-in defaults.",
    )(command)


def json_option(command: F) -> F:
    """Add `--json`; the verb gets `as_json: bool`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for a script.")(command)


def _load(context: click.Context, _: click.Parameter, path: Path | None) -> Settings:
    found = path or (DEFAULT if DEFAULT.exists() else None)
    context.meta[SETTINGS_PATH] = found
    return load(found)


@contextmanager
def ledger(settings: Settings) -> Iterator[sqlite3.Connection]:
    """A read-only look at the ledger, beside a running gateway or without one."""
    connection = queries.reader(ledger_file(settings))
    try:
        yield connection
    finally:
        connection.close()


def ledger_file(settings: Settings) -> Path:
    """Where the ledger is. Raises ConfigError when there is none yet."""
    path = settings.state / "ledger.sqlite"
    if not path.exists():
        raise ConfigError(f"there is no ledger in {settings.state} yet; start with: watcher run")
    return path


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(value, indent=2, default=str))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table for people: as wide as it needs to be where nobody looks, else as the terminal."""
    # Loaded here: a verb that prints JSON need not wait for it.
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(*columns)
    for row in rows:
        table.add_row(*row)
    console = Console()
    if not console.is_terminal:
        console = Console(width=max(80, console.measure(table, options=_endless(console)).maximum))
    console.print(table)


def _endless(console: Any) -> Any:
    return console.options.update(width=1000)


def when(at: float) -> str:
    """Unix seconds as UTC, to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
