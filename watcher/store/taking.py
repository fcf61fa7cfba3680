"""Taking a delivered original out of the drop folder: archived or removed, durably, or put back."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from watcher.model import Signature
from watcher.store.spool import copy, room, sync_folder


def take_away(folder: int, name: str, expected: Signature, target: Path | None) -> bool:
    """Archive (or, without a target, remove) the original `name` in the open `folder`, durably.

    Only if it still is the file that was delivered; returns False, and leaves it, when it is not.
    The file is first renamed into our hands and looked at there, so that one that is swapped at
    the last moment is put back instead of lost. Raises DeferredError; called again, it goes on
    from wherever an earlier call failed or was killed.
    """
    held = f".taken-{expected.inode:x}-{expected.mtime_ns:x}"
    with room():
        if not _look(folder, held):
            if _look(folder, name) != expected:
                _sync(folder, target)
                return False
            os.rename(name, held, src_dir_fd=folder, dst_dir_fd=folder)
        if _look(folder, held) != expected:
            os.link(held, name, src_dir_fd=folder, dst_dir_fd=folder)
            os.unlink(held, dir_fd=folder)
            return False
        if target is not None:
            _archive(folder, held, target)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(held, dir_fd=folder)
        _sync(folder, None)
    return True


def _sync(folder: int, target: Path | None) -> None:
    """The names in both folders: an earlier call may have moved the file and not lived to sync."""
    if target is not None and target.exists():
        sync_folder(target.parent)
    sync_folder(Path(f"/proc/self/fd/{folder}"))  # an O_PATH descriptor cannot be synced


def _archive(folder: int, held: str, target: Path) -> None:
    source = os.open(held, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.fsync(source)  # its sender may not have
        os.rename(held, target, src_dir_fd=folder)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy(source, target)
    finally:
        os.close(source)
    sync_folder(target.parent)


def _look(folder: int, name: str) -> Signature | None:
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return Signature(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
