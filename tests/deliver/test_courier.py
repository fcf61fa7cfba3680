"""A batch is brought to its end: split until the bad image stands alone, accepted once."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.deliver.test_batch import WIDE, parcel
from watcher.deliver.batch import Batch, Bounds, restored
from watcher.deliver.courier import Courier, Result
from watcher.deliver.outcomes import Answer, Situation, Verdict, failed
from watcher.deliver.parcel import Parcel, request_key
from watcher.model import Reason
from watcher.options import DeliverOptions

OPTIONS = DeliverOptions(split_after=2, attempts=6)
GOOD = Answer(Verdict.DELIVERED, None, 200)
LOST = failed(Situation.RESET, sent=True)


class Backend:
    """A backend that honours keys; `judge` says what it thinks of a request."""

    def __init__(self, judge: Callable[[Sequence[Parcel]], Answer]) -> None:
        self.judge = judge
        self.keys: set[str] = set()
        self.accepted: Counter[tuple[str, int | None]] = Counter()
        self.requests = 0
        self.again: list[bool] = []

    async def send(self, parcels: Sequence[Parcel], *, again: bool = False) -> Answer:
        """One request. LOST means accepted, but the answer did not arrive."""
        self.requests += 1
        self.again.append(again)
        if request_key(parcels) in self.keys:
            return GOOD
        answer = self.judge(parcels)
        if answer in (GOOD, LOST):
            self.keys.add(request_key(parcels))
            self.accepted.update((p.key, i.frame_number) for p in parcels for i in p.images)
        return answer


def rejecting(*bad: str, status: int = 400) -> Callable[[Sequence[Parcel]], Answer]:
    """A judge who does not like these."""

    def judge(parcels: Sequence[Parcel]) -> Answer:
        if not any(p.key in bad for p in parcels):
            return GOOD
        verdict = Verdict.SPLIT if len(parcels) > 1 else Verdict.QUARANTINE
        return Answer(verdict, Reason.REJECTED, status)

    return judge


def limited(limit: int) -> Callable[[Sequence[Parcel]], Answer]:
    """A proxy that takes so many bytes."""

    def judge(parcels: Sequence[Parcel]) -> Answer:
        if sum(p.size for p in parcels) <= limit:
            return GOOD
        many = sum(len(p.images) for p in parcels) > 1
        return Answer(Verdict.SPLIT if many else Verdict.QUARANTINE, Reason.REJECTED, 413)

    return judge


def verdicts(results: list[Result]) -> dict[str, Verdict]:
    """By parcel."""
    return {p.key: r.answer.verdict for r in results for p in r.batch.parcels}


def batch_of(*names: str) -> Batch:
    """One of single images."""
    return Batch.of([parcel(name, 10) for name in names], WIDE)


async def test_a_rejected_batch_is_split_until_the_bad_image_stands_alone() -> None:
    """The others arrive, in few requests."""
    names = [f"{n:02}" for n in range(64)]
    backend = Backend(rejecting("17"))
    got = verdicts(await Courier(backend, OPTIONS).deliver(batch_of(*names)))
    assert got == {n: Verdict.QUARANTINE if n == "17" else Verdict.DELIVERED for n in names}
    assert backend.requests == 1 + 2 * 6
    assert set(backend.accepted.values()) == {1}


async def test_a_piece_is_noted_before_it_is_sent() -> None:
    """After a crash the same pieces are sent, whatever the backend says to the whole by then."""
    backend, noted = Backend(rejecting("1")), list[set[str]]()

    async def note(piece: Batch) -> None:
        assert not {p.key for p in piece.parcels} & backend.accepted.keys()
        noted.append({p.key for p in piece.parcels})

    await Courier(backend, OPTIONS).deliver(batch_of("0", "1", "2", "3"), note)
    assert noted == [{"0", "1"}, {"2", "3"}, {"0"}, {"1"}]


async def test_413_splits_by_size() -> None:
    """Down to what fits; one image that is too large alone is refused."""
    sizes = {"a": 10, "b": 90, "c": 300, "d": 10, "e": 60}
    backend = Backend(limited(100))
    batch = Batch.of([parcel(k, s) for k, s in sizes.items()], WIDE)
    got = verdicts(await Courier(backend, OPTIONS).deliver(batch))
    assert got == dict.fromkeys("abde", Verdict.DELIVERED) | {"c": Verdict.QUARANTINE}


async def test_an_instance_of_many_frames_goes_in_parts() -> None:
    """By the bounds, and by what a proxy takes; every frame once."""
    backend = Backend(limited(35))
    batch = Batch.of([parcel("a", *[10] * 50)], Bounds(20, 10**6))
    (result,) = await Courier(backend, OPTIONS).deliver(batch)
    assert result.answer.verdict is Verdict.DELIVERED
    assert backend.accepted == Counter({("a", n): 1 for n in range(1, 51)})


async def test_frames_that_arrived_are_not_sent_again() -> None:
    """And after a restart, when only the id is left, their keys are the same."""
    backend = Backend(limited(35))
    batch = Batch.of([parcel("a", *[10] * 16)], Bounds(100, 10**6))
    courier = Courier(backend, OPTIONS)
    good = backend.judge

    def fails_after_two(parcels: Sequence[Parcel]) -> Answer:
        return good(parcels) if len(backend.keys) < 2 else LOST

    backend.judge = fails_after_two
    (result,) = await courier.deliver(batch)
    assert result.answer.verdict is Verdict.LATER
    backend.judge = good
    again = restored(result.batch.id, [parcel("a", *[10] * 16)])
    assert again is not None
    before = backend.requests
    (result,) = await courier.deliver(result.batch, again=True)
    remembered = backend.requests - before
    (other,) = await Courier(backend, OPTIONS).deliver(again, again=True)
    assert result.answer.verdict is other.answer.verdict is Verdict.DELIVERED
    assert backend.accepted == Counter({("a", n): 1 for n in range(1, 17)})
    assert remembered < backend.requests - before - remembered


async def test_what_may_have_been_accepted_is_asked_for_after_a_split() -> None:
    """`again` goes on to the pieces, also when only this answer made the outcome unknown."""
    fault = Answer(Verdict.LATER, Reason.BACKEND_ERROR, 500, detail="status 500", unknown=True)
    backend = Backend(lambda parcels: fault if len(parcels) > 1 else GOOD)
    await Courier(backend, OPTIONS).deliver(batch_of("0", "1"), attempts=OPTIONS.split_after)
    assert backend.again == [False, True, True]


async def test_after_a_lost_connection_the_rest_is_not_tried() -> None:
    """It would meet the same; it goes later, as the batch it is."""
    names = [f"{n}" for n in range(8)]
    backend = Backend(rejecting("0"))
    judge = backend.judge
    backend.judge = lambda parcels: judge(parcels) if backend.requests < 5 else LOST
    results = await Courier(backend, OPTIONS).deliver(batch_of(*names))
    later = [r for r in results if r.answer.verdict is Verdict.LATER]
    assert sorted(k for r in results for k in verdicts([r])) == names
    assert later
    assert backend.requests < 8
    assert all(restored(r.batch.id, r.batch.parcels) == r.batch for r in later)


async def test_a_poison_image_does_not_hold_up_its_neighbours() -> None:
    """The backend fails on it each time; after some tries the others go without it."""
    fault = Answer(Verdict.LATER, Reason.BACKEND_ERROR, 500, detail="status 500", unknown=True)
    backend = Backend(lambda ps: fault if any(p.key == "3" for p in ps) else GOOD)
    courier = Courier(backend, OPTIONS)
    names = [f"{n}" for n in range(8)]
    (first,) = await courier.deliver(batch_of(*names), attempts=1)
    assert first.answer.verdict is Verdict.LATER
    got = verdicts(await courier.deliver(first.batch, attempts=2))
    waiting = {k for k, v in got.items() if v is Verdict.LATER}
    for attempts in range(3, 7):
        batch = batch_of(*sorted(waiting))
        got |= verdicts(await courier.deliver(batch, attempts=attempts))
        waiting = {k for k, v in got.items() if v is Verdict.LATER}
    assert got == {n: Verdict.QUARANTINE if n == "3" else Verdict.DELIVERED for n in names}
    assert set(backend.accepted.values()) == {1}


class Faltering(Backend):
    """After its first answer the connection breaks so often before a whole request is out."""

    def __init__(self, judge: Callable[[Sequence[Parcel]], Answer], breaks: int) -> None:
        super().__init__(judge)
        self.breaks = breaks

    async def send(self, parcels: Sequence[Parcel], *, again: bool = False) -> Answer:
        """One request."""
        if self.requests and self.breaks:
            self.breaks -= 1
            return failed(Situation.RESET)
        return await super().send(parcels, again=again)


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_lost_acceptance_is_not_forgotten_over_clearer_failures(restarts: bool) -> None:
    """More of them than a batch is split after: it still goes as the one request that it was."""
    backend, batch = Faltering(lambda _: LOST, 5), batch_of("0", "1", "2")
    courier = Courier(backend, OPTIONS)
    for attempts in range(1, 8):
        results = await courier.deliver(batch, attempts=attempts, again=attempts > 1)
        assert [result.batch for result in results] == [batch]
        courier = Courier(backend, OPTIONS) if restarts else courier
    assert results[0].answer.verdict is Verdict.DELIVERED
    assert set(backend.accepted.values()) == {1}


async def test_what_was_never_sent_whole_is_split_soon() -> None:
    """No acceptance can have been lost: one image may be to blame, and the others need not wait."""
    broken = failed(Situation.RESET)
    backend = Backend(lambda parcels: broken if len(parcels) > 1 else GOOD)
    courier, batch = Courier(backend, OPTIONS), batch_of("0", "1")
    (first,) = await courier.deliver(batch)
    assert first.answer.verdict is Verdict.LATER
    results = await courier.deliver(batch, attempts=2, again=True)
    assert [result.answer.verdict for result in results] == [Verdict.DELIVERED] * 2


async def test_a_pause_stops_everything() -> None:
    """The second half is not sent to a backend that does not know us."""
    backend = Backend(rejecting("0"))
    judge = backend.judge
    pause = Answer(Verdict.PAUSE, Reason.DESTINATION_PAUSED, 401)
    backend.judge = lambda parcels: judge(parcels) if backend.requests < 2 else pause
    results = await Courier(backend, OPTIONS).deliver(batch_of("0", "1", "2", "3"))
    assert set(verdicts(results).values()) == {Verdict.PAUSE}
    assert backend.requests == 2


@given(
    st.integers(1, 12),
    st.sets(st.integers(0, 11)),
    st.integers(0, 10**6),
    st.integers(0, 40),
    st.booleans(),
)
async def test_whatever_happens_each_image_is_accepted_once_or_refused(
    count: int, bad: set[int], seed: int, limit: int, restarts: bool
) -> None:
    """Random losses before and after acceptance, rejections, a byte limit, and restarts that
    leave nothing but batch ids: none is lost, none accepted twice."""
    rng = random.Random(seed)
    names = [f"{n:02}" for n in range(count)]
    rejected = {f"{n:02}" for n in bad}
    by_name, by_size = rejecting(*rejected), limited(max(10, limit))

    def judge(parcels: Sequence[Parcel]) -> Answer:
        chance = rng.random()
        if chance < 0.1:
            return failed(Situation.RESET)
        verdict = by_size(parcels)
        verdict = by_name(parcels) if verdict == GOOD else verdict
        return LOST if verdict == GOOD and chance < 0.3 else verdict

    backend = Backend(judge)
    options = DeliverOptions(attempts=10**6)
    courier = Courier(backend, options)
    frames = {n: [10] * rng.randint(1, 3) for n in names}
    waiting = {Batch.of([parcel(n, *frames[n]) for n in names], WIDE).id: names}
    done: dict[str, Verdict] = {}
    for _ in range(1000):
        if not waiting:
            break
        id_, members = waiting.popitem()
        batch = restored(id_, [parcel(n, *frames[n]) for n in members])
        assert batch is not None
        if restarts and rng.random() < 0.3:
            courier = Courier(backend, options)
        results = await courier.deliver(batch, attempts=options.split_after, again=True)
        if restarts and rng.random() < 0.1:
            waiting[id_] = members  # killed before the results were written down
            continue
        for result in results:
            if result.answer.verdict is Verdict.LATER:
                waiting[result.batch.id] = [p.key for p in result.batch.parcels]
            else:
                done |= verdicts([result])
    assert done.keys() == set(names)
    wanted = {
        (n, f + 1 if len(frames[n]) > 1 else None) for n in names for f in range(len(frames[n]))
    }
    assert {k for k in wanted if done[k[0]] is Verdict.DELIVERED} == backend.accepted.keys()
    assert set(backend.accepted.values()) <= {1}
    assert {n for n in names if done[n] is Verdict.QUARANTINE} == rejected & set(names)
