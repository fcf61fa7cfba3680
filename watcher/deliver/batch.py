"""Which images travel together: pure grouping, and a batch's identity that survives a restart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

from watcher.deliver.parcel import Parcel, digest
from watcher.model import StudyFields


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one request may hold at most. A single image beyond it still goes, alone."""

    images: int
    bytes: int

    def hold(self, images: int, size: int) -> bool:
        """Whether so much fits."""
        return images <= self.images and size <= self.bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """Parcels of one Series that are sent, and sent again, together.

    Kept beside its members, `id` is all that is needed to send the same bytes with the same keys
    after a restart, whatever the settings say by then.
    """

    parcels: tuple[Parcel, ...]
    bounds: Bounds

    @classmethod
    def of(cls, parcels: Iterable[Parcel], bounds: Bounds) -> Self:
        """A batch in the one order that its members have in any process."""
        return cls(tuple(sorted(parcels, key=lambda parcel: parcel.key)), bounds)

    @property
    def id(self) -> str:
        """Members and bounds in one word."""
        members = digest(parcel.name for parcel in self.parcels)
        return f"{members[:32]}.{self.bounds.images}.{self.bounds.bytes}"

    @property
    def images(self) -> int:
        """How many images it holds."""
        return sum(len(parcel.images) for parcel in self.parcels)

    def halves(self) -> tuple[Batch, Batch]:
        """Two batches, of parcels; the same two at any time."""
        middle = len(self.parcels) // 2
        first, second = self.parcels[:middle], self.parcels[middle:]
        return Batch(first, self.bounds), Batch(second, self.bounds)

    def narrowed(self, part: Parcel, *, by_size: bool) -> Batch:
        """The same, of an Instance of which `part` is too much for one request."""
        if by_size:
            return replace(self, bounds=replace(self.bounds, bytes=part.size - 1))
        return replace(self, bounds=replace(self.bounds, images=len(part.images) - 1))

    def requests(self) -> list[tuple[Parcel, ...]]:
        """One request; or, for one Instance of more frames than fit, as many as it needs."""
        if len(self.parcels) > 1 or self.bounds.hold(self.images, self.parcels[0].size):
            return [self.parcels]
        return [(part,) for part in _parts(self.parcels[0], self.bounds)]


def restored(id_: str, parcels: Iterable[Parcel]) -> Batch | None:
    """The batch with this id, if exactly these are its members."""
    try:
        _, images, size = id_.split(".")
        batch = Batch.of(parcels, Bounds(int(images), int(size)))
    except ValueError:
        return None
    return batch if batch.parcels and batch.id == id_ else None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A parcel that wants to go, since when (seconds)."""

    parcel: Parcel
    since: float


def grouped(
    waiting: Sequence[Waiting],
    bounds: Bounds,
    linger: float,
    now: float,
    busy: frozenset[StudyFields] = frozenset(),
) -> tuple[list[Batch], float | None]:
    """The batches that should go now, and the time at which to look again for the rest.

    `busy` are the Series with a request under way: only theirs are held back, for `linger`
    seconds, to travel together; an image alone goes at once.
    """
    ready: list[Batch] = []
    again: float | None = None
    for study, group in _by_series(waiting).items():
        for filled in _filled(group, bounds):
            due = min(w.since for w in filled) + linger
            last = filled[-1] is group[-1]
            if last and study in busy and now < due and _open(filled, bounds):
                again = due if again is None else min(again, due)
            else:
                ready.append(Batch.of((w.parcel for w in filled), bounds))
    return ready, again


def _by_series(waiting: Sequence[Waiting]) -> dict[StudyFields, list[Waiting]]:
    groups: dict[StudyFields, list[Waiting]] = {}
    for item in waiting:
        groups.setdefault(item.parcel.study, []).append(item)
    return groups


def _filled(group: Sequence[Waiting], bounds: Bounds) -> list[list[Waiting]]:
    """In their order, as many together as the bounds hold; a larger one is alone."""
    batches: list[list[Waiting]] = []
    images = size = 0
    for item in group:
        images += len(item.parcel.images)
        size += item.parcel.size
        if batches and bounds.hold(images, size):
            batches[-1].append(item)
        else:
            batches.append([item])
            images, size = len(item.parcel.images), item.parcel.size
    return batches


def _open(items: Sequence[Waiting], bounds: Bounds) -> bool:
    """Whether another image could still join."""
    images = sum(len(w.parcel.images) for w in items)
    return images < bounds.images and sum(w.parcel.size for w in items) < bounds.bytes


def _parts(parcel: Parcel, bounds: Bounds) -> list[Parcel]:
    """An Instance's frames in halves, and halves of halves, until each fits.

    Narrower bounds only part what no longer fits: the keys of the other requests stay.
    """
    frames = len(parcel.images)
    if frames == 1 or bounds.hold(frames, parcel.size):
        return [parcel]
    halves = parcel.part(0, frames // 2), parcel.part(frames // 2, frames)
    return [part for half in halves for part in _parts(half, bounds)]
