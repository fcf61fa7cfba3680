"""A batch brought to its end: sent, split where that helps, and told parcel by parcel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from watcher.deliver.batch import Batch
from watcher.deliver.outcomes import Answer, Verdict
from watcher.deliver.parcel import Parcel, request_key
from watcher.deliver.retry import decide
from watcher.model import Reason
from watcher.options import DeliverOptions

Note = Callable[[Batch], Awaitable[None]]


async def forget(_: Batch) -> None:
    """Note nothing: for those who do not go on after a crash."""


class Sender(Protocol):
    """What a `Destination` does."""

    def send(self, parcels: Sequence[Parcel], *, again: bool = False) -> Awaitable[Answer]:
        """Send one request."""
        ...


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one batch, which may be a piece of the one that was handed in.

    Its verdict is never SPLIT. A batch that is to be sent later is sent as this one, by its id.
    """

    batch: Batch
    answer: Answer


class Courier:
    """Delivers the batches of one destination.

    Splitting always gives the same pieces, hence the same keys: a batch that is delivered anew
    after a crash meets the answers that its pieces had before.
    """

    def __init__(self, sender: Sender, options: DeliverOptions) -> None:
        self._sender = sender
        self._options = options
        # Frames that have arrived, of Instances that have not yet arrived whole: saves sending
        # them again; forgotten at a restart, when their keys do the same at a higher price.
        self._arrived: dict[str, set[str]] = {}
        # By key, of requests that are to be sent again: how often since the first try that may
        # have been accepted unheard; 0 when there was none.
        self._lost: dict[str, int] = {}

    async def deliver(
        self, batch: Batch, note: Note = forget, *, attempts: int = 1, again: bool = False
    ) -> list[Result]:
        """Deliver a batch; together, the results hold each of its parcels once.

        `note` makes each piece of it durable before that is sent; `attempts` counts this one;
        `again` says that an earlier outcome is unknown.
        """
        if len(batch.parcels) == 1:
            return [await self._instance(batch, note, attempts, again)]
        answer = await self._send(batch.parcels, attempts, again)
        if answer.verdict is not Verdict.SPLIT:
            return [Result(batch, answer)]
        first, second = batch.halves()
        await note(first)
        await note(second)
        again = again or answer.unknown
        for half in (first, second):
            self._lost[request_key(half.parcels)] = 0  # never sent, though its images were
        results = await self.deliver(first, note, again=again)
        if _stops(results[-1].answer):
            return [*results, Result(second, _unsent(results[-1].answer, again))]
        return results + await self.deliver(second, note, again=again)

    async def _send(self, parcels: tuple[Parcel, ...], attempts: int, again: bool) -> Answer:
        key = request_key(parcels)
        # An earlier process does not tell what its tries came to.
        lost = self._lost.pop(key, int(again))
        answer = await self._sender.send(parcels, again=again)
        if lost or (answer.unknown and answer.status is None):
            lost += 1
        decided = decide(
            answer,
            attempts=attempts,
            parcels=len(parcels),
            images=sum(len(parcel.images) for parcel in parcels),
            again=again,
            lost=lost,
            options=self._options,
        )
        if decided.verdict in (Verdict.LATER, Verdict.PAUSE):
            self._lost[key] = lost
        return decided

    async def _instance(self, batch: Batch, note: Note, attempts: int, again: bool) -> Result:
        """One content, in one request or, when its frames are too many, in several."""
        key = batch.parcels[0].key
        arrived = self._arrived.setdefault(key, set())
        result = await self._parts(batch, arrived, attempts, again)
        while result.answer.verdict is Verdict.SPLIT:
            await note(result.batch)
            result = await self._parts(result.batch, arrived, attempts, again)
        if result.answer.verdict in (Verdict.DELIVERED, Verdict.QUARANTINE) or not arrived:
            del self._arrived[key]
        return result

    async def _parts(self, batch: Batch, arrived: set[str], attempts: int, again: bool) -> Result:
        """Send what has not arrived. After SPLIT, the result's batch makes smaller requests."""
        answer = Answer(Verdict.DELIVERED, None, 200)
        for request in batch.requests():
            part = request[0]
            if part.name in arrived:
                continue
            answer = await self._send(request, attempts, again)
            if answer.verdict is Verdict.SPLIT:
                return Result(batch.narrowed(part, by_size=answer.status == 413), answer)
            if answer.verdict is not Verdict.DELIVERED:
                return Result(batch, answer)
            arrived.add(part.name)
        return Result(batch, answer)


def _stops(answer: Answer) -> bool:
    """Whether another request would meet the same; a fault of the backend may be one image's."""
    later = answer.verdict is Verdict.LATER and answer.reason is not Reason.BACKEND_ERROR
    return later or answer.verdict is Verdict.PAUSE


def _unsent(answer: Answer, again: bool) -> Answer:
    return replace(answer, unknown=again, culprit=None)
