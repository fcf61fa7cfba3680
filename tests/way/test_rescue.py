"""The whole way over a ledger that was damaged between two starts."""

from __future__ import annotations

import shutil
import signal
from dataclasses import replace

import pytest

from tests.way.box import Box
from tests.way.images import ct, drop
from tests.way.nursery import KILL, Nursery
from watcher.receiver.app import Running


@pytest.mark.parametrize(
    ("harm", "backup"), [("damaged", "kept"), ("damaged", "gone"), ("removed", "gone")]
)
async def test_a_lost_ledger_costs_nothing_and_sends_nothing_twice(
    box: Box, backend: Running, harm: str, backup: str
) -> None:
    """Two delivered, one refused; then the ledger is lost and the same files come again."""
    nameless = ct(7)
    del nameless.SOPInstanceUID
    drop(nameless, box.drop / "north", "nameless.dcm")
    for number in range(2):
        drop(ct(number), box.drop / "north", f"{number}.dcm")
    assert (await box.drain()).code == 0
    path = box.state / "ledger.sqlite"
    path.write_bytes(path.read_bytes()[:5000] + b"\xa5" * 30_000)
    if harm == "removed":
        path.unlink()
    if backup == "gone":
        (box.state / "backup" / "ledger.sqlite").unlink()
    for number in range(3):
        drop(ct(number), box.drop / "north", f"again-{number}.dcm")
    ended = await box.drain()
    assert ended.code == 0, ended.said
    assert box.states() == {"delivered": 3, "duplicate": 2, "quarantined": 1}
    assert sorted(backend.receiver.shelf.images.values()) == [1] * 3
    assert [line["restored"] for line in box.log() if line["event"] == "ledger-unsound"] == [
        backup == "kept"
    ]


async def test_what_was_sent_since_the_copy_is_not_sent_anew(box: Box, backend: Running) -> None:
    """It stays in the drop folder, so nothing but the journal knows of it: one request was heard
    of, one was not, for the gateway was killed before it wrote down the answer. Planned anew, what
    went together would go one by one."""
    settings = '[archive]\nafter_delivery = "keep"\n[customers.north.deliver]\n'
    alone = replace(box, more=settings + "batch_images = 1\n")
    box = replace(box, more=settings + "batch_linger = 60\n")
    drop(ct(0), box.drop / "north", "0.dcm")
    assert (await box.drain()).code == 0
    kept = box.state / "backup"
    shutil.copy(box.state / "ledger.sqlite", kept / "ledger.sqlite")
    # From here on no copy can be made, so that this one stays the last, whenever its hour comes.
    kept.rename(box.home / "kept")
    kept.touch()
    for number in range(1, 4):
        drop(ct(number), box.drop / "north", f"{number}.dcm")
    assert (await box.drain()).code == 0
    async with Nursery() as nursery:
        for number in range(4, 7):
            drop(ct(number), box.drop / "north", f"{number}.dcm")
        kill = f"{KILL}watcher.pipeline:Pipeline.delivered before"
        await nursery.start(box.settings, box.home / "said", kill, "--drain")
        assert await nursery.ended() == -signal.SIGKILL
    heard = len(backend.receiver.shelf.images)
    assert heard > 4
    assert len(backend.receiver.shelf) < heard
    (box.state / "ledger.sqlite").write_bytes(b"\xa5" * 30_000)
    kept.unlink()
    (box.home / "kept").rename(kept)
    ended = await alone.drain()
    assert ended.code == 0, ended.said
    assert [line["restored"] for line in box.log() if line["event"] == "ledger-unsound"] == [True]
    assert sorted(backend.receiver.shelf.images.values()) == [1] * 7
    assert len(box.dropped()) == 7
    assert box.states()["queued"] + box.states()["staged"] + box.states()["quarantined"] == 0
