"""What systemd is told: that we are ready, that we are alive, that we stop (sd_notify(3))."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notifier:
    """Tells the service manager, or nobody when there is none.

    `address` is NOTIFY_SOCKET, `every` half of WATCHDOG_USEC in seconds; None: nobody asked.
    """

    address: str | None = None
    every: float | None = None

    @classmethod
    def taken_from(cls, environment: MutableMapping[str, str] = os.environ) -> Notifier:
        """Who asked; taken out of the environment, so that no child process speaks for us."""
        address = environment.pop("NOTIFY_SOCKET", None)
        microseconds = environment.pop("WATCHDOG_USEC", "")
        mine = environment.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        asked = address is not None and microseconds.isdecimal() and mine
        return cls(address, int(microseconds) / 2e6 if asked else None)

    def tell(self, *lines: str) -> None:
        """Send e.g. "READY=1". A manager that does not listen is no reason to stop working."""
        if self.address is None:
            return
        # A leading @ is the abstract name space, which begins with a null byte.
        place = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
                link.sendto("\n".join(lines).encode(), place)
        except OSError:
            pass

    async def beat(self, alive: Callable[[], Awaitable[bool]]) -> None:
        """Say WATCHDOG=1 for as long as `alive` says yes; without a watchdog, return at once."""
        while self.every is not None:
            if await alive():
                self.tell("WATCHDOG=1")
            await asyncio.sleep(self.every)
