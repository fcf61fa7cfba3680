"""Files on their way to rest: one owner, time passed in, two clocks, bounded.

A file is due when its quiet time is over; then the owner is told what the file looks like and says
whether it is at rest. One that never comes to rest is let go when the second clock runs out.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Literal

from watcher.model import Signature

Key = tuple[str, str]
Teller = Literal["event", "scan"]


# Older kernels stamp files with the last tick, up to 10 ms ago: a file that is rewritten within
# it keeps its size and mtime. Only when the tick is over do equal Signatures mean equal content.
TICK = 0.01
_LEAST_WAIT = 0.001  # a rest that is missing by a rounding error must not be asked for in a circle


@dataclass(frozen=True, slots=True)
class Quiet:
    """Seconds of rest that are asked for, and the bound after which a file is tried anyway."""

    after_close: float
    without_close: float
    when_empty: float
    act_anyway_after: float

    def needed(self, size: int, *, closed: bool) -> float:
        """The rest a file of this size must show."""
        if size == 0:
            return self.when_empty
        return max(self.after_close if closed else self.without_close, TICK)


@dataclass(slots=True)
class _Entry:
    quiet: Quiet
    first: float
    due: float
    closed: bool
    teller: Teller
    signature: Signature | None = None
    unchanged_since: float = 0.0


class Settling:
    """The files that are not at rest yet, by customer and path.

    `now` is monotonic seconds, `age` seconds since the file's mtime by the wall clock.

    A file that was let go and touched again within `without_close` has to show that rest: a writer
    that closes after each block costs one look per quiet time, not one per block.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: dict[Key, _Entry] = {}
        self._heap: list[tuple[float, int, Key]] = []
        self._order = 0
        self._apart: dict[Key, float] = {}  # let go a moment ago: not again before this time

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Key) -> bool:
        return key in self._entries

    def note(self, key: Key, quiet: Quiet, now: float, *, closed: bool) -> bool:
        """Take a hint about a file; False when there is no room and a scan has to find it."""
        entry = self._entries.get(key)
        if entry is None:
            return self._add(key, _Entry(quiet, now, now, closed, "event"))
        if closed and not entry.closed:
            entry.closed = True
            self._schedule(key, entry, self._earliest(key, quiet, now, closed=True))
        return True

    def offer(
        self, key: Key, quiet: Quiet, signature: Signature, now: float, age: float
    ) -> Teller | None:
        """Take what a scan saw of a file; as `look`. Without room the next scan offers it again."""
        if key not in self._entries:
            if age >= quiet.needed(signature.size, closed=False):
                self._set_apart(key, quiet, now)
                return "scan"
            if not self._add(key, _Entry(quiet, now, now, closed=False, teller="scan")):
                return None
        return self.look(key, signature, now, age)

    def due(self, now: float, limit: int) -> list[Key]:
        """At most `limit` files whose quiet time is over; each must be looked at next."""
        self._forget_apart(now)
        keys: list[Key] = []
        while self._heap and self._heap[0][0] <= now and len(keys) < limit:
            due, _, key = heapq.heappop(self._heap)
            entry = self._entries.get(key)
            if entry is not None and entry.due == due:
                keys.append(key)
        return keys

    def next_due(self) -> float | None:
        """When `due` has to be asked next; may be early, never late."""
        return self._heap[0][0] if self._heap else None

    def look(self, key: Key, signature: Signature, now: float, age: float) -> Teller | None:
        """Judge one look at a file; when it is at rest, who told of it: then it is ours no more."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if signature != entry.signature:
            entry.signature, entry.unchanged_since = signature, now
        needed = entry.quiet.needed(signature.size, closed=entry.closed)
        rest = max(age, now - entry.unchanged_since)
        last_chance = entry.first + entry.quiet.act_anyway_after
        if rest >= needed or now >= last_chance:
            del self._entries[key]
            self._set_apart(key, entry.quiet, now)
            return entry.teller
        wait = min(needed - rest, last_chance - now)
        self._schedule(key, entry, now + max(wait, _LEAST_WAIT))
        return None

    def drop(self, key: Key) -> None:
        """The file is gone, or is none of ours."""
        self._entries.pop(key, None)

    def _add(self, key: Key, entry: _Entry) -> bool:
        if len(self._entries) >= self._limit:
            return False
        self._entries[key] = entry
        due = self._earliest(key, entry.quiet, entry.first, closed=entry.closed)
        self._schedule(key, entry, due)
        return True

    def _earliest(self, key: Key, quiet: Quiet, now: float, *, closed: bool) -> float:
        due = now + (quiet.after_close if closed else quiet.without_close)
        return max(due, self._apart.get(key, due))

    def _schedule(self, key: Key, entry: _Entry, due: float) -> None:
        entry.due = due
        self._order += 1
        heapq.heappush(self._heap, (due, self._order, key))

    def _set_apart(self, key: Key, quiet: Quiet, now: float) -> None:
        self._apart.pop(key, None)
        if len(self._apart) < self._limit:
            self._apart[key] = now + quiet.without_close

    def _forget_apart(self, now: float) -> None:
        while self._apart:
            key = next(iter(self._apart))
            if self._apart[key] > now:
                return
            del self._apart[key]
