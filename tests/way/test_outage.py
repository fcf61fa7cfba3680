"""A long outage with a large backlog: little is tried, little is held, and all of it arrives."""

from __future__ import annotations

import asyncio
import json
import time
import tracemalloc
from asyncio import StreamReader, StreamWriter
from collections import Counter
from pathlib import Path

import pytest

from tests.deliver.sockets import OK, answer, listening, read_request
from tests.way.staged import backlog
from watcher.deliver.client import Destination
from watcher.deliver.courier import Courier
from watcher.dispatch import Dispatch
from watcher.observe.log import Log
from watcher.observe.metrics import Metrics
from watcher.options import DeliverOptions, LogOptions, WorkerOptions
from watcher.pipeline import Pipeline
from watcher.settings import Settings
from watcher.store.audit import Audit, AuditKey
from watcher.store.spool import Spool
from watcher.store.writer import Writer
from watcher.workers import Workers

_KEY = AuditKey.derived("k", bytes(32))
_QUICK = {"retry_first": 0.05, "retry_longest": 0.5, "breaker_rest": 0.05, "breaker_after": 5}


class Backend:
    """Away at first; once back, it notes how many requests it met at a time."""

    def __init__(self) -> None:
        self.back = False
        self.tried = 0
        self.met: list[int] = []
        self.images: Counter[str] = Counter()
        self._now = 0

    async def __call__(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One connection."""
        while True:
            if not self.back:
                self.tried += 1
                return
            _, body = await read_request(reader)
            self._now += 1
            self.met.append(self._now)
            self.images.update(i["imageInstanceUid"] for i in json.loads(body)["images"])
            await asyncio.sleep(0.02)  # so that requests of the same moment are seen together
            self._now -= 1
            writer.write(answer(200, OK))
            await writer.drain()


@pytest.mark.parametrize(
    ("images", "outage"), [(3_000, 3.0), pytest.param(100_000, 60.0, marks=pytest.mark.long)]
)
async def test_an_outage_with_a_backlog(images: int, outage: float, tmp_path: Path) -> None:
    """Requests and memory do not depend on what waits; it comes back one request at a time."""
    backend = Backend()
    writer = Writer(tmp_path / "ledger.sqlite")
    spool = Spool(tmp_path)
    await backlog(writer, spool.outbox_of("north"), images)
    async with listening(backend) as url, Workers(WorkerOptions(processes=1)) as workers:
        log = Log(tmp_path / "log", LogOptions(console=False))
        audit = Audit(AuditKey("k", b"k"))
        pipeline = Pipeline(Settings, spool, writer, workers, log, Metrics(), audit)
        options = DeliverOptions.model_validate({"url": url, **_QUICK})
        async with Destination(options) as destination:
            dispatch = Dispatch(
                "north",
                options,
                Courier(destination, options),
                spool.outbox_of("north"),
                pipeline,
                writer,
                log,
                lambda: None,
                lambda: None,
            )
            running = asyncio.create_task(dispatch.run())
            grown = await _growth(outage)
            backend.back = True
            await _arrived(backend, images)
            await dispatch.finish()
            running.cancel()
        log.close()
    writer.close()
    # Five failures open the breaker; from then on one probe after each rest, of 0.4 s and more
    # once it has doubled three times. Four requests may be under way when it opens.
    assert 5 <= backend.tried <= 5 + 4 + 3 + outage / 0.35
    assert grown < 4 << 20
    assert backend.images.total() == len(backend.images) == images
    assert backend.met[0] == 1
    assert max(backend.met[1:3]) <= 2  # after the probe two at once, then four
    assert len(backend.met) <= images / 50


async def _growth(seconds: float) -> int:
    """Bytes of Python's own memory gained from the first failures to the end of the outage."""
    await asyncio.sleep(1.0)
    tracemalloc.start()
    await asyncio.sleep(seconds - 1.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


async def _arrived(backend: Backend, images: int) -> None:
    until = time.monotonic() + 60 + images / 100
    while len(backend.images) < images:
        assert time.monotonic() < until, f"{len(backend.images)} of {images}"
        await asyncio.sleep(0.05)
