"""The workers are never left without work while something is due."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from datetime import datetime

from tests.way.box import Box
from tests.way.images import ct, drop
from watcher.receiver.app import Running


async def test_two_customers_with_a_backlog_do_not_make_a_worker_wait(box: Box) -> None:
    """Each customer's fair share may be more than there is room for; the next is claimed at once.

    The loop's own idle time is 30 s: a gap of that kind between two images is a missed wake-up.
    """
    for number in range(24):
        drop(ct(number), box.drop / ("north", "south")[number % 2], f"{number}.dcm")
    ended = await box.drain()
    assert ended.code == 0, ended.said
    staged = [
        datetime.fromisoformat(line["ts"]) for line in box.log() if line.get("state") == "staged"
    ]
    assert len(staged) == 24
    gaps = [(after - before).total_seconds() for before, after in itertools.pairwise(staged)]
    assert max(gaps) < 15


async def test_slices_travel_together_while_more_of_them_are_being_prepared(
    box: Box, backend: Running
) -> None:
    """The backend answers faster than one is prepared. The last ones wait for nothing: not for the
    minute that an image may be held back.
    """
    patient = replace(box, more="[customers.north.deliver]\nbatch_linger = 60\n")
    for number in range(16):
        drop(ct(number), box.drop / "north", f"{number}.dcm")
    began = time.monotonic()
    ended = await patient.drain()
    assert ended.code == 0, ended.said
    assert box.states() == {"delivered": 16}
    assert len(backend.receiver.shelf) <= 4
    assert time.monotonic() - began < 55
