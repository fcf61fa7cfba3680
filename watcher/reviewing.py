"""What the page knows and does: the overview, and a person's review of what is in quarantine."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from watcher import operations, overview
from watcher.auditing import is_ours, user_of
from watcher.errors import NotPossibleError
from watcher.job import Job, Look, Ruling, Seen
from watcher.model import Review, State
from watcher.operations import Answer, Person
from watcher.page.caller import Caller
from watcher.pipeline import Pipeline, original_there
from watcher.settings import Settings
from watcher.store import queries
from watcher.store.audit import Audit, Deed
from watcher.store.history import Count, counts
from watcher.store.records import Row
from watcher.store.spool import Spool, write_durably
from watcher.store.writer import Writer
from watcher.workers import Workers

Told = dict[str, Any]
_STRETCHES = {24: 1800.0, 168: 10800.0}
_MOST_HELD = 1000
_MOST_BOXES = 500
_FAR = 1 << 17


class _Wish(BaseModel):
    """What the browser sends; boxes are (left, top, right, bottom) and go for every frame."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    id: str = Field(pattern=r"^[0-9a-f]{16}$")
    verb: str = Field("look", pattern=r"^(look|approve|reject|release|rule)$")
    frame: int = Field(0, ge=0)
    boxes: tuple[tuple[int, int, int, int], ...] | None = Field(None, max_length=_MOST_BOXES)
    digest: str = Field("", pattern=r"^((blake3:)?[0-9a-f]{64})?$")
    under: bool = False
    values: bool = False

    @property
    def everywhere(self) -> tuple[tuple[int, int, int, int, int], ...] | None:
        """The boxes, for every frame; None when it has none of its own."""
        if self.boxes is None:
            return None
        return tuple((0, *box) for box in self.boxes)


def _wish(told: Told) -> _Wish:
    try:
        wish = _Wish.model_validate(told)
    except ValidationError:
        raise NotPossibleError("the page asked for what does not exist") from None
    for left, top, right, bottom in wish.boxes or ():
        if not (0 <= left < right <= _FAR and 0 <= top < bottom <= _FAR):
            raise NotPossibleError("a box is empty or outside of any picture")
    return wish


