"""What follows an answer, and when: pure functions of what happened and how often."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC
from email.utils import parsedate_to_datetime

from watcher.deliver.outcomes import Answer, Situation, Verdict
from watcher.model import Reason
from watcher.options import DeliverOptions

# With half of all tries failing, 30 of them miss an acceptance once in a thousand million times.
_LOST = 10
_LONGEST_WISH = 6 * 3600.0  # no backend may put us off for longer than this

# The backend was reached and then failed on this very request: the images may be the cause.
_MAY_BE_THE_IMAGE = frozenset(
    {
        Situation.RESET,
        Situation.STALLED,
        Situation.TOO_SLOW,
        Situation.ANSWER_TIMEOUT,
        Situation.ANSWER_CUT,
        Situation.ANSWER_BROKEN,
    }
)


def decide(
    answer: Answer,
    *,
    attempts: int,
    parcels: int,
    options: DeliverOptions,
    images: int = 1,
    again: bool = False,
    lost: int = 0,
) -> Answer:
    """The answer, or what it has become after so many `attempts` (this one included).

    A request that the backend keeps failing on is split, so that one bad image does not hold up
    its neighbours; alone, it ends in quarantine. `lost` counts the tries of this very request from
    the first on that got no answer and may have been accepted: then this takes ten times as long,
    whatever the later tries came to, for the pieces have other keys. By then the same bytes were
    sent so often that an acceptance would have been repeated. The frames of one Instance are
    parted only if no earlier request with them can have been accepted (`again` says that one may
    have). No image is ever given up because nobody could be reached.
    """
    if answer.verdict is not Verdict.LATER or not _may_be_the_image(answer):
        return answer
    divisible = parcels > 1 or (images > 1 and not answer.unknown and not again)
    enough = lost >= _LOST * options.split_after if lost else attempts >= options.split_after
    if divisible and enough:
        return replace(answer, verdict=Verdict.SPLIT)
    if parcels == 1 and attempts >= options.attempts:
        return replace(answer, verdict=Verdict.QUARANTINE, reason=Reason.EXHAUSTED)
    return answer


def _may_be_the_image(answer: Answer) -> bool:
    return answer.reason is Reason.BACKEND_ERROR or answer.detail in _MAY_BE_THE_IMAGE


def delay(
    answer: Answer,
    *,
    attempts: int,
    options: DeliverOptions,
    rng: random.Random,
    previous: float | None = None,
) -> float:
    """Seconds until the next try: decorrelated jitter, and never before Retry-After.

    Drawn between the first delay and three times the `previous` one, up to the longest; without
    `previous`, that is taken from the number of `attempts`.
    """
    first, longest = options.retry_first, options.retry_longest
    if previous is None:
        previous = first * 2.0 ** min(attempts - 1, 60)
    drawn = rng.uniform(first, max(first, min(longest, 3 * previous)))
    if answer.retry_after is None:
        return min(longest, drawn)
    # Spread over a little time after it: everybody was told the same moment.
    return max(min(longest, drawn), answer.retry_after + rng.uniform(0, first))


def retry_after(value: str | None, now: float) -> float | None:
    """Retry-After (RFC 9110 10.2.3) in seconds from `now` (Unix time), or None."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _LONGEST_WISH)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return min(max(at.timestamp() - now, 0.0), _LONGEST_WISH)
