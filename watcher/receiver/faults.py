"""What may go wrong at a backend, on purpose."""

from __future__ import annotations

import enum
import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from watcher.errors import ConfigError


class Kind(enum.StrEnum):
    """One way to fail. `value` of a Fault is what the comment says it is."""

    STATUS = "status"  # read the request, answer this status, accept nothing
    EARLY_STATUS = "early-status"  # answer this status before the body is read
    DELAY = "delay"  # accept, and answer after so many seconds
    SLOW_READ = "slow-read"  # read this many bytes a second
    RESET_BEFORE = "reset-before"  # cut the connection before the body is read
    RESET_DURING = "reset-during"  # ... in the middle of the body
    RESET_AFTER = "reset-after"  # ... when the body was read, accepting nothing
    LOST_REPLY = "lost-reply"  # accept durably, then cut the connection
    CUT_REPLY = "cut-reply"  # accept durably, cut the connection within the answer
    NO_SUCCESS = "no-success"  # answer 200 without success, accept nothing
    HTML = "html"  # answer 200 with a page, accept nothing


_WANTS_VALUE = {Kind.STATUS, Kind.EARLY_STATUS, Kind.DELAY, Kind.SLOW_READ}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, and how probable it is for each request."""

    kind: Kind
    value: float = 0.0
    probability: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Fault:
        """`KIND[=VALUE][:PROBABILITY]`, e.g. `status=503:0.1`. Raises ConfigError."""
        rest, _, probability = text.partition(":")
        kind, _, value = rest.partition("=")
        try:
            fault = cls(Kind(kind), float(value or 0), float(probability or 1))
        except ValueError:
            raise ConfigError(f"fault {text}: must be KIND[=VALUE][:PROBABILITY]") from None
        if not 0 <= fault.probability <= 1 or fault.value < 0:
            raise ConfigError(f"fault {text}: out of range")
        if (fault.kind in _WANTS_VALUE) != bool(value):
            raise ConfigError(f"fault {text}: {kind} takes {'a' if not value else 'no'} value")
        return fault


class Faults:
    """Which fault, if any, meets the next request. Can be changed while the receiver runs."""

    def __init__(
        self,
        faults: Iterable[Fault] = (),
        *,
        seed: int | None = None,
        retry_after: str | None = None,
    ) -> None:
        self.faults = tuple(faults)
        self.retry_after = retry_after
        self.script: deque[Fault | None] = deque()
        self._random = random.Random(seed)  # noqa: S311 - not a secret

    def next(self) -> Fault | None:
        """The next of `script` while there is one; then by chance, the first that hits."""
        if self.script:
            return self.script.popleft()
        return next((f for f in self.faults if self._random.random() < f.probability), None)
