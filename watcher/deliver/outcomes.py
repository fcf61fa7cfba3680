"""What every answer, and every lack of one, means: the one table from situation to outcome.

Nothing here waits or sends; `retry` decides when, `breaker` whether at all.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from watcher.model import Reason


class Verdict(enum.StrEnum):
    """What becomes of the images of one request."""

    DELIVERED = "delivered"
    """The backend has them, durably."""
    LATER = "later"
    """Send the same request again."""
    SPLIT = "split"
    """Send them in smaller requests."""
    QUARANTINE = "quarantine"
    """This one image is refused; a person decides."""
    PAUSE = "pause"
    """Nothing goes to this destination until a probe succeeds; raise an alarm."""


class Situation(enum.StrEnum):
    """What happened when there is no complete answer, or it never came to a request."""

    UNRESOLVED = "name-unresolved"
    UNCONNECTED = "not-connected"
    CONNECT_TIMEOUT = "connect-timeout"
    PROXY_REFUSED = "proxy-refused"
    TLS_UNTRUSTED = "tls-untrusted"
    TLS_FAILED = "tls-failed"
    RESET = "connection-lost"
    STALLED = "backend-stopped-reading"
    TOO_SLOW = "too-slow"
    ANSWER_TIMEOUT = "no-answer"
    ANSWER_CUT = "answer-cut"
    ANSWER_BROKEN = "answer-not-http"
    TOKEN_REFUSED = "token-refused"  # noqa: S105 - a situation, not a secret
    TOKEN_UNAVAILABLE = "token-unavailable"  # noqa: S105
    SPOOL_LOST = "spool-lost"
    INVALID = "invalid-field"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request came to.

    `detail` is a status or a `Situation`, safe to log. `unknown` means the backend may have
    accepted the request: until it is answered, only the same parcels may be sent, as one request.
    `culprit` is the key of the one parcel that is to blame, where that is known.
    """

    verdict: Verdict
    reason: Reason | None  # None when delivered
    status: int | None = None
    retry_after: float | None = None
    detail: str = ""
    unknown: bool = False
    culprit: str | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """One complete answer as it came: `body` is cut at a bound, `retry_after` is in seconds."""

    status: int
    content_type: str
    body: bytes
    retry_after: float | None = None


_Row = tuple[Verdict, Reason, bool]  # the last one: may the backend have accepted it?
_LATER, _PAUSE = Verdict.LATER, Verdict.PAUSE
_GONE, _BUSY, _FAULT = Reason.BACKEND_UNREACHABLE, Reason.BACKEND_BUSY, Reason.BACKEND_ERROR

FAILURES: Mapping[Situation, _Row] = {
    Situation.UNRESOLVED: (_LATER, _GONE, False),
    Situation.UNCONNECTED: (_LATER, _GONE, False),
    Situation.CONNECT_TIMEOUT: (_LATER, _GONE, False),
    Situation.PROXY_REFUSED: (_PAUSE, Reason.DESTINATION_PAUSED, False),
    Situation.TLS_UNTRUSTED: (_PAUSE, Reason.DESTINATION_PAUSED, False),
    Situation.TLS_FAILED: (_PAUSE, Reason.DESTINATION_PAUSED, False),
    Situation.RESET: (_LATER, _GONE, True),
    Situation.STALLED: (_LATER, _GONE, False),
    Situation.TOO_SLOW: (_LATER, _GONE, True),
    Situation.ANSWER_TIMEOUT: (_LATER, _GONE, True),
    Situation.ANSWER_CUT: (_LATER, _GONE, True),
    Situation.ANSWER_BROKEN: (_LATER, _FAULT, True),
    Situation.TOKEN_REFUSED: (_PAUSE, Reason.DESTINATION_PAUSED, False),
    Situation.TOKEN_UNAVAILABLE: (_LATER, _GONE, False),
    Situation.SPOOL_LOST: (_LATER, Reason.SPOOL_LOST, False),
    Situation.INVALID: (Verdict.QUARANTINE, Reason.MISSING_ATTRIBUTE, False),
}

# 400, 413 and 422 speak of the images and are judged in `answered`; so is 200.
STATUSES: Mapping[int, _Row] = {
    408: (_LATER, _BUSY, False),
    409: (_LATER, _BUSY, True),
    421: (_LATER, _BUSY, False),
    423: (_LATER, _BUSY, False),
    425: (_LATER, _BUSY, False),
    429: (_LATER, _BUSY, False),
    500: (_LATER, _FAULT, True),
    502: (_LATER, _GONE, True),
    503: (_LATER, _BUSY, True),
    504: (_LATER, _GONE, True),
}
# By hundreds, for all the rest. A redirect, or a 4xx that is not about the images (401, 403, 404,
# 405, 407, 415, ...), says that the destination is set up wrongly: guessing would lose images.
_REST: Mapping[int, _Row] = {
    1: (_LATER, _FAULT, True),
    2: (_LATER, _FAULT, True),
    3: (_PAUSE, Reason.DESTINATION_PAUSED, False),
    4: (_PAUSE, Reason.DESTINATION_PAUSED, False),
    5: (_LATER, _FAULT, True),
}


def failed(situation: Situation, *, sent: bool = False, culprit: str | None = None) -> Answer:
    """The outcome without an answer; `sent` says whether the whole request had gone out."""
    verdict, reason, unknown = FAILURES[situation]
    return Answer(
        verdict, reason, detail=situation.value, unknown=unknown and sent, culprit=culprit
    )


def answered(
    answer: Answered,
    *,
    parcels: int,
    images: int,
    idempotency: Literal["key", "conflict", "ask"] = "key",
) -> Answer:
    """The outcome of a complete answer to a request of so many parcels with so many images."""
    if answer.status == 200 and _success(answer.body):
        return Answer(Verdict.DELIVERED, None, 200)
    if answer.status == 409 and idempotency == "conflict":
        return _already(images)
    if answer.status in (400, 413, 422):
        return _rejected(answer, parcels, images)
    verdict, reason, unknown = STATUSES.get(answer.status) or _REST.get(
        answer.status // 100, _REST[5]
    )
    return Answer(
        verdict, reason, answer.status, answer.retry_after, f"status {answer.status}", unknown
    )


def _success(body: bytes) -> bool:
    """`{"success": "ok"}`; anything else is not an acknowledgement."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(parsed, dict) and parsed.get("success") == "ok"


def asked(held: Sequence[bool]) -> Answer | None:
    """The outcome when the backend says which images it holds; None when it holds none."""
    if all(held):
        return Answer(Verdict.DELIVERED, None, 200, detail="asked")
    if any(held):
        return Answer(Verdict.SPLIT, Reason.REJECTED, 200, detail="asked")
    return None


def _already(images: int) -> Answer:
    """A backend without keys says it has an image already; of several it may be any of them."""
    if images > 1:
        return Answer(Verdict.SPLIT, Reason.REJECTED, 409, detail="status 409")
    return Answer(Verdict.DELIVERED, None, 409, detail="status 409")


def _rejected(answer: Answered, parcels: int, images: int) -> Answer:
    """The images are the trouble - unless a proxy's page says so, which knows nothing of images."""
    detail = f"status {answer.status}"
    divisible = images if answer.status == 413 else parcels
    if divisible > 1:
        return Answer(Verdict.SPLIT, Reason.REJECTED, answer.status, detail=detail)
    if answer.status != 413 and "html" in answer.content_type.lower():
        return Answer(_LATER, _FAULT, answer.status, answer.retry_after, f"{detail} html")
    return Answer(Verdict.QUARANTINE, Reason.REJECTED, answer.status, detail=detail)
