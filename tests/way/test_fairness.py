"""One customer's backlog and another's single image."""

from __future__ import annotations

import asyncio
import signal

import pytest

from tests.way.box import Box
from tests.way.images import ct, drop
from tests.way.test_faults import until
from watcher.receiver.app import Running


@pytest.mark.parametrize("long", [1, 5])
async def test_a_few_images_do_not_wait_for_the_end_of_anothers_long_job(
    box: Box, backend: Running, long: int
) -> None:
    """With a single worker, at work for a minute on one file, with or without others behind it."""
    process = await box.start("-m", "tests.way.slow", str(box.settings), "60")
    try:
        await until((box.state / "control.sock").exists)
        for number in range(long):
            drop(ct(number), box.drop / "big", f"long-{number}.dcm")
        await until(lambda: box.states() == {"queued": long} and claimed(box) >= min(2, long))
        for number in range(3):
            drop(ct(number), box.home / "study", f"{number}.dcm")
        (box.drop / "urgent").mkdir()
        (box.home / "study").rename(box.drop / "urgent" / "study")  # one scan sees them all
        await until(lambda: box.states() == {"queued": long, "delivered": 3}, within=50)
    finally:
        for _ in range(2):  # the second one does not wait for the long job
            process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.5)
        await process.communicate()
    assert len(backend.receiver.shelf.images) == 3


def claimed(box: Box) -> int:
    """How many are in work, or next."""
    with box.ledger() as db:
        (count,) = db.execute("SELECT count(*) FROM instances WHERE claimed = 1").fetchone()
    return int(count)
