"""Keeps the watches armed: on the root and on each customer's folder, for as long as it takes."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from watchdog.observers.api import ObservedWatch

from watcher.intake.arrival import Trouble
from watcher.intake.customer import Customer
from watcher.intake.ground import Ground
from watcher.intake.watching import HintBox, Watcher

RETRY_AFTER = 30.0


class Guard:
    """Owner of the Watcher. A watch that cannot be had is a trouble, no error: scans go on."""

    def __init__(self, ground: Ground, box: HintBox) -> None:
        self._ground = ground
        self._box = box
        self._watcher: Watcher | None = None
        self._root_watch: ObservedWatch | None = None
        self._retry_at = 0.0
        self._root_trouble: Trouble | None = None
        self._short = False
        self._short_since: float | None = None
        self._remake_at = 0.0

    @property
    def trouble(self) -> Trouble | None:
        """What is wrong with the watches as a whole."""
        return Trouble.OUT_OF_WATCHES if self._short else self._root_trouble

    @property
    def mode(self) -> Literal["events", "scan"]:
        """Whether new customers are told of by events."""
        return "scan" if self._root_watch is None else "events"

    async def ensure_root(self, customers: Iterable[Customer], now: float) -> None:
        """Have a living Watcher that watches the root for new customers."""
        root, watcher = self._ground.root, self._watcher
        if watcher is not None and watcher.is_alive() and self._is_armed(self._root_watch):
            return
        if now < self._retry_at:
            return
        await self.reset(customers)
        try:
            self._watcher = await self._ground.call(lambda: Watcher(root, self._box))
            self._ground.totals.watch_starts += 1
            self._root_watch = await self._arm(root, recursive=False)
            self._root_trouble = None
        except OSError as error:
            self._root_trouble = _trouble(error)
            self._retry_at = now + RETRY_AFTER

    async def ensure(self, customer: Customer, now: float, *, events: bool) -> None:
        """Have this customer's folder watched, or not, as `events` says."""
        if not events:
            await self.disarm(customer)
            customer.condition.mode, customer.watch_trouble = "scan", None
            return
        if self._is_armed(customer.watch) or now < customer.next_arm:
            return
        await self.disarm(customer)
        await self._rearm(customer, now)

    async def _rearm(self, customer: Customer, now: float) -> None:
        customer.condition.mode = "scan"
        if self._watcher is None:
            customer.watch_trouble = self.trouble
            return
        try:
            customer.watch = await self._arm(customer.folder, recursive=True)
        except OSError as error:
            customer.watch_trouble = _trouble(error)
            customer.next_arm = now + RETRY_AFTER
            return
        customer.watch_trouble = None
        customer.scanned_since_armed = customer.caught_up = False
        customer.condition.mode = "events"
        # The watch stands: whatever came before it is found by this scan.
        customer.schedule.hurry()

    async def disarm(self, customer: Customer) -> None:
        """Stop watching one customer's folder."""
        watcher, watch = self._watcher, customer.watch
        customer.watch = None
        customer.next_arm = 0.0
        if watcher is not None and watch is not None:
            await self._ground.call(lambda: watcher.disarm(watch))

    async def is_short(self, customers: Iterable[Customer], patience: float, now: float) -> bool:
        """Compare the folders that the kernel watches with those that the scans saw.

        watchdog says nothing of a sub-folder for which no watch was left. A lack that outlasts
        `patience` seconds is a trouble; True asks for all watches to be made anew.
        """
        watched = [each for each in customers if each.watch is not None]
        watcher = self._watcher
        if watcher is None or not all(each.scanned_since_armed for each in watched):
            return False
        wanted = 1 + sum(each.last.watchable for each in watched)
        if await self._ground.call(watcher.count) >= wanted:
            self._short, self._short_since = False, None
            return False
        self._short_since = self._short_since or now
        self._short = now - self._short_since >= patience
        if not self._short or now < self._remake_at:
            return False
        self._remake_at = now + RETRY_AFTER
        return True

    async def reset(self, customers: Iterable[Customer]) -> None:
        """Give everything back; the next `ensure` calls start from nothing."""
        watcher = self._watcher
        self._watcher = self._root_watch = None
        self._retry_at = 0.0
        for customer in customers:
            customer.watch, customer.next_arm = None, 0.0
        if watcher is not None:
            await self._ground.call(watcher.stop)

    async def _arm(self, folder: Path, *, recursive: bool) -> ObservedWatch:
        watcher = self._watcher
        if watcher is None:
            raise OSError(errno.ESHUTDOWN, "")
        return await self._ground.call(lambda: watcher.arm(folder, recursive=recursive))

    def _is_armed(self, watch: ObservedWatch | None) -> bool:
        watcher = self._watcher
        return watch is not None and watcher is not None and watcher.is_armed(watch)


def _trouble(error: OSError) -> Trouble:
    out = error.errno in {errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
    return Trouble.OUT_OF_WATCHES if out else Trouble.WATCH_FAILED
