"""The scan: what lies in the root and below one customer's folder. The truth, by blocking calls.

Folders are opened one below the other and never through a link, so a tree may be deeper than
PATH_MAX, and one that is swapped for a link while we walk leads nowhere.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from watcher.intake.names import is_customer, is_temporary
from watcher.intake.opening import signature_of
from watcher.model import Signature

MAX_DEPTH = 128
PATH_MAX = 4096
_MKFS = "lost+found"  # stands in the root of a volume of its own
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

Identity = tuple[int, int]
"""(st_dev, st_ino) of a folder: it differs once another one, or another mount, stands there."""


@dataclass(frozen=True, slots=True)
class Census:
    """What lies directly in the root: customers by name, inodes of folders that cannot be one."""

    identity: Identity
    customers: tuple[str, ...]
    illegal: tuple[int, ...]
    loose_files: int


@dataclass(frozen=True, slots=True)
class Sight:
    """One file a scan came by that is not known with this content."""

    path: str
    signature: Signature
    new: bool


@dataclass(slots=True)
class Sweep:
    """What one scan of a customer's folder found.

    `gone` are the known paths that are no longer there. `more` says that not all fresh files are
    in `fresh`. `watchable` counts the folders with a path short enough for inotify, `blind` those
    that could not be read: then nothing may be called gone.
    """

    fresh: list[Sight] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    more: bool = False
    files: int = 0
    folders: int = 0
    watchable: int = 0
    ignored: int = 0
    stale: int = 0
    special: int = 0
    too_deep: int = 0
    blind: int = 0


def take_census(root: Path) -> Census:
    """List the root. Links and files are nobody's; OSError when the root cannot be read."""
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        status = os.fstat(handle)
        with os.scandir(handle) as entries:
            listed = [
                (each.name, each.is_dir(follow_symlinks=False), each.inode()) for each in entries
            ]
    finally:
        os.close(handle)
    visible = [each for each in listed if not each[0].startswith(".") and each[0] != _MKFS]
    folders = [(name, inode) for name, is_folder, inode in visible if is_folder]
    return Census(
        identity=(status.st_dev, status.st_ino),
        customers=tuple(sorted(name for name, _ in folders if is_customer(name))),
        illegal=tuple(sorted(inode for name, inode in folders if not is_customer(name))),
        loose_files=len(visible) - len(folders),
    )


def identify(folder: Path) -> Identity:
    """Which folder stands at this place now; OSError when none does, or a link."""
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(handle)
        return status.st_dev, status.st_ino
    finally:
        os.close(handle)


class Scanner:
    """One scan of one customer's folder; use it once, in a thread.

    `known` maps a path to its content's `fingerprint`; it is only read. `limit` bounds `fresh`.
    """

    def __init__(
        self,
        known: Mapping[str, int],
        suffixes: tuple[str, ...],
        stale_before: float,
        limit: int,
    ) -> None:
        self._known = known
        self._suffixes = suffixes
        self._stale_before = stale_before
        self._limit = limit
        self._seen: set[str] = set()
        self._sweep = Sweep()
        self._watchable = 0

    def scan(self, folder: Path) -> Sweep:
        """Walk the whole tree; OSError when the customer's folder itself cannot be read."""
        handle = os.open(folder, _FOLDER)
        self._watchable = PATH_MAX - len(os.fsencode(folder)) - 2
        try:
            self._walk(handle, "", MAX_DEPTH)
        finally:
            os.close(handle)
        if not self._sweep.blind:
            self._sweep.gone = list(self._known.keys() - self._seen)
        return self._sweep

    def _walk(self, handle: int, prefix: str, depth: int) -> None:
        self._sweep.folders += 1
        self._sweep.watchable += len(os.fsencode(prefix)) <= self._watchable
        try:
            names = self._list(handle, prefix)
        except OSError:
            self._sweep.blind += 1
            return
        if depth == 0:
            self._sweep.too_deep += len(names)
            return
        for name in names:
            self._enter(handle, name, prefix, depth)

    def _enter(self, handle: int, name: str, prefix: str, depth: int) -> None:
        try:
            inner = os.open(name, _FOLDER, dir_fd=handle)
        except FileNotFoundError:
            return  # gone since it was listed
        except OSError:
            self._sweep.blind += 1
            return
        try:
            self._walk(inner, f"{prefix}{name}/", depth - 1)
        finally:
            os.close(inner)

    def _list(self, handle: int, prefix: str) -> list[str]:
        """Judge the files of one folder; the names of the folders in it."""
        folders: list[str] = []
        with os.scandir(handle) as entries:
            for entry in entries:
                temporary = is_temporary(entry.name, self._suffixes)
                if temporary or not entry.is_dir(follow_symlinks=False):
                    self._judge(entry, prefix, temporary=temporary)
                else:
                    folders.append(entry.name)
        return folders

    def _judge(self, entry: os.DirEntry[str], prefix: str, *, temporary: bool) -> None:
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return  # gone since it was listed
        if temporary:
            self._sweep.ignored += 1
            self._sweep.stale += status.st_mtime < self._stale_before
        elif stat.S_ISREG(status.st_mode):
            self._meet(prefix + entry.name, status)
        else:
            self._sweep.special += 1

    def _meet(self, path: str, status: os.stat_result) -> None:
        self._sweep.files += 1
        self._seen.add(path)
        known = self._known.get(path)
        # For a hundred thousand known files no Signature is made.
        if known == _hash(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns):
            return
        if len(self._sweep.fresh) < self._limit:
            self._sweep.fresh.append(Sight(path, signature_of(status), known is None))
        else:
            self._sweep.more = True


def fingerprint(signature: Signature) -> int:
    """A Signature in 64 bits, for keeping one for each file that lies there."""
    return _hash(signature.device, signature.inode, signature.size, signature.mtime_ns)


def _hash(device: int, inode: int, size: int, mtime_ns: int) -> int:
    return hash((device, inode, size, mtime_ns))


def look_at(path: str) -> Signature | None:
    """What one file looks like now; None when it is gone, out of reach or not a regular file."""
    try:
        status = os.lstat(path)
    except (OSError, ValueError):
        return None
    return signature_of(status) if stat.S_ISREG(status.st_mode) else None
