"""The workers are never left without work while something is due."""

from __future__ import annotations

import itertools
from datetime import datetime

from tests.way.box import Box
from tests.way.images import ct, drop


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
