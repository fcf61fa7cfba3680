"""Takes hints and sights of files, lets them come to rest and hands them to the outlet, once."""

from __future__ import annotations

import asyncio

from watcher.intake.arrival import Arrival
from watcher.intake.customer import Customer
from watcher.intake.ground import Ground
from watcher.intake.names import is_path_temporary
from watcher.intake.outlet import Outlet
from watcher.intake.scanning import Sight, fingerprint, look_at
from watcher.intake.settling import Key, Settling, Teller
from watcher.intake.watching import Hint, HintBox
from watcher.model import Signature

SETTLING_LIMIT = 65_536
BATCH = 128  # a few milliseconds, after which the loop sees to others


class Desk:
    """Both ways of learning of a file meet here: events as hints, scans as sights."""

    def __init__(self, ground: Ground, box: HintBox, outlet: Outlet) -> None:
        self._ground = ground
        self._box = box
        self._outlet = outlet
        self._settling = Settling(SETTLING_LIMIT)

    @property
    def settling(self) -> int:
        """Files that wait to come to rest."""
        return len(self._settling)

    async def run(self) -> None:
        """Serve hints, and look at files whose quiet time is over, for ever."""
        while True:
            self._box.filled.clear()
            self._notice_losses()
            for hint in self._box.take(BATCH):
                self._take(hint)
            keys = self._settling.due(self._ground.clock(), BATCH)
            if keys:
                await self._look(keys)
            elif len(self._box):
                await asyncio.sleep(0)
            else:
                await self._rest()

    def meet(self, customer: Customer, sight: Sight) -> bool:
        """Take what a scan saw; returns whether it was handed over. A path that is new although
        events were on is remembered: when no event tells of it until the next scan, events have
        missed it."""
        ground = self._ground
        key = (customer.name, sight.path)
        if customer.knows(sight.path, sight.signature):
            return False
        unheard = sight.path not in customer.known and key not in self._settling
        if unheard and customer.caught_up:
            customer.unhinted.add(sight.path)
        age = ground.wall() - sight.signature.mtime_ns / 1e9
        teller = self._settling.offer(key, customer.quiet, sight.signature, ground.clock(), age)
        if teller is not None:
            return self._hand_over(customer, sight.path, sight.signature, teller)
        if key in self._settling:
            self._box.filled.set()  # `run` sleeps for what was due without this file
        return False

    async def _rest(self) -> None:
        due = self._settling.next_due()
        patience = None if due is None else max(due - self._ground.clock(), 0.0)
        try:
            async with asyncio.timeout(patience):
                await self._box.filled.wait()
        except TimeoutError:
            return

    def _notice_losses(self) -> None:
        overflows, collapses = self._box.take_losses()
        self._ground.totals.overflows += overflows
        self._ground.totals.collapses += collapses
        if overflows or collapses:
            self._ground.hurry_all()

    def _take(self, hint: Hint) -> None:
        self._ground.totals.hints += 1
        name, _, path = hint.path.partition("/")
        customer = self._ground.customers.get(name)
        if customer is None:
            if hint.folder:
                self._ground.round_wanted.set()
        elif hint.folder and hint.closed:
            # Moved here with all that is in it: a scan is the quicker way to take it in.
            self._ground.hurry(customer)
        elif path and not hint.folder:
            self._note(customer, path, closed=hint.closed)

    def _note(self, customer: Customer, path: str, *, closed: bool) -> None:
        if customer.condition.mode == "scan":
            return
        if is_path_temporary(path, customer.options.temporary_suffixes):
            return
        customer.unhinted.discard(path)
        now = self._ground.clock()
        if not self._settling.note((customer.name, path), customer.quiet, now, closed=closed):
            self._ground.totals.collapses += 1
            self._ground.hurry(customer)

    async def _look(self, keys: list[Key]) -> None:
        root = self._ground.root
        paths = [f"{root}/{name}/{path}" for name, path in keys]
        looks = await self._ground.call(lambda: [look_at(path) for path in paths])
        now, wall = self._ground.clock(), self._ground.wall()
        for key, signature in zip(keys, looks, strict=True):
            self._judge(key, signature, now, wall)

    def _judge(self, key: Key, signature: Signature | None, now: float, wall: float) -> None:
        name, path = key
        customer = self._ground.customers.get(name)
        if customer is None or signature is None or customer.knows(path, signature):
            self._settling.drop(key)
            return
        age = wall - signature.mtime_ns / 1e9
        teller = self._settling.look(key, signature, now, age)
        if teller is not None:
            self._hand_over(customer, path, signature, teller)

    def _hand_over(
        self, customer: Customer, path: str, signature: Signature, teller: Teller
    ) -> bool:
        wall = self._ground.wall()
        arrival = Arrival(customer.name, path, signature, wall, teller)
        if not self._outlet.put(arrival):
            customer.held_back = True
            return False
        customer.known[path] = fingerprint(signature)
        if teller == "event":
            self._ground.totals.arrivals_by_event += 1
        else:
            self._ground.totals.arrivals_by_scan += 1
        return True
