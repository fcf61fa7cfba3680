"""A customer's secret keys: one file, mode 0600, newest key last, every key with an id.

A third word of a line says how the customer's originals are fingerprinted. An earlier version knows
no such line and refuses the file: with SHA-256 it would take for new what was delivered.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from dataclasses import dataclass, field, replace
from pathlib import Path

from watcher.digest import BLAKE3, SHA256
from watcher.errors import ConfigError

_SECRET_BYTES = 32
_LINE = re.compile(r"([a-z0-9-]{1,16}) ([0-9a-f]{64})(?: (blake3))?")
_HEAD = (
    "# Pseudonym keys, newest last: id, secret, how originals are fingerprinted (the first line's\n"
    "# word counts). Whoever holds them can link patients again.\n"
)


@dataclass(frozen=True, slots=True)
class CustomerKey:
    """One secret of one customer; `id` goes into every output, the secret into none.

    `like` is how a fingerprint of an original begins, and the same for all keys of a customer.
    """

    id: str
    secret: bytes = field(repr=False)
    like: str = SHA256


def make_key(path: Path, like: str = BLAKE3) -> CustomerKey:
    """Make the key file with one fresh key, durable before this returns.

    Raises ConfigError when the file exists already or cannot be written: a key is never replaced.
    """
    key = _fresh(like)
    _create(path, _HEAD + _line(key))
    return key


def load_key(path: Path) -> CustomerKey:
    """The newest key of the file, the one that new pseudonyms are made with."""
    return load_keys(path)[-1]


def load_keys(path: Path) -> tuple[CustomerKey, ...]:
    """Every key of the file, oldest first. Raises ConfigError on anything but a sound file."""
    keys = tuple(_parse(line) for line in _read(path).splitlines() if not _is_comment(line))
    if not keys or len({key.id for key in keys}) != len(keys):
        raise ConfigError(f"key file {path.name}: holds no key, or an id twice")
    # A line that somebody put in must not make new what was delivered under another fingerprint.
    return tuple(replace(key, like=keys[0].like) for key in keys)


def rotate_key(path: Path) -> CustomerKey:
    """Put a fresh key after the others; what was made with them stays explicable by their id."""
    keys = load_keys(path)
    key = _fresh(keys[-1].like)
    while key.id in {old.id for old in keys}:
        key = _fresh(key.like)
    beside = path.with_name(f".{path.name}.{key.id}")
    _create(beside, _HEAD + "".join(_line(each) for each in (*keys, key)))
    beside.replace(path)
    _sync_folder(path.parent)
    return key


def _fresh(like: str) -> CustomerKey:
    return CustomerKey(secrets.token_hex(4), secrets.token_bytes(_SECRET_BYTES), like)


def _line(key: CustomerKey) -> str:
    return f"{key.id} {key.secret.hex()} {key.like.rstrip(':')}".rstrip() + "\n"


def _is_comment(line: str) -> bool:
    return not line.strip() or line.startswith("#")


def _parse(line: str) -> CustomerKey:
    match = _LINE.fullmatch(line.strip())
    if match is None:
        raise ConfigError("key file: a line is not 'id secret' or 'id secret blake3'")
    return CustomerKey(match[1], bytes.fromhex(match[2]), BLAKE3 if match[3] else SHA256)


def _create(path: Path, text: str) -> None:
    try:
        _create_whole(path, text)
    except FileExistsError:
        raise ConfigError(f"key file {path.name} exists already") from None
    except OSError as error:
        raise ConfigError(f"key file {path.name}: {error.strerror}") from None


def _create_whole(path: Path, text: str) -> None:
    """Under its name the file is whole or not there, whatever fails and when the power goes."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(partial, path)  # unlike a rename, never over another file
    finally:
        partial.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(path: Path) -> str:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise ConfigError(f"key file {path.name}: {error.strerror}") from None
    with os.fdopen(handle, "rb") as file:
        seen = os.fstat(file.fileno())
        if not stat.S_ISREG(seen.st_mode):
            raise ConfigError(f"key file {path.name}: not a regular file")
        if seen.st_mode & 0o077:
            raise ConfigError(f"key file {path.name}: readable by others; chmod 600 it")
        try:
            return file.read(1 << 20).decode("ascii")
        except UnicodeDecodeError:
            raise ConfigError(f"key file {path.name}: not text") from None
