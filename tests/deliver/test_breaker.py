"""The breaker: stops claims, probes alone, comes back gently, survives a restart."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.deliver.breaker import Breaker
from watcher.deliver.outcomes import Answer, Situation, Verdict, failed
from watcher.model import Reason
from watcher.options import DeliverOptions

OPTIONS = DeliverOptions()
GOOD = Answer(Verdict.DELIVERED, None, 200)
GONE = failed(Situation.UNCONNECTED)
FAULT = Answer(Verdict.LATER, Reason.BACKEND_ERROR, 500, detail="status 500")
PAUSE = Answer(Verdict.PAUSE, Reason.DESTINATION_PAUSED, 401, detail="status 401")
NOW = 1_800_000_000.0


def after(breaker: Breaker, answer: Answer, key: str = "a", now: float = NOW) -> Breaker:
    """One request's end."""
    return breaker.after(key, answer, now, OPTIONS, random.Random(1))


def opened(answer: Answer = GONE) -> Breaker:
    """A breaker that has just opened."""
    breaker = Breaker()
    for number in range(OPTIONS.breaker_after):
        breaker = after(breaker, answer, f"key {number}")
    return breaker


class TestClosed:
    """Requests flow."""

    def test_as_many_as_allowed(self) -> None:
        """The settings' concurrency."""
        assert Breaker().room(NOW, 4) == 4

    @pytest.mark.parametrize("answer", [GONE, FAULT, failed(Situation.RESET, sent=True)])
    def test_failures_in_a_row_open_it(self, answer: Answer) -> None:
        """Not one fewer."""
        assert opened(answer).room(NOW, 4) == 0
        breaker = Breaker()
        for number in range(OPTIONS.breaker_after - 1):
            breaker = after(breaker, answer, f"key {number}")
        assert breaker.room(NOW, 4) == 4
        assert after(breaker, GOOD) == Breaker()

    def test_one_bad_image_never_opens_it(self) -> None:
        """The same key counts once, as long as the backend answers or is reached."""
        breaker = Breaker()
        for _ in range(1000):
            breaker = after(breaker, FAULT, "poison")
        assert breaker.closed

    def test_nobody_there_counts_for_any_key(self) -> None:
        """One image alone is enough to notice that the backend is gone."""
        breaker = Breaker()
        for _ in range(OPTIONS.breaker_after):
            breaker = after(breaker, GONE, "same")
        assert not breaker.closed

    @pytest.mark.parametrize(
        "answer",
        [
            Answer(Verdict.QUARANTINE, Reason.REJECTED, 400, detail="status 400"),
            Answer(Verdict.SPLIT, Reason.REJECTED, 413, detail="status 413"),
            Answer(Verdict.LATER, Reason.BACKEND_BUSY, 409, detail="status 409"),
            failed(Situation.SPOOL_LOST),
            replace(failed(Situation.INVALID), detail="invalid-field image.height: x"),
        ],
    )
    def test_answers_about_images_do_not_open_it(self, answer: Answer) -> None:
        """The destination is well."""
        breaker = Breaker()
        for number in range(100):
            breaker = after(breaker, answer, f"key {number}")
        assert breaker.closed

    def test_retry_after_opens_it_at_once(self) -> None:
        """429 speaks of the client, not of one request."""
        breaker = after(Breaker(), Answer(Verdict.LATER, Reason.BACKEND_BUSY, 429, retry_after=120))
        assert breaker.wait(NOW) >= 120

    def test_a_pause_opens_it_at_once_and_wants_an_alarm(self) -> None:
        """For a minute at first: a wrong password every second would lock an account."""
        breaker = after(Breaker(), PAUSE)
        assert breaker.paused
        assert breaker.wait(NOW) >= 60


