"""A text put together again from the characters that stay."""

from __future__ import annotations

import re

_CHUNK = re.compile(r"\S+")
_SPACE = re.compile(r"\s+")
_EDGE = "_^-/\\,;:|+&=*#~@.'’\"<"


def strike(struck: bytearray, start: int, end: int, how: int = 1) -> None:
    """Mark the characters from `start` to `end` as gone, and how."""
    struck[start:end] = bytes([how]) * (end - start)


def rebuild(text: str, struck: bytearray) -> str:
    """`text` without what was struck; what a removal left bare (brackets, separators) goes too."""
    out: list[str] = []
    at = 0
    for match in _CHUNK.finditer(text):
        start, end = match.span()
        chunk = match[0] if not any(struck[start:end]) else _chunk(match[0], struck[start:end])
        if chunk:
            out += [_gap(text[at:start], bool(out)), chunk]
        elif "\n" in text[at:start] and out:
            out.append("\n")
        at = end
    return re.sub(r" *\n[ \n]*\n *", "\n", "".join(out)).strip() if out else ""


def _gap(space: str, inner: bool) -> str:
    return space if inner else ""


def _chunk(chunk: str, struck: bytearray) -> str:
    """One blank-delimited chunk without what was struck, or "" if no letter or digit stays."""
    kept = "".join(" " if gone else c for c, gone in zip(chunk, struck, strict=True))
    pieces = [p for p in _SPACE.split(kept) if p]
    if not any(c.isalnum() for c in kept):
        return ""
    text = "".join(pieces)
    text = re.sub(r"\(\s*\)|\[\s*\]|\{\s*\}|<\s*>", "", text)
    text = re.sub(r"([_^/\\|-])[_^/\\|-]+", r"\1", text)
    if struck[0]:
        text = text.lstrip(_EDGE + ")]}")
    if struck[-1]:
        text = text.rstrip(_EDGE + "([{")
    return text
