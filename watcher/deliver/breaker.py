"""How much may be under way to one destination: a pure state machine, time passed in.

    closed --enough failures--> resting --time is up--> probing --any real answer--> closed
       \\--paused, or told to wait--^  ^-----failed again: rest twice as long--/

Closed again it lets requests in one by one, so that a backend that just came back is not run over.
"""

from __future__ import annotations

import dataclasses
import json
import random
from dataclasses import dataclass
from typing import Self

from watcher.deliver.outcomes import Answer, Situation, Verdict
from watcher.model import Reason
from watcher.options import DeliverOptions

_OPEN_WIDE = 1 << 16
_PAUSE_FIRST = 60.0  # seconds; a wrong password every few seconds would lock an account
_LONGEST = 6 * 3600.0

# Nobody was reached at all, so it cannot be the image's fault.
_UNREACHED = frozenset(
    {
        Situation.UNRESOLVED,
        Situation.UNCONNECTED,
        Situation.CONNECT_TIMEOUT,
        Situation.TOKEN_UNAVAILABLE,
    }
)


@dataclass(frozen=True, slots=True)
class Breaker:
    """One destination's state; every change gives a new one.

    `failed` are the keys of requests that failed in a row: one image that always fails is in it
    once, so that it alone never stops the others. `until` is Unix time, 0 when closed; `rests`
    counts rests in a row; `ramp` is how many requests may be under way; `paused` wants an alarm.
    """

    failed: tuple[str, ...] = ()
    rests: int = 0
    until: float = 0.0
    ramp: int = _OPEN_WIDE
    paused: bool = False

    @property
    def closed(self) -> bool:
        """Whether requests flow."""
        return self.until == 0

    def room(self, now: float, concurrency: int) -> int:
        """Requests that may be under way now: none while resting, one to probe."""
        if self.closed:
            return min(concurrency, self.ramp)
        return 0 if self.wait(now) > 0 else 1

    def wait(self, now: float) -> float:
        """Seconds of rest left. A clock that was set back does not prolong it."""
        left = self.until - now
        return left if 0 < left <= _LONGEST else 0.0

    def after(
        self, key: str, answer: Answer, now: float, options: DeliverOptions, rng: random.Random
    ) -> Breaker:
        """The state after the request with `key` came to `answer`."""
        if answer.detail.startswith((Situation.SPOOL_LOST, Situation.INVALID)):
            return self  # nothing was sent
        if answer.verdict is Verdict.PAUSE:
            return self._rest(now, options, rng, least=_PAUSE_FIRST, paused=True)
        if answer.verdict is not Verdict.LATER or answer.status == 409:
            return self._good()
        if answer.retry_after and answer.reason is Reason.BACKEND_BUSY:
            return self._rest(now, options, rng, least=answer.retry_after)
        return self._bad(key, answer, now, options, rng)

    def resumed(self) -> Breaker:
        """The state after a person mended something: probe at once."""
        return self if self.closed else dataclasses.replace(self, until=1.0, rests=0)

    def dump(self) -> str:
        """As text, to be kept over a restart."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def load(cls, text: str | None) -> Self:
        """From `dump`; a text that is not one gives a fresh state."""
        try:
            values = dict(json.loads(text or "{}"))
            made = cls(**values | {"failed": tuple(values.get("failed", ()))})
            made.room(0.0, 1)
        except (ValueError, TypeError):
            return cls()
        return made

    def _good(self) -> Breaker:
        if self.closed:
            return dataclasses.replace(self, failed=(), ramp=min(self.ramp * 2, _OPEN_WIDE))
        return Breaker(ramp=1)

    def _bad(
        self, key: str, answer: Answer, now: float, options: DeliverOptions, rng: random.Random
    ) -> Breaker:
        unreached = answer.detail in _UNREACHED
        failed = self.failed
        if unreached or key not in failed:
            failed = (*failed, key)[-options.breaker_after :]
        worse = dataclasses.replace(self, failed=failed)
        if self.closed and len(failed) < options.breaker_after:
            return worse
        return worse._rest(now, options, rng)

    def _rest(
        self,
        now: float,
        options: DeliverOptions,
        rng: random.Random,
        *,
        least: float = 0.0,
        paused: bool = False,
    ) -> Breaker:
        """Rest, twice as long as before; what ends while resting changes nothing more."""
        if self.wait(now) > 0 and not paused:
            return dataclasses.replace(self, until=max(self.until, now + least))
        if self.wait(now) > 0 and self.paused:
            return self
        doubled = max(options.breaker_rest, least) * 2.0 ** min(self.rests, 20)
        length = max(least, min(doubled, options.retry_longest) * rng.uniform(0.8, 1.2))
        return Breaker(self.failed, self.rests + 1, now + min(length, _LONGEST), _OPEN_WIDE, paused)
