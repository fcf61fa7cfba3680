"""`watcher receive`: the reference backend alone, with faults on request."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import click

from watcher.errors import ConfigError
from watcher.receiver.app import start
from watcher.receiver.faults import Fault, Faults, Kind


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True)
@click.option("--store", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND[=VALUE][:PROBABILITY]",
    help="Fail on purpose, e.g. status=503:0.1 or lost-reply:0.05; may be repeated. Kinds: "
    + ", ".join(Kind)
    + ".",
)
@click.option("--retry-after", help="Retry-After header of injected answers, as it is sent.")
@click.option("--seed", type=int, help="Make the injected faults repeatable.")
def receive(
    port: int, store: Path, faults: tuple[str, ...], retry_after: str | None, seed: int | None
) -> None:
    """Run the reference backend on 127.0.0.1.

    It validates every request against the OpenAPI document, stores the decoded PNGs and bodies
    under STORE, honours Idempotency-Key over restarts and answers as the contract says. Open its
    address in a browser to see what it holds.
    """
    chosen = Faults(map(Fault.parse, faults), seed=seed, retry_after=retry_after)
    asyncio.run(_serve(port, store, chosen))


async def _serve(port: int, store: Path, faults: Faults) -> None:
    try:
        running = await start(store, port=port, faults=faults, inflate=True)
    except OSError:
        raise ConfigError(f"port {port} is taken; choose another with --port") from None
    click.echo(f"Receiving on {running.url}, storing in {store}")
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await stop.wait()
    finally:
        await running.stop()
