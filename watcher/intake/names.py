"""Which names are taken: customers' folders, and files that are not a sender's work in progress."""

from __future__ import annotations

import re

_CUSTOMER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


def is_customer(name: str) -> bool:
    """Whether a folder's name makes it a customer: 1 to 64 ASCII letters, digits, `.`, `_`, `-`.

    The name becomes part of logs, metrics and paths, so it must not be able to hold a sentence,
    a control character or a path.
    """
    return _CUSTOMER.fullmatch(name) is not None


def is_temporary(name: str, suffixes: tuple[str, ...]) -> bool:
    """Whether one path component says "not finished": hidden, or with one of the endings."""
    return name.startswith(".") or name.lower().endswith(suffixes)


def is_path_temporary(path: str, suffixes: tuple[str, ...]) -> bool:
    """The same for a path: one such component and all below it is work in progress."""
    return any(is_temporary(name, suffixes) for name in path.split("/"))
