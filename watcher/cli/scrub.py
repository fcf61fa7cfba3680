"""`watcher scrub`: the gateway's own code path offline, from files to files, without an upload."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import click

from watcher.cli.common import EXIT_LEFT_OVER, settings_option
from watcher.cli.meter import Meter
from watcher.job import Job
from watcher.model import Excluded, Outcome, Prepared, Reason
from watcher.progress import Progress
from watcher.scrub.keys import make_key
from watcher.settings import Settings
from watcher.workers import Workers


@click.command()
@click.argument(
    "sources",
    metavar="SRC...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option(
    "--workers", type=click.IntRange(1, 512), help="Worker processes; default: one a core."
)
@click.option(
    "--key", type=click.Path(dir_okay=False, path_type=Path), help="Key file; default: OUT/key."
)
@click.option("--customer", help="Use this customer's settings.")
@settings_option
def scrub(
    sources: tuple[Path, ...],
    out: Path,
    workers: int | None,
    key: Path | None,
    customer: str | None,
    settings: Settings,
) -> None:
    """Scrub files or folders into OUT: cleaned .dcm, .png, .png.txt and the request body .json.

    OUT/manifest.jsonl gets one line per source. Names in OUT are ids; nothing is copied of what
    is refused. Exit code 3 when a source could not be read at all.
    """
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    key_file = key or out / "key"
    if not key_file.exists():
        make_key(key_file)
    options = (
        settings.workers
        if workers is None
        else settings.workers.model_copy(update={"processes": workers})
    )
    own = settings.of(customer or "")

    def job(root: Path, relative: str) -> Job:
        return Job(
            id=secrets.token_hex(8),
            root=root,
            path=relative,
            device=None,
            out=out,
            key_file=key_file.resolve(),
            scrub=own.scrub,
            pixels=own.pixels,
            render=own.render,
            limits=settings.limits,
            body=True,
        )

    jobs = ((source, job(root, relative)) for source, root, relative in _files(sources))
    backlog = Backlog(sum(1 for _ in _files(sources)), Meter())
    with (out / "manifest.jsonl").open("w", encoding="utf-8") as manifest:
        unsettled = asyncio.run(_scrub_all(jobs, Workers(options), manifest, backlog))
    if unsettled:
        click.echo(f"{unsettled} sources could not be read", err=True)
        sys.exit(EXIT_LEFT_OVER)


def _files(sources: tuple[Path, ...]) -> Iterator[tuple[str, Path, str]]:
    """(as named in the manifest, root folder, path below it) of every regular file."""
    for source in sources:
        if not source.is_dir():
            yield str(source), source.resolve().parent, source.name
            continue
        for folder, folders, names in os.walk(source):
            folders.sort()
            for name in sorted(names):
                path = Path(folder, name)
                if path.is_file() and not path.is_symlink():
                    yield str(path), source.resolve(), str(path.relative_to(source))


class Backlog:
    """So many sources, of which some are done."""

    def __init__(self, sources: int, meter: Meter) -> None:
        self._left, self._done, self._meter = sources, 0, meter
        self._begun = time.monotonic()
        self.done(0)

    def done(self, more: int) -> None:
        """So many more are; tell how it goes."""
        self._left, self._done = max(0, self._left - more), self._done + more
        rate = self._done / max(time.monotonic() - self._begun, 0.001)
        self._meter(Progress(self._left, self._done, rate))

    def close(self) -> None:
        """Leave the last word."""
        self._meter.close()


async def _scrub_all(
    jobs: Iterator[tuple[str, Job]], workers: Workers, manifest: TextIO, backlog: Backlog
) -> int:
    unsettled = 0
    under_way: set[asyncio.Task[tuple[str, Job, Outcome]]] = set()
    async with workers:
        while True:
            for source, job in jobs:
                under_way.add(asyncio.create_task(_one(source, job, workers)))
                if len(under_way) >= workers.size * 2:
                    break
            if not under_way:
                backlog.close()
                return unsettled
            finished, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            for source, job, outcome in (task.result() for task in finished):
                line = _line(source, job, outcome)
                unsettled += line["reason"] in (Reason.UNREADABLE, Reason.CHANGED)
                manifest.write(json.dumps(line) + "\n")
            backlog.done(len(finished))


async def _one(source: str, job: Job, workers: Workers) -> tuple[str, Job, Outcome]:
    return source, job, await workers.prepare(job)


def _line(source: str, job: Job, outcome: Outcome) -> dict[str, Any]:
    line = {"source": source, "id": job.id, "files": {}}
    if isinstance(outcome, Prepared):
        files = {
            "dcm": outcome.dcm.name,
            "png": [image.png.name for image in outcome.images],
            "txt": [image.text.name for image in outcome.images],
            "json": f"{job.id}.json",
        }
        return {**line, "outcome": "staged", "reason": "", "files": files}
    if isinstance(outcome, Excluded):
        return {**line, "outcome": "excluded", "reason": outcome.reason, "detail": outcome.detail}
    # Offline nothing will change: what the gateway would try later is refused here.
    reason = _FINAL.get(outcome.reason, outcome.reason)
    return {**line, "outcome": "quarantined", "reason": reason, "detail": outcome.detail}


_FINAL = {Reason.NOT_WHOLE: Reason.TRUNCATED, Reason.WORKER_LOST: Reason.CRASHED}
