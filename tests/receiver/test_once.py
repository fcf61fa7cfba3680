"""The reply is lost after acceptance, again and again: no image is accepted twice."""

from __future__ import annotations

import asyncio
import tracemalloc
from pathlib import Path

import pytest

from tests.deliver.parcels import parcel_in, study_fields
from watcher.deliver.client import Destination
from watcher.deliver.outcomes import Verdict
from watcher.deliver.parcel import Parcel
from watcher.options import DeliverOptions
from watcher.receiver.app import start
from watcher.receiver.faults import Fault, Faults, Kind


async def lose_replies(folder: Path, times: int, restarts: int = 4) -> None:
    """Send one-image and batch requests whose first replies are lost, over receiver restarts."""
    sent: list[list[Parcel]] = []
    accepted = 0
    for _ in range(restarts):
        faults = Faults([Fault(Kind.LOST_REPLY)])
        running = await start(folder / "store", faults=faults)
        async with Destination(DeliverOptions(url=running.url)) as destination:
            for number in range(times // restarts):
                study = study_fields()
                sent.append([parcel_in(folder, study) for _ in range(1 + number % 3)])
                got = await destination.send(sent[-1])
                assert (got.verdict, got.unknown) == (Verdict.LATER, True)
        await running.stop()
        accepted += times // restarts
        assert len(running.receiver.shelf) == accepted
    running = await start(folder / "store")
    async with Destination(DeliverOptions(url=running.url)) as destination:
        for parcels in sent:
            for _ in range(2):
                assert (await destination.send(parcels)).verdict is Verdict.DELIVERED
    images = running.receiver.shelf.images
    assert len(images) == sum(len(parcels) for parcels in sent)
    assert set(images.values()) == {1}
    assert len(running.receiver.shelf) == times
    await running.stop()


async def test_no_image_is_accepted_twice(tmp_path: Path) -> None:
    """200 lost replies over four restarts of the receiver."""
    await lose_replies(tmp_path, 200)


@pytest.mark.long
async def test_no_image_is_accepted_twice_in_10_000_losses(tmp_path: Path) -> None:
    """The long run."""
    await lose_replies(tmp_path, 10_000)


async def test_a_backend_without_keys_that_is_asked(tmp_path: Path) -> None:
    """The fallback: ask, then send only what is not there; also when a batch is partly there."""
    study = study_fields()
    first, second = parcel_in(tmp_path, study, frames=2), parcel_in(tmp_path, study)
    running = await start(tmp_path / "store", keys=False)
    options = DeliverOptions(url=running.url, idempotency="ask")
    async with Destination(options) as destination:
        running.receiver.faults.script.append(Fault(Kind.LOST_REPLY))
        assert (await destination.send([first])).verdict is Verdict.LATER
        assert (await destination.send([first], again=True)).verdict is Verdict.DELIVERED
        assert (await destination.send([first, second], again=True)).verdict is Verdict.SPLIT
        assert (await destination.send([second], again=True)).verdict is Verdict.DELIVERED
    assert set(running.receiver.shelf.images.values()) == {1}
    await running.stop()


async def test_memory_does_not_grow_with_the_body(tmp_path: Path) -> None:
    """A body of 66 MB goes through client and receiver, in one process, within 32 MB."""
    study = study_fields()
    parcels = [parcel_in(tmp_path, study, width=5000, height=5000) for _ in range(2)]
    running = await start(tmp_path / "store")
    async with Destination(DeliverOptions(url=running.url)) as destination:
        tracemalloc.start()
        got = await asyncio.wait_for(destination.send(parcels), 120)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    await running.stop()
    assert got.verdict is Verdict.DELIVERED
    assert sum(p.size for p in parcels) > 66_000_000
    assert peak < 32 << 20
