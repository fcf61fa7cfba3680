"""When a destination may be used: local times of day."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, time, timedelta

from watcher.errors import ConfigError

Window = tuple[time, time]
_WINDOW = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


def windows(texts: Sequence[str]) -> tuple[Window, ...]:
    """`HH:MM-HH:MM`, which may cross midnight. Raises ConfigError."""
    return tuple(_window(text) for text in texts)


def _window(text: str) -> Window:
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise ConfigError(f"hours: {text!r} must be HH:MM-HH:MM")
    first, minute, last, last_minute = map(int, match.groups())
    if (first, minute) == (last, last_minute):
        raise ConfigError(f"hours: {text!r} is empty")
    return time(first, minute), time(last, last_minute)


def closed_for(opened: Sequence[Window], now: datetime) -> float:
    """Seconds until sending is allowed at this local time; 0 when it is. No windows: always."""
    if not opened or any(_inside(window, now.time()) for window in opened):
        return 0.0
    return min(_until(start, now) for start, _ in opened)


def _inside(window: Window, at: time) -> bool:
    start, end = window
    return start <= at < end if start < end else at >= start or at < end


def _until(start: time, now: datetime) -> float:
    day = now.date() if now.time() < start else now.date() + timedelta(days=1)
    return (datetime.combine(day, start, now.tzinfo) - now).total_seconds()
