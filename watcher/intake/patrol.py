"""The rounds: who is a customer, is each folder still the one it was, is it time for a scan?"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from watcher.intake.arrival import FolderHealth, Health, Trouble
from watcher.intake.customer import Condition, Customer
from watcher.intake.desk import Desk
from watcher.intake.ground import Ground
from watcher.intake.guard import Guard
from watcher.intake.mounts import wants_events
from watcher.intake.outlet import Outlet
from watcher.intake.scanning import Census, Identity, Sweep, identify, take_census

ROUND_EVERY = 1.0
BREATH = 0.01
STUCK_AFTER = 120.0
FORGET_MISSING_AFTER = 86_400.0
SLICE = 100
_OUT_OF_REACH = frozenset({Trouble.MISSING, Trouble.UNREADABLE})


class Patrol:
    """One round is a census of the root and, side by side, a visit to each customer's folder.

    A visit that hangs (a dead network mount) is left to hang: it is shown, and holds up nobody.
    """

    def __init__(self, ground: Ground, guard: Guard, desk: Desk, outlet: Outlet) -> None:
        self._ground = ground
        self._guard = guard
        self._desk = desk
        self._outlet = outlet
        self._root = Condition()
        self._census: Census | None = None
        self._visits: dict[str, asyncio.Task[None]] = {}
        self._busy_since: dict[str, float] = {}
        self._failure: BaseException | None = None

    async def run(self) -> None:
        """Go round for ever; what nobody foresaw in a visit is raised here."""
        try:
            while self._failure is None:
                self._ground.round_wanted.clear()
                self._busy_since[""] = self._ground.wall()
                await self._round()
                del self._busy_since[""]
                await self._rest()
            raise self._failure
        finally:
            for visit in self._visits.values():
                visit.cancel()
            await asyncio.gather(*self._visits.values(), return_exceptions=True)

    @property
    def loose_files(self) -> int:
        """What lies directly in the root and belongs to nobody."""
        return 0 if self._census is None else self._census.loose_files

    def is_settled(self) -> bool:
        """Whether each customer's folder was scanned, or cannot be, and none asks for more."""
        return self._census is not None and not any(
            each.held_back or each.schedule.hurried or each.schedule.running
            for each in self._ground.customers.values()
            if each.condition.trouble not in _OUT_OF_REACH
        )

    def health(self) -> Health:
        """How the root and each customer's folder are doing."""
        customers = {
            name: self._shown(name, customer.condition)
            for name, customer in self._ground.customers.items()
        }
        illegal = () if self._census is None else self._census.illegal
        return Health(self._shown("", self._root), customers, illegal)

    def _shown(self, name: str, condition: Condition) -> FolderHealth:
        health = condition.snapshot()
        since = self._busy_since.get(name)
        if since is None or self._ground.wall() - since < STUCK_AFTER:
            return health
        return replace(health, trouble=Trouble.STUCK, since=since)

    async def _rest(self) -> None:
        await asyncio.sleep(BREATH)
        try:
            async with asyncio.timeout(ROUND_EVERY):
                await self._ground.round_wanted.wait()
        except TimeoutError:
            return

    async def _round(self) -> None:
        ground = self._ground
        try:
            census = await ground.call(lambda: take_census(ground.root))
        except OSError as error:
            self._root.set(_trouble(error), ground.wall())
            return
        if self._census is not None and census.identity != self._census.identity:
            await self._guard.reset(ground.customers.values())
            ground.hurry_all()
        elif self._root.trouble in _OUT_OF_REACH:
            ground.hurry_all()  # events that told of paths below an absent root led nowhere
        await self._guard.ensure_root(ground.customers.values(), ground.clock())
        self._root.mode = self._guard.mode
        self._root.last_scan = ground.wall()
        self._root.set(self._guard.trouble, ground.wall())
        await self._meet_customers(census)
        self._census = census

    async def _meet_customers(self, census: Census) -> None:
        ground = self._ground
        for name in census.customers:
            options = ground.options_for(name)
            if name not in ground.customers:
                ground.customers[name] = Customer(name, ground.root / name, options)
            ground.customers[name].options = options
            if name not in self._visits:
                self._start_visit(ground.customers[name])
        for name in ground.customers.keys() - set(census.customers) - self._visits.keys():
            await self._miss(ground.customers[name])

    async def _miss(self, customer: Customer) -> None:
        """The folder is not there. What is known of it is kept: it may come back as it was."""
        wall = self._ground.wall()
        await self._guard.disarm(customer)
        customer.identity = None
        customer.condition.set(Trouble.MISSING, wall)
        since = customer.condition.since
        if since is not None and wall - since > FORGET_MISSING_AFTER:
            del self._ground.customers[customer.name]

    def _start_visit(self, customer: Customer) -> None:
        name = customer.name
        self._busy_since[name] = self._ground.wall()
        self._visits[name] = asyncio.create_task(self._visit(customer), name="intake-visit")
        self._visits[name].add_done_callback(lambda visit: self._end_visit(name, visit))

    def _end_visit(self, name: str, visit: asyncio.Task[None]) -> None:
        del self._visits[name], self._busy_since[name]
        if not visit.cancelled() and visit.exception() is not None:
            self._failure = visit.exception()
            self._ground.round_wanted.set()
            return
        customer = self._ground.customers.get(name)
        if customer is None or customer.condition.trouble in _OUT_OF_REACH:
            return
        wait = customer.schedule.due - self._ground.clock()
        if wait < ROUND_EVERY:
            wanted = self._ground.round_wanted
            asyncio.get_running_loop().call_later(max(wait, 0.0), wanted.set)

    async def _visit(self, customer: Customer) -> None:
        ground = self._ground
        try:
            identity, events = await ground.call(lambda: _inspect(customer))
            if identity != customer.identity:
                await self._guard.disarm(customer)
                customer.identity = identity
                customer.schedule.hurry()
            await self._guard.ensure(customer, ground.clock(), events=events)
            if ground.clock() >= customer.schedule.due:
                await self._scan(customer)
        except OSError as error:
            customer.condition.set(_trouble(error), ground.wall())
            return
        customer.condition.set(customer.trouble(), ground.wall())

    async def _scan(self, customer: Customer) -> None:
        ground = self._ground
        started, known = ground.clock(), customer.known.copy()
        scanner = customer.scanner(known, ground.wall(), self._outlet.limit)
        armed = customer.watch
        customer.schedule.begin()
        try:
            sweep = await ground.call(lambda: scanner.scan(customer.folder))
            await self._take_in(customer, sweep, known)
            customer.scanned_since_armed = armed is not None and customer.watch is armed
            behind = customer.held_back or customer.schedule.hurried
            customer.caught_up = customer.scanned_since_armed and not behind
        except OSError:
            ground.totals.scan_failures += 1
            raise
        finally:
            now = ground.clock()
            customer.schedule.end(started, now, ground.options.scan_every)
            ground.totals.scans += 1
            ground.totals.scan_seconds += now - started
        customer.condition.last_scan = ground.wall()
        await self._check_watches()

    async def _take_in(self, customer: Customer, sweep: Sweep, known: dict[str, int]) -> None:
        customer.forget_gone(sweep.gone, known)
        self._ground.totals.missed_by_events += len(customer.unhinted)
        customer.unhinted.clear()
        customer.held_back = sweep.more
        handed = 0
        for index, sight in enumerate(sweep.fresh):
            handed += self._desk.meet(customer, sight)
            if index % SLICE == SLICE - 1:
                await asyncio.sleep(0)
        sweep.fresh, sweep.gone = [], []
        customer.last = sweep
        # Taken away as fast as it came, the line was never half full, and nobody told of room.
        half = handed > self._outlet.limit // 2
        if customer.held_back and half and self._outlet.has_room(customer.name):
            customer.held_back = False
            customer.schedule.resume()

    async def _check_watches(self) -> None:
        ground = self._ground
        patience = 2 * ground.options.scan_every
        customers = ground.customers.values()
        if await self._guard.is_short(customers, patience, ground.clock()):
            await self._guard.reset(customers)


def _inspect(customer: Customer) -> tuple[Identity, bool]:
    """Which folder stands there, and whether it wants events. Blocks."""
    events = wants_events(customer.folder, customer.options.watch)
    return identify(customer.folder), events


def _trouble(error: OSError) -> Trouble:
    missing = isinstance(error, (FileNotFoundError, NotADirectoryError))
    return Trouble.MISSING if missing else Trouble.UNREADABLE
