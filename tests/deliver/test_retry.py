"""When to try again, when to split, when to give up."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.deliver.outcomes import FAILURES, Answer, Situation, Verdict, failed
from watcher.deliver.retry import decide, delay, retry_after
from watcher.model import Reason
from watcher.options import DeliverOptions

OPTIONS = DeliverOptions()
FAULT = Answer(Verdict.LATER, Reason.BACKEND_ERROR, 500, detail="status 500", unknown=True)
BUSY = Answer(Verdict.LATER, Reason.BACKEND_BUSY, 503, detail="status 503")


@given(st.integers(1, 10**6), st.integers(), st.none() | st.floats(0, 10**6))
def test_a_delay_is_never_longer_than_the_longest(
    attempts: int, seed: int, previous: float | None
) -> None:
    """Nor shorter than the first, whatever came before."""
    got = delay(
        BUSY, attempts=attempts, options=OPTIONS, rng=random.Random(seed), previous=previous
    )
    assert OPTIONS.retry_first <= got <= OPTIONS.retry_longest == 900


def test_delays_grow_and_spread() -> None:
    """After an outage everybody comes back at another moment: no tenth of the time has a fifth."""
    rng = random.Random(4)

    def drawn(attempts: int) -> list[float]:
        return [delay(BUSY, attempts=attempts, options=OPTIONS, rng=rng) for _ in range(2000)]

    means = [sum(drawn(attempts)) / 2000 for attempts in range(1, 10)]
    assert all(later > earlier for earlier, later in pairwise(means))
    tenths = [0] * 10
    for wait in drawn(12):
        tenths[min(9, int(wait / 90))] += 1
    assert max(tenths) < 400


def test_a_delay_follows_the_previous_one() -> None:
    """Decorrelated: up to three times as long, and down to the first again."""
    rng = random.Random(5)
    waits = [delay(BUSY, attempts=9, options=OPTIONS, rng=rng, previous=20.0) for _ in range(2000)]
    assert 1 <= min(waits) < 2
    assert 58 < max(waits) <= 60


@given(st.floats(0, 6 * 3600), st.integers(1, 50), st.integers())
def test_retry_after_is_honoured(asked: float, attempts: int, seed: int) -> None:
    """Never earlier, also when it is longer than our longest."""
    answer = Answer(Verdict.LATER, Reason.BACKEND_BUSY, 429, retry_after=asked)
    got = delay(answer, attempts=attempts, options=OPTIONS, rng=random.Random(seed))
    assert asked <= got <= max(asked + OPTIONS.retry_first, OPTIONS.retry_longest)


@given(st.text())
def test_any_text_as_retry_after(text: str) -> None:
    """A hostile header is ignored or bounded."""
    got = retry_after(text, 1_700_000_000.0)
    assert got is None or 0 <= got <= 6 * 3600


def test_both_forms_of_retry_after() -> None:
    """RFC 9110 10.2.3: seconds, or a date in any of the three forms of 5.6.7."""
    now = 784111777.0  # Sun, 06 Nov 1994 08:49:37 GMT, as in 5.6.7
    assert retry_after("120", now) == 120
    for date in (
        "Sun, 06 Nov 1994 08:50:37 GMT",
        "Sunday, 06-Nov-94 08:50:37 GMT",
        "Sun Nov  6 08:50:37 1994",
    ):
        assert retry_after(date, now) == 60
    assert retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now) == 0


# -- splitting and giving up -------------------------------------------------------------------


def test_a_failing_batch_is_split_after_a_while() -> None:
    """500 is an answer: its images are parted, so that one cannot hold up the others."""
    for attempts, verdict in ((1, Verdict.LATER), (2, Verdict.LATER), (3, Verdict.SPLIT)):
        got = decide(FAULT, attempts=attempts, parcels=4, options=OPTIONS)
        assert got.verdict is verdict


@pytest.mark.parametrize("answer", [failed(Situation.RESET), FAULT])
def test_a_batch_of_unknown_outcome_is_split_much_later(answer: Answer) -> None:
    """Its key must have had the chance to be recognised; whatever this last try came to."""
    got = [
        decide(answer, attempts=n, parcels=4, lost=n, options=OPTIONS).verdict for n in (3, 29, 30)
    ]
    assert got == [Verdict.LATER, Verdict.LATER, Verdict.SPLIT]


def test_frames_are_parted_only_if_none_can_have_been_accepted() -> None:
    """The parts have other keys than the whole."""

    def verdict(situation: Situation, sent: bool, again: bool) -> Verdict:
        answer = failed(situation, sent=sent)
        return decide(
            answer, attempts=50, parcels=1, images=9, again=again, options=OPTIONS
        ).verdict

    assert verdict(Situation.RESET, sent=False, again=False) is Verdict.SPLIT
    assert verdict(Situation.STALLED, sent=False, again=False) is Verdict.SPLIT
    assert verdict(Situation.RESET, sent=True, again=False) is Verdict.LATER
    assert verdict(Situation.RESET, sent=False, again=True) is Verdict.LATER


def test_one_image_that_keeps_failing_ends_in_quarantine() -> None:
    """After `attempts`, so that a person sees it."""
    assert decide(FAULT, attempts=99, parcels=1, options=OPTIONS).verdict is Verdict.LATER
    got = decide(FAULT, attempts=100, parcels=1, options=OPTIONS)
    assert (got.verdict, got.reason) == (Verdict.QUARANTINE, Reason.EXHAUSTED)


@pytest.mark.parametrize(
    "situation",
    [
        Situation.UNRESOLVED,
        Situation.UNCONNECTED,
        Situation.CONNECT_TIMEOUT,
        Situation.TOKEN_UNAVAILABLE,
        Situation.SPOOL_LOST,
    ],
)
def test_an_image_is_never_given_up_because_nobody_was_reached(situation: Situation) -> None:
    """However long the outage."""
    for parcels in (1, 64):
        got = decide(failed(situation), attempts=10**6, parcels=parcels, options=OPTIONS)
        assert got == failed(situation)
    assert decide(BUSY, attempts=10**6, parcels=1, options=OPTIONS) == BUSY


def test_every_situation_has_an_outcome() -> None:
    """The table is complete."""
    assert set(FAILURES) == set(Situation)
