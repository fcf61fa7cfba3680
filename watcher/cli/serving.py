"""The gateway's process: signals, what it says on the terminal, what it tells systemd."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import click

from watcher.bell import cancel
from watcher.cli.status import age
from watcher.gateway import Gateway
from watcher.notify import Notifier
from watcher.observe.log import Log
from watcher.progress import Progress
from watcher.reloading import Reloading
from watcher.settings import Settings


async def serve(settings: Settings, path: Path | None, drain: float | None) -> int:
    """Run until stopped or drained; returns how many files are pending at the end."""
    # Closed only after a good end: whatever else ends this process is told by type and place.
    log = Log.open(settings.state / "log", settings.log)
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
        tell=_Meter() if drain is not None else lambda _: None,
        beat=notifier.beat,
    )
    await cancel(tasks)
    log.close()
    return left


def _greet(settings: Settings, backend: str, page: str | None) -> None:
    click.echo(f"Drop files into  {settings.intake.root}/<customer>/")
    click.echo(f"Backend          {backend}")
    click.echo(f"Page             {page or 'not served'}")
    click.echo(f"Log              {settings.state / 'log' / 'watcher.jsonl'}")


class _Meter:
    """Progress of a drain on a terminal, one line that is written over; silent elsewhere."""

    def __call__(self, progress: Progress) -> None:
        if sys.stderr.isatty():
            left = age(progress.seconds_left)
            click.echo(
                f"\r{progress.pending} left, {progress.per_second:.1f}/s, {left} to go   ",
                nl=False,
                err=True,
            )
