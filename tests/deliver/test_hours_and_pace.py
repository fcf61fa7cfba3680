"""When, and how fast."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.deliver.parcels import MakeParcel
from tests.deliver.sockets import OK, always, answer, listening
from watcher.deliver.client import Destination
from watcher.deliver.hours import closed_for, windows
from watcher.deliver.outcomes import Verdict
from watcher.deliver.pace import Pace
from watcher.errors import ConfigError
from watcher.options import DeliverOptions


@pytest.mark.parametrize(
    ("texts", "at", "wait"),
    [
        ([], "12:00:00", 0),
        (["08:00-18:00"], "08:00:00", 0),
        (["08:00-18:00"], "17:59:59", 0),
        (["08:00-18:00"], "18:00:00", 14 * 3600),
        (["08:00-18:00"], "07:59:30", 30),
        (["19:00-07:00"], "23:00:00", 0),
        (["19:00-07:00"], "06:59:59", 0),
        (["19:00-07:00"], "07:00:00", 12 * 3600),
        (["01:00-02:00", "12:00-13:00"], "02:00:00", 10 * 3600),
        (["01:00-02:00", "12:00-13:00"], "13:00:00", 12 * 3600),
    ],
)
def test_hours(texts: list[str], at: str, wait: float) -> None:
    """From the first minute to before the last; over midnight too."""
    now = datetime.fromisoformat(f"2026-03-05T{at}")
    assert closed_for(windows(texts), now) == wait


@given(st.datetimes(), st.sampled_from(["00:00-00:01", "19:00-07:00", "23:59-00:00"]))
def test_after_the_wait_it_is_open(now: datetime, text: str) -> None:
    """Never closed for ever, never for more than a day."""
    opened = windows([text])
    wait = closed_for(opened, now)
    assert 0 <= wait <= 86_400
    if now.year < 9999:
        assert closed_for(opened, now + timedelta(seconds=wait)) == 0


@pytest.mark.parametrize("text", ["", "8-18", "24:00-01:00", "08:00-08:00", "08:00 - 18:00", "a"])
def test_wrong_hours_refuse_the_start(text: str) -> None:
    """Not silently always, nor never."""
    with pytest.raises(ConfigError):
        windows([text])


@given(st.lists(st.tuples(st.integers(1, 10**6), st.floats(0, 10)), min_size=1))
def test_never_faster_than_the_cap(steps: list[tuple[int, float]]) -> None:
    """Over any stretch, by a clock that the test holds; idle time is not saved up."""
    now = 0.0
    pace = Pace(1000, clock=lambda: now)
    free = 0.0
    for size, passed in steps:
        now += passed
        start = now + pace.due(size)
        assert start >= free - 1e-6
        free = start + size / 1000


def test_no_cap() -> None:
    """0 means none."""
    assert Pace(0).due(10**12) == 0


async def test_a_capped_destination(make_parcel: MakeParcel) -> None:
    """The first slice goes at once, the rest at the cap."""
    parcel = make_parcel(width=600, height=400)
    loop_time = asyncio.get_running_loop().time
    async with listening(always(answer(200, OK))) as url:
        options = DeliverOptions(url=url, bytes_per_second=400_000)
        async with Destination(options) as destination:
            start = loop_time()
            assert (await destination.send([parcel])).verdict is Verdict.DELIVERED
            took = loop_time() - start
    assert took > (parcel.size - (128 << 10)) / 400_000 * 0.9
