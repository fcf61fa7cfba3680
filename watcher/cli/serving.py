"""The gateway's process: signals, what it says on the terminal, what it tells systemd."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import click

from watcher.bell import cancel
from watcher.cli.meter import Meter
from watcher.gateway import Gateway
from watcher.notify import Notifier
from watcher.observe.log import Log
from watcher.reloading import Reloading
from watcher.settings import Settings


async def serve(settings: Settings, path: Path | None, drain: float | None) -> int:
    """Run until stopped or drained; returns how many files are pending at the end."""
    # Closed only after a good end: whatever else ends this process is told by type and place.
    # A drain on a terminal has one line of progress there; what is well is in the log's file.
    alone = drain is not None and sys.stderr.isatty()
    log = Log.open(settings.state / "log", settings.log, console="warning" if alone else "debug")
    meter = Meter()
    gateway, notifier = Gateway(settings, log), Notifier.taken_from()
    loop = asyncio.get_running_loop()
    reloading, tasks = Reloading(path, gateway.reload, log), set[asyncio.Task[None]]()

    def stop() -> None:
        notifier.tell("STOPPING=1")
        gateway.stop()

    def ready(backend: str) -> None:
        _greet(settings, backend, gateway.page)
        tasks.add(loop.create_task(reloading.run()))
        notifier.tell("READY=1", f"STATUS=sending to {backend}")

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, reloading.ask)
    left = await gateway.run(
        ready=ready,
        drain=drain,
        tell=meter,
        beat=notifier.beat,
    )
    meter.close()
    await cancel(tasks)
    log.close()
    return left


def _greet(settings: Settings, backend: str, page: str | None) -> None:
    click.echo(f"Drop files into  {settings.intake.root}/<customer>/")
    click.echo(f"Backend          {backend}")
    click.echo(f"Page             {page or 'not served'}")
    click.echo(f"Log              {settings.state / 'log' / 'watcher.jsonl'}")