class TestResting:
    """Nothing goes out."""

    def test_no_room(self) -> None:
        """Until the time is up, then for one."""
        breaker = opened()
        end = NOW + breaker.wait(NOW)
        assert breaker.room(end - 0.01, 256) == 0
        assert breaker.room(end + 0.01, 256) == 1

    def test_late_failures_do_not_prolong_it(self) -> None:
        """Those of requests that were already under way."""
        breaker = opened()
        assert after(breaker, GONE, "late").until == breaker.until

    def test_a_late_success_closes_it(self) -> None:
        """Somebody was there after all."""
        assert after(opened(), GOOD).closed

    def test_a_clock_set_back_does_not_prolong_it(self) -> None:
        """A day back must not mean a day of rest."""
        breaker = opened()
        assert breaker.room(NOW - 86_400, 4) == 1
        assert breaker.room(NOW + 86_400, 4) == 1

    def test_a_person_can_end_it(self) -> None:
        """After mending something: one probe, now."""
        breaker = after(Breaker(), PAUSE)
        assert breaker.resumed().room(NOW, 4) == 1
        assert Breaker().resumed() == Breaker()

    @given(
        st.builds(Breaker, st.lists(st.text()).map(tuple), st.integers(0, 99), st.floats(0, NOW))
    )
    def test_it_survives_a_restart(self, breaker: Breaker) -> None:
        """As text."""
        assert Breaker.load(breaker.dump()) == breaker

    @pytest.mark.parametrize("text", [None, "", "x", "[]", "7", "null", '{"until": "x"}', "{1}"])
    def test_a_broken_snapshot_is_a_fresh_start(self, text: str | None) -> None:
        """Not a crash at the start."""
        assert Breaker.load(text) == Breaker()


class TestProbing:
    """One request finds out."""

    def test_a_failed_probe_doubles_the_rest(self) -> None:
        """Up to the longest."""
        breaker, now, rests = opened(), NOW, []
        for _ in range(14):
            rests.append(breaker.wait(now))
            now += breaker.wait(now)
            assert breaker.room(now, 4) == 1
            breaker = after(breaker, GONE, "probe", now)
        assert 4 <= rests[0] <= 6
        doubled = [later / earlier for earlier, later in pairwise(rests[:7])]
        assert all(2 * 0.8 / 1.2 <= ratio <= 2 * 1.2 / 0.8 for ratio in doubled)
        assert all(900 * 0.8 <= rest <= 900 * 1.2 for rest in rests[-3:])

    def test_requests_in_an_outage_are_few(self) -> None:
        """An hour without a backend costs a dozen probes, not one for each of 100,000 images."""
        breaker, now, probes = opened(), NOW, 0
        while now < NOW + 3600:
            now += breaker.wait(now)
            breaker = after(breaker, GONE, "probe", now)
            probes += 1
        assert probes <= 14

    def test_recovery_does_not_stampede(self) -> None:
        """One, then two, then four."""
        breaker = opened()
        now = NOW + breaker.wait(NOW)
        rooms = []
        for _ in range(6):
            breaker = after(breaker, GOOD, "probe", now)
            rooms.append(breaker.room(now, 16))
        assert rooms == [1, 2, 4, 8, 16, 16]

    def test_a_rejected_probe_closes_it(self) -> None:
        """The backend is there: it only does not like this image."""
        breaker = after(opened(), Answer(Verdict.QUARANTINE, Reason.REJECTED, 400))
        assert breaker.closed

    def test_after_a_pause_a_success_ends_the_alarm(self) -> None:
        """By itself, once the token is mended."""
        breaker = after(Breaker(), PAUSE)
        breaker = after(breaker, GOOD, now=NOW + breaker.wait(NOW))
        assert (breaker.closed, breaker.paused) == (True, False)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([GOOD, GONE, FAULT, PAUSE]), st.text(max_size=2), st.floats(0, 999)
        )
    )
)
def test_it_never_locks_up(events: list[tuple[Answer, str, float]]) -> None:
    """Whatever happens, there is room again within the longest rest, and memory is bounded."""
    breaker, now = Breaker(), NOW
    for answer, key, passed in events:
        now += passed
        breaker = breaker.after(key, answer, now, OPTIONS, random.Random(0))
        assert len(breaker.failed) <= OPTIONS.breaker_after
        assert breaker.room(now + 900 * 1.2 + 1, 4) >= 1
