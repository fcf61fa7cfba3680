"""When to try again: a pure function of what happened, how often, and a random source."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

_LONGEST_WISH = 6 * 3600.0  # no backend may put us off for longer than this


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
