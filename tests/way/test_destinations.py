"""Every customer's destination stands alone: own endpoint, own breaker, over restarts."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import yaml

from tests.way.box import Box
from tests.way.images import ct, drop
from watcher.receiver.app import Running, start
from watcher.receiver.faults import Fault, Faults, Kind


async def test_each_customer_has_an_endpoint_and_a_breaker_of_its_own(
    tmp_path: Path, backend: Running
) -> None:
    """The north's backend refuses its credential; the south's images arrive all the same."""
    north = await start(tmp_path / "north", faults=Faults([Fault(Kind.STATUS, 401)]))
    box = _box(tmp_path, backend.url, f'[customers.north.deliver]\nurl = "{north.url}"\n')
    for number in range(4):
        drop(ct(number), box.drop / ("north", "south")[number % 2], f"{number}.dcm")
    ended = await box.run("run", "--settings", str(box.settings), "--drain", "--patience", "5")
    assert ended.code == 3
    assert _where(box) == {("north", "staged"): 2, ("south", "delivered"): 2}
    assert (len(north.receiver.shelf.images), len(backend.receiver.shelf.images)) == (0, 2)
    await north.stop()


async def test_a_rest_outlives_a_restart_and_a_person_ends_it(
    tmp_path: Path, backend: Running, faults: Faults
) -> None:
    """A destination that rests for a long time is left alone after a restart, until `retry`."""
    faults.faults = (Fault(Kind.STATUS, 403),)
    box = _box(tmp_path, backend.url)
    drop(ct(1), box.drop / "north", "1.dcm")
    await box.run("run", "--settings", str(box.settings), "--drain", "--patience", "2")
    _rest_for_an_hour(box)
    asked = backend.receiver.seen
    faults.faults = ()
    process = await box.start("run", "--settings", str(box.settings))
    try:
        await _until(lambda: [line["event"] for line in box.log()].count("ready") == 2)
        await asyncio.sleep(2)
        assert backend.receiver.seen == asked
        (id_,) = _ids(box)
        ended = await box.run("retry", id_, "--settings", str(box.settings))
        assert ended.code == 0, ended.said
        await _until(lambda: box.states() == {"delivered": 1})
    finally:
        process.send_signal(signal.SIGTERM)
        await process.communicate()
    assert list(backend.receiver.shelf.images.values()) == [1]


async def test_a_backend_with_another_contract_stops_the_start(
    tmp_path: Path, backend: Running
) -> None:
    """Its own document wants a field that we never send: exit 2, and the field is named."""
    text = (resources.files("watcher.deliver") / "openapi.yaml").read_text(encoding="utf-8")
    document = yaml.safe_load(text)
    document["components"]["schemas"]["Study"]["required"].append("ward")
    (tmp_path / "theirs.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    own = f'[customers.north.deliver]\ncontract = "{tmp_path / "theirs.yaml"}"\n'
    box = _box(tmp_path, backend.url, own)
    ended = await box.drain()
    assert ended.code == 2
    assert "study: required ward" in ended.said
    assert "crash" not in ended.said


def _box(tmp_path: Path, url: str, more: str = "") -> Box:
    home = tmp_path / "box"
    home.mkdir(exist_ok=True)
    return Box(home, url, more)


def _where(box: Box) -> dict[tuple[str, str], int]:
    with box.ledger() as db:
        rows = db.execute("SELECT customer, state, count(*) FROM instances GROUP BY 1, 2")
        return {(customer, state): number for customer, state, number in rows}


def _ids(box: Box) -> list[str]:
    with box.ledger() as db:
        return [id_ for (id_,) in db.execute("SELECT id FROM instances")]


def _rest_for_an_hour(box: Box) -> None:
    """As after a long outage: the box's own snapshot with the end of its rest moved."""
    with box.ledger() as db:
        ((text,),) = db.execute("SELECT snapshot FROM breakers WHERE destination='north'")
        snapshot = json.loads(text) | {"until": time.time() + 3600}
        db.execute("UPDATE breakers SET snapshot=?", (json.dumps(snapshot),))


async def _until(holds: Callable[[], bool], within: float = 60.0) -> None:
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110 - another process decides
            await asyncio.sleep(0.1)
