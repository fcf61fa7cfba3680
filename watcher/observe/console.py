"""A log line as a person reads it on a terminal."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TextIO

_COLOURS = {"debug": "2", "info": "", "warning": "33", "error": "31"}
_STATES = {"delivered": "32", "quarantined": "31", "excluded": "2", "duplicate": "2"}
_LEADING = ("ts", "level", "event", "customer", "id", "state", "reason", "detail", "ms", "steps")


def is_coloured(stream: TextIO) -> bool:
    """Whether a person looks at it; see no-color.org."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def readable(line: Mapping[str, object], *, coloured: bool) -> str:
    """`12:00:00 north 1f2e3d4c staged 85 ms`, then whatever else the line holds."""
    state, level = str(line.get("state", "")), str(line["level"])
    colour = (_STATES.get(state) or _COLOURS[level]) if coloured else ""
    words = [
        str(line["ts"])[11:19],
        str(line.get("customer", "")),
        str(line.get("id", "")),
        state or str(line["event"]),
        str(line.get("reason", "")),
        str(line.get("detail", "")),
        f"{line['ms']:.0f} ms" if "ms" in line else "",
        *(f"{name}={value}" for name, value in line.items() if name not in _LEADING),
    ]
    text = " ".join(word for word in words if word)
    return f"\x1b[{colour}m{text}\x1b[0m" if colour else text
