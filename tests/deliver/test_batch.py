"""Which images travel together, and the identity of a batch over restarts."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.deliver.parcels import uid
from watcher.deliver.batch import Batch, Bounds, Waiting, grouped, restored
from watcher.deliver.parcel import Parcel, request_key
from watcher.model import ImageFields, SpoolFile, StudyFields

STUDIES = [StudyFields(uid(), uid(), "A", "P") for _ in range(3)]
WIDE = Bounds(64, 1 << 25)
SIZES = st.lists(st.integers(1, 50), min_size=2, max_size=40)


def parcel(key: str, *sizes: int, study: StudyFields = STUDIES[0]) -> Parcel:
    """A parcel of images of these sizes in bytes of base64."""
    none = SpoolFile("", 0, "")
    images = [
        ImageFields(
            *("1.2", "1.2", 1, 1, 1.0, 0.0, "MONOCHROME2", 1, 8, 8, 7),
            text=SpoolFile(f"{key}.{n}", size, ""),
            png=none,
            frame_number=n + 1 if len(sizes) > 1 else None,
        )
        for n, size in enumerate(sizes)
    ]
    return Parcel(key, study, tuple(images), Path())


def waiting(*parcels: Parcel, since: float = 0.0) -> list[Waiting]:
    """All waiting since then."""
    return [Waiting(p, since) for p in parcels]


def keys(batches: list[Batch]) -> list[list[str]]:
    """Who travels with whom."""
    return [[p.key for p in batch.parcels] for batch in batches]


def test_one_image_alone_is_not_held_back() -> None:
    """Its series has nothing under way."""
    ready, again = grouped(waiting(parcel("a", 10)), WIDE, 5.0, 0.0)
    assert (keys(ready), again) == ([["a"]], None)


def test_while_its_series_is_being_sent_it_waits_for_its_neighbours() -> None:
    """For `linger` seconds at most."""
    busy = frozenset({STUDIES[0]})
    some = waiting(parcel("a", 10), parcel("b", 10), since=100.0)
    assert grouped(some, WIDE, 5.0, 104.9, busy) == ([], 105.0)
    ready, again = grouped(some, WIDE, 5.0, 105.0, busy)
    assert (keys(ready), again) == ([["a", "b"]], None)


def test_another_series_does_not_wait() -> None:
    """Only a busy one does."""
    both = waiting(parcel("a", 10), parcel("b", 10, study=STUDIES[1]), since=1.0)
    ready, again = grouped(both, WIDE, 5.0, 2.0, frozenset({STUDIES[0]}))
    assert (keys(ready), again) == ([["b"]], 6.0)


def test_a_full_batch_does_not_wait() -> None:
    """Nobody could join it."""
    four = waiting(*(parcel(k, 10) for k in "abcd"))
    ready, again = grouped(four, Bounds(2, 1000), 5.0, 0.0, frozenset({STUDIES[0]}))
    assert (keys(ready), again) == ([["a", "b"], ["c", "d"]], None)


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 50), st.integers(1, 3)), max_size=40),
    st.integers(1, 8),
    st.integers(1, 120),
)
def test_every_parcel_is_in_one_batch_of_its_series_within_bounds(
    shapes: list[tuple[int, int, int]], images: int, size: int
) -> None:
    """A single parcel beyond the bounds is alone."""
    bounds = Bounds(images, size)
    parcels = [
        parcel(f"{n:03}", *[s] * frames, study=STUDIES[which])
        for n, (which, s, frames) in enumerate(shapes)
    ]
    ready, again = grouped(waiting(*parcels), bounds, 1.0, 0.0)
    assert again is None
    assert sorted(k for ks in keys(ready) for k in ks) == [p.key for p in parcels]
    for batch in ready:
        assert len({p.study for p in batch.parcels}) == 1
        fits = bounds.hold(batch.images, sum(p.size for p in batch.parcels))
        assert fits or len(batch.parcels) == 1


@given(st.permutations([f"key-{n}" for n in range(7)]), st.integers(1, 9), st.integers(1, 99))
def test_a_batch_is_restored_from_its_id(order: list[str], images: int, size: int) -> None:
    """Whatever order the members come back in; same id, same key, same bytes."""
    batch = Batch.of([parcel(k, 5) for k in sorted(order)], Bounds(images, size))
    again = restored(batch.id, [parcel(k, 5) for k in order])
    assert again == batch
    assert again is not None
    assert request_key(again.parcels) == request_key(batch.parcels)


def test_a_batch_with_other_members_is_not_the_same() -> None:
    """One fewer, one more, or nonsense: then there is nothing to restore."""
    members = [parcel(k, 5) for k in "abc"]
    batch = Batch.of(members, WIDE)
    assert restored(batch.id, members[:2]) is None
    assert restored(batch.id, [*members, parcel("d", 5)]) is None
    assert restored(batch.id, []) is None
    for nonsense in ("", "x", "a.b.c", "1.2", batch.id + ".3"):
        assert restored(nonsense, members) is None


def test_halves_are_the_same_two_every_time() -> None:
    """And have keys of their own."""
    members = [parcel(k, 5) for k in "abcde"]
    shuffled = random.Random(1).sample(members, 5)
    one, two = Batch.of(members, WIDE), Batch.of(shuffled, WIDE)
    assert one.halves() == two.halves()
    assert keys(list(one.halves())) == [["a", "b"], ["c", "d", "e"]]
    assert len({request_key(b.parcels) for b in (one, *one.halves())}) == 3


@given(
    st.lists(st.integers(1, 50), min_size=2, max_size=40), st.integers(1, 40), st.integers(1, 200)
)
def test_frames_that_do_not_fit_go_in_several_requests(
    sizes: list[int], images: int, size: int
) -> None:
    """In order, each once, each within bounds or alone, each knowing the number of frames."""
    bounds = Bounds(images, size)
    batch = Batch.of([parcel("a", *sizes)], bounds)
    parts = [request[0] for request in batch.requests()]
    assert [i.frame_number for p in parts for i in p.images] == list(range(1, len(sizes) + 1))
    assert {p.number_of_frames for p in parts} == {len(sizes)}
    assert all(bounds.hold(len(p.images), p.size) or len(p.images) == 1 for p in parts)
    assert len({p.name for p in parts}) == len(parts)


@given(SIZES, st.integers(20, 500))
def test_narrower_bounds_keep_the_other_requests_keys(sizes: list[int], limit: int) -> None:
    """What a backend with a fixed limit has accepted is never sent under another key."""
    batch = Batch.of([parcel("a", *sizes)], Bounds(1000, 10**6))
    accepted: dict[str, Parcel] = {}
    sent: list[int | None] = []
    rejected = True
    while rejected:
        rejected = False
        for (part,) in batch.requests():
            if part.name in accepted:
                continue
            if part.size > limit and len(part.images) > 1:
                batch, rejected = batch.narrowed(part, by_size=True), True
                break
            accepted[part.name] = part
            sent += [i.frame_number for i in part.images]
        again = restored(batch.id, batch.parcels)
        assert again == batch
    assert sorted(sent, key=str) == sorted(range(1, len(sizes) + 1), key=str)


@pytest.mark.parametrize("change", [{"patient_age": "050Y"}, {"accession_number": "B"}])
def test_other_fields_are_another_request(change: dict[str, str]) -> None:
    """One request has one study object."""
    other = parcel("b", 5, study=replace(STUDIES[0], **change))
    ready, _ = grouped(waiting(parcel("a", 5), other), WIDE, 0.0, 0.0)
    assert keys(ready) == [["a"], ["b"]]
