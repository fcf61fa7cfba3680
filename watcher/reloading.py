"""A changed settings.toml, or SIGHUP: taken over while running, or refused with a word."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from watcher.bell import Bell
from watcher.errors import ConfigError
from watcher.observe.log import Log
from watcher.settings import Customer, Settings, load

_LIVE = frozenset({"intake", "limits", "scrub", "pixels", "render", "archive", "customers"})
_LOOK_EVERY = 2.0


def merged(old: Settings, new: Settings) -> tuple[Settings, tuple[str, ...]]:
    """`new` as far as a running gateway can take it over, and the names of what it cannot.

    The drop folder's root, and every section that is not about single files, wait for a restart.
    """
    wait = [name for name in type(old).model_fields if name not in _LIVE]
    later = [name for name in wait if getattr(old, name) != getattr(new, name)]
    changes: dict[str, object] = {name: getattr(old, name) for name in wait}
    if old.intake.root != new.intake.root:
        later.append("intake")
    changes["intake"] = new.intake.model_copy(update={"root": old.intake.root})
    customers = {name: _of(old, name, own) for name, own in new.customers.items()}
    if any(customers[name].deliver != own.deliver for name, own in new.customers.items()):
        later.append("deliver")
    changes["customers"] = customers
    return new.model_copy(update=changes), tuple(sorted(set(later)))


def _of(old: Settings, name: str, own: Customer) -> Customer:
    return own.model_copy(update={"deliver": old.of(name).deliver})


class Reloading:
    """Looks at the settings file, and asks the gateway to take over what has changed."""

    def __init__(
        self, path: Path | None, reload: Callable[[Settings], Awaitable[tuple[str, ...]]], log: Log
    ) -> None:
        self._path = path
        self._reload = reload
        self._log = log
        self._bell = Bell()
        self._asked = False
        self._seen = self._look()

    def ask(self) -> None:
        """Reload now, changed or not."""
        self._asked = True
        self._bell.ring()

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._bell.wait(_LOOK_EVERY)
            seen = self._look()
            if self._asked or seen != self._seen:
                self._asked, self._seen = False, seen
                await self._once()

    async def _once(self) -> None:
        try:
            later = await self._reload(load(self._path))
        except ConfigError:
            # What is wrong is not written down: check-config says it to whoever asks.
            self._log.event("settings-refused", level="error", detail="see-check-config")
            return
        self._log.event("settings-reloaded", level="info")
        for name in later:
            self._log.event("settings-need-restart", level="warning", detail=name)

    def _look(self) -> tuple[int, int, int] | None:
        if self._path is None:
            return None
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns
