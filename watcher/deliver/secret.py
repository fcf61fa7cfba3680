"""Secrets: from a private file or the environment, never shown, never in the settings."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from watcher.errors import ConfigError

_MOST = 64 << 10


class Secret:
    """A value that neither `repr`, `str`, a log nor an error can show."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value, for the one header it belongs into."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce__(self) -> str:
        raise TypeError("a secret does not travel")


def load(reference: str, setting: str) -> Secret:
    """Read `file:PATH` or `env:NAME`. Raises ConfigError, which names `setting` and no value."""
    kind, _, place = reference.partition(":")
    if kind == "file":
        value = private_text(Path(place), setting)
    elif kind == "env":
        value = os.environ.get(place, "")
    else:
        raise ConfigError(f"{setting}: must be file:PATH or env:NAME")
    value = value.strip()
    if not value:
        raise ConfigError(f"{setting}: there is nothing at {kind}:{place}")
    if not (value.isascii() and value.isprintable()):
        raise ConfigError(f"{setting}: holds characters that a header cannot carry")
    return Secret(value)


def private_text(path: Path, setting: str) -> str:
    """The text of a small regular file that nobody but its owner can read. Raises ConfigError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise ConfigError(f"{setting}: cannot read {path} (errno {error.errno})") from None
    try:
        check_private(descriptor, path, setting)
        return os.read(descriptor, _MOST).decode("utf-8", "replace")
    finally:
        os.close(descriptor)


def check_private(descriptor: int, path: Path, setting: str) -> None:
    """Raises ConfigError unless this is a regular file of ours that is closed to all others."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"{setting}: {path} is not a regular file")
    if status.st_mode & 0o077:
        raise ConfigError(f"{setting}: {path} is open to others; chmod 600 {path}")
    if status.st_uid not in (os.geteuid(), 0):
        raise ConfigError(f"{setting}: {path} belongs to another user")
