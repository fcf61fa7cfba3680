"""`watcher receive`: the reference backend alone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from watcher.receiver import Faults, start


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True)
@click.option("--store", type=click.Path(file_okay=False, path_type=Path), required=True)
def receive(port: int, store: Path) -> None:
    """Run the reference backend on 127.0.0.1: validate, store, answer as the contract says."""
    asyncio.run(_serve(port, store))


async def _serve(port: int, store: Path) -> None:
    running = await start(store, port=port, faults=Faults())
    click.echo(f"Receiving on {running.url}, storing in {store}")
    try:
        await asyncio.Event().wait()
    finally:
        await running.stop()