@dataclass(frozen=True, slots=True)
class Reviewing:
    """The desk behind the page. Everything from outside is opened in a worker."""

    current: Callable[[], Settings]
    spool: Spool
    writer: Writer
    workers: Workers
    pipeline: Pipeline
    audit: Audit
    on_queued: Callable[[], None]

    @property
    def settings(self) -> Settings:
        """As they are now: they can be reloaded."""
        return self.current()

    async def overview(self) -> Told:
        """See `watcher.page.routes.Desk`; this and the following."""
        seen = await asyncio.to_thread(overview.look, self.settings, time.time())
        customers = [
            {**dataclasses.asdict(view), "pending": view.tally.pending} for view in seen.customers
        ]
        return {
            "at": seen.at,
            "customers": customers,
            "pending": seen.pending,
            "rate": seen.rate,
            "to_go": seen.to_go,
            "disk": {"free": seen.disk_free, "total": seen.disk_total, "open": seen.disk_open},
            "errors": seen.errors,
        }

    async def history(self, hours: int) -> Told:
        """Ends by customer, stretch and state."""
        now, stretch = time.time(), _STRETCHES[hours]
        since = (now - hours * 3600) // stretch * stretch
        found = await asyncio.to_thread(self._counts, since, stretch)
        return {
            "since": since,
            "until": now,
            "stretch": stretch,
            "counts": [dataclasses.asdict(count) for count in found],
        }

    def _counts(self, since: float, stretch: float) -> list[Count]:
        with closing(queries.reader(self.settings.state / "ledger.sqlite")) as db:
            return counts(db, since, stretch)

    async def held(self) -> Told:
        """What waits for a person, the oldest first."""
        rows = await self.writer.run(
            lambda ledger: list(queries.in_state(ledger.connection, State.QUARANTINED))
        )
        shown = [
            {name: getattr(row, name) for name in ("id", "customer", "reason", "detail")}
            | {"since": row.changed_at}
            for row in rows[:_MOST_HELD]
        ]
        return {"held": shown, "total": len(rows)}

    async def look(self, told: Told, caller: Caller) -> Told:
        """One file; what could name a patient only when asked for, and then the audit tells."""
        wish = self._allowed(told, caller)
        row = await self._row(wish.id)
        boxes = () if wish.under else wish.everywhere
        if wish.under or wish.values:
            await self._tell_shown(row, wish, caller)
        seen = await self._seen(row, Look(self._job(row), wish.frame, boxes, wish.values))
        facts = {name: getattr(row, name) for name in ("id", "customer", "reason", "detail")}
        shown = {
            name: getattr(seen, name)
            for name in ("frames", "rows", "columns", "verdict", "device", "header")
        }
        return {
            **facts,
            **shown,
            "why": seen.detail,
            "digest": seen.source_digest,
            "boxes": [box[1:] for box in seen.boxes],
            "picture": base64.b64encode(seen.png).decode(),
            "ruleable": self.settings.of(row.customer).pixels.recipe is not None,
        }

    async def decide(self, told: Told, caller: Caller) -> Told:
        """Approve with boxes, reject, try again, or make the boxes a rule of the device."""
        wish = self._allowed(told, caller)
        row = await self._row(wish.id)
        person, now = Person(_name(caller), self.audit), time.time()
        there = await asyncio.to_thread(original_there, self.settings.intake.root, row)
        if wish.verb == "rule":
            return await self._rule(row, wish, person)
        if wish.verb == "approve":
            if wish.boxes is None or not wish.digest:
                raise NotPossibleError("an approval needs the boxes of what was looked at")
            review = Review(wish.digest, wish.everywhere or (), person.name)
            answer: Answer = await self.writer.run(
                lambda it: operations.approve(it, self.spool, person, row.id, review, there, now)
            )
        elif wish.verb in ("reject", "release"):
            answer = await self.writer.run(
                lambda it: operations.act(it, self.spool, person, wish.verb, row.id, there, now)
            )
        else:
            raise NotPossibleError("that is no decision")
        self.on_queued()
        return answer

    def _allowed(self, told: Told, caller: Caller) -> _Wish:
        """Patients' pictures are not for every user of this machine who can reach a port."""
        if self.settings.observe.token_file is None and not is_ours(caller.uid):
            raise NotPossibleError(
                "only root, the gateway's user and the members of its group may review; "
                "others with the token of observe.token_file"
            )
        return _wish(told)

    async def _rule(self, row: Row, wish: _Wish, person: Person) -> Told:
        recipe = self.settings.of(row.customer).pixels.recipe
        if recipe is None:
            raise NotPossibleError('there is no site recipe: set recipe = "..." in [pixels]')
        if not wish.boxes:
            raise NotPossibleError("a rule needs a box")
        seen = await self._seen(row, Look(self._job(row)))
        whole = await self.workers.rule(Ruling(recipe, seen.device, wish.boxes))
        if not isinstance(whole, str):
            raise NotPossibleError(f"no rule: {whole.detail or whole.reason}")
        facts = {"device": seen.device_key, "rule": recipe.name}
        await self.writer.run(
            lambda it: operations.note_rule(it, person, row.customer, facts, time.time())
        )
        await asyncio.to_thread(write_durably, recipe, whole.encode())
        self.pipeline.renew()  # the worker has checked it as a whole
        return {"id": row.id, "device": seen.device_key, "recipe": recipe.name}

    async def _tell_shown(self, row: Row, wish: _Wish, caller: Caller) -> None:
        person, now = Person(_name(caller), self.audit), time.time()
        what = " ".join(name for name in ("under", "values") if getattr(wish, name))
        await self.writer.run(
            lambda it: person.did(it, Deed.VALUES_SHOWN, row, now, {"shown": what})
        )

    async def _row(self, id_: str) -> Row:
        row = await self.writer.run(lambda ledger: ledger.get(id_))
        if row is None or row.state is not State.QUARANTINED:
            raise NotPossibleError("it is not in quarantine any more")
        return row

    def _job(self, row: Row) -> Job:
        return self.pipeline.job(dataclasses.replace(row, origin="quarantine", review=None))

    async def _seen(self, row: Row, wish: Look) -> Seen:
        seen = await self.workers.look(wish)
        if not isinstance(seen, Seen):
            raise NotPossibleError(f"it cannot be shown: {seen.reason} {seen.detail}".strip())
        return seen


def _name(caller: Caller) -> str:
    """A caller as the audit names them."""
    who = "unknown" if caller.uid is None else user_of(caller.uid)
    where = caller.address and f" at {caller.address}"
    return f"page, {caller.name + ', ' if caller.name else ''}{who}{where}"
