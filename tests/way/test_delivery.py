"""The gateway against a backend that fails: nothing is lost, nothing is accepted twice."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from pathlib import Path

from tests.way.box import Box
from tests.way.images import ct, drop
from tests.way.test_faults import until
from watcher.receiver.app import Running, start
from watcher.receiver.faults import Fault, Faults, Kind


async def test_lost_replies_and_errors_cost_time_and_nothing_else(
    box: Box, backend: Running, faults: Faults
) -> None:
    """A third of the replies is lost after acceptance, a fifth of the requests fails."""
    faults.faults = (
        Fault(Kind.LOST_REPLY, probability=0.33),
        Fault(Kind.STATUS, 503, probability=0.2),
        Fault(Kind.RESET_DURING, probability=0.1),
    )
    for number in range(20):
        drop(ct(number), box.drop / "north", f"{number}.dcm")
    ended = await box.drain()
    assert ended.code == 0, ended.said
    assert box.states() == {"delivered": 20}
    assert sorted(backend.receiver.shelf.images.values()) == [1] * 20


async def test_a_backend_that_was_away_gets_everything_when_it_is_back(tmp_path: Path) -> None:
    """Nothing listens at first; the breaker rests, probes, and lets the backlog through."""
    first = await start(tmp_path / "backend")
    port = int(first.url.rpartition(":")[2])
    await first.stop()
    (tmp_path / "box").mkdir()
    box = Box(tmp_path / "box", f"http://127.0.0.1:{port}")
    for number in range(8):
        drop(ct(number), box.drop / "north", f"{number}.dcm")
    process = await box.start("run", "--settings", str(box.settings))
    try:
        await _until_state(box, "staged", 8)
        back = await start(tmp_path / "backend", port=port)
        await _until_state(box, "delivered", 8)
        assert sorted(back.receiver.shelf.images.values()) == [1] * 8
        await back.stop()
    finally:
        process.send_signal(signal.SIGTERM)
        await process.communicate()
    assert process.returncode == 0


async def test_an_image_that_is_refused_after_its_sender_took_it_away_is_none_of_ours(
    box: Box, backend: Running, faults: Faults
) -> None:
    """There is nothing left to put into quarantine; the gateway says so and goes on."""
    faults.faults = (Fault(Kind.STATUS, 503),)
    drop(ct(0), box.drop / "north", "0.dcm")
    process = await box.start("run", "--settings", str(box.settings))
    try:
        await _until_state(box, "staged", 1)
        (box.drop / "north" / "0.dcm").unlink()
        faults.faults = (Fault(Kind.STATUS, 422),)
        await _until_state(box, "excluded", 1)
        assert box.reasons() == {"vanished": 1}
        faults.faults = ()
        drop(ct(1), box.drop / "north", "1.dcm")
        await _until_state(box, "delivered", 1)
    finally:
        process.send_signal(signal.SIGTERM)
        await process.communicate()
    assert process.returncode == 0


async def test_a_refused_credential_pauses_the_destination_and_says_so(
    box: Box, backend: Running, faults: Faults
) -> None:
    """401 is no fault of the images: they wait, and an error line names the customer."""
    faults.faults = (Fault(Kind.STATUS, 401),)
    for number in range(3):
        drop(ct(number), box.drop / "north", f"{number}.dcm")
    ended = await box.run("run", "--settings", str(box.settings), "--drain", "--patience", "20")
    assert ended.code == 3
    assert box.states() == {"staged": 3}
    paused = [line for line in box.log() if line["event"] == "destination-paused"]
    assert [(line["customer"], line["level"], line["status"]) for line in paused] == [
        ("north", "error", 401)
    ]
    assert not backend.receiver.shelf.images


async def _until_state(box: Box, state: str, count: int, within: float = 90.0) -> None:
    async with asyncio.timeout(within):
        while _count(box, state) != count:  # noqa: ASYNC110 - another process decides
            await asyncio.sleep(0.1)


def _count(box: Box, state: str) -> int:
    try:
        return box.states()[state]
    except sqlite3.OperationalError:
        return 0  # the ledger is just being made


async def test_a_spool_file_that_is_lost_is_told_of_and_made_again(
    box: Box, backend: Running, faults: Faults
) -> None:
    """Gone, or with other bytes of the same length; from the original, while the gateway runs."""
    faults.faults = (Fault(Kind.STATUS, 503),)
    process = await box.start("run", "--settings", str(box.settings))
    try:
        await until((box.state / "control.sock").exists)
        for number in range(2):
            drop(ct(number), box.drop / "north", f"{number}.dcm")
        await until(lambda: box.states() == {"staged": 2})
        gone, other = sorted((box.state / "outbox" / "north").glob("*.png.txt"))
        other.write_bytes(bytes(other.stat().st_size))
        gone.unlink()
        faults.faults = ()
        await until(lambda: box.states() == {"delivered": 2})
    finally:
        process.send_signal(signal.SIGTERM)
        await process.communicate()
    told = [line for line in box.log() if line.get("reason") == "spool-lost"]
    assert {line["level"] for line in told if line["event"] == "not-delivered"} == {"warning"}
    assert len({line["id"] for line in told if line["event"] == "moved"}) == 2
    assert sorted(backend.receiver.shelf.images.values()) == [1, 1]
