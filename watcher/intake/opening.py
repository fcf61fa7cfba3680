"""Opening one source: by path components below a folder, and regular files only."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import NoReturn

from watcher.errors import DeferredError, ExcludedError, WatcherError
from watcher.model import Reason, Signature

_STEP = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = _STEP | os.O_DIRECTORY


def open_source(root: Path, relative: str, device: int | None = None) -> int:
    """Open `relative` below the customer's folder `root` for reading; the caller closes the fd.

    Every component is opened by itself without following links, so nothing outside `root` can be
    reached and no length of the whole path matters. The file is looked at before it is opened for
    reading: a FIFO, socket or device is never opened at all, and a file that is swapped between
    the two looks cannot be hit. Names are as `os.fsdecode` gives them. `root` itself may be a link.

    Raises:
        ExcludedError: NOT_A_FILE for links, directories and special files. VANISHED when the file
            is gone while its folder is there and, if `device` (of the file's own Signature) is
            given, is still of that file system.
        DeferredError: UNREADABLE for everything that may pass: the folder is gone or another one
            was mounted there, permissions, I/O errors, no file descriptors left.
    """
    folder, name = open_folder_of(root, relative, device)
    try:
        return _open_file(folder, name, device)
    finally:
        os.close(folder)


def open_folder_of(root: Path, relative: str, device: int | None = None) -> tuple[int, str]:
    """The folder in which `relative` lies, as an O_PATH fd for `*at` calls, and the file's name.

    The way there, and what is raised, are those of `open_source`; the caller closes the fd.
    """
    names = _components(relative)
    folder = _open_root(root)
    try:
        for name in names[:-1]:
            folder = _descend(folder, name, device)
    except WatcherError:
        os.close(folder)
        raise
    return folder, names[-1]


def signature(fd: int) -> Signature:
    """What `fstat` says of an open file now."""
    return signature_of(os.fstat(fd))


def signature_of(status: os.stat_result) -> Signature:
    """The part of a `stat` result by which a file is told from itself later."""
    return Signature(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _components(relative: str) -> list[str]:
    names = relative.split("/")
    if "\0" in relative or any(name in {"", ".", ".."} for name in names):
        raise ExcludedError(Reason.NOT_A_FILE, "path")
    return names


def _open_root(root: Path) -> int:
    try:
        return os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise DeferredError(Reason.UNREADABLE, f"root {_name(error)}") from None


def _descend(folder: int, name: str, device: int | None) -> int:
    """Open one folder below `folder`, and close `folder` when that worked."""
    try:
        inner = os.open(name, _FOLDER, dir_fd=folder)
    except OSError as error:
        # Without a device to compare, a missing folder may be a file system that went away.
        if error.errno == errno.ENOENT and device is None:
            raise DeferredError(Reason.UNREADABLE, "folder ENOENT") from None
        _fail(error, folder, device)
    os.close(folder)
    return inner


def _open_file(folder: int, name: str, device: int | None) -> int:
    try:
        handle = os.open(name, _STEP, dir_fd=folder)
    except OSError as error:
        _fail(error, folder, device)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ExcludedError(Reason.NOT_A_FILE, "file")
        # Through /proc the very inode that was looked at is opened, whatever the name means now.
        return os.open(f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise DeferredError(Reason.UNREADABLE, f"file {_name(error)}") from None
    finally:
        os.close(handle)


def _fail(error: OSError, folder: int, device: int | None) -> NoReturn:
    raise _judged(error, folder, device) from None


def _judged(error: OSError, folder: int, device: int | None) -> WatcherError:
    if error.errno in {errno.ENOTDIR, errno.ELOOP}:
        return ExcludedError(Reason.NOT_A_FILE, "folder")
    if error.errno not in {errno.ENOENT, errno.ENAMETOOLONG}:
        return DeferredError(Reason.UNREADABLE, _name(error))
    if device is not None and os.fstat(folder).st_dev != device:
        return DeferredError(Reason.UNREADABLE, "other file system")
    return ExcludedError(Reason.VANISHED, "source")


def _name(error: OSError) -> str:
    """The errno's own name: unlike the message it holds no path."""
    return errno.errorcode.get(error.errno or 0, "unknown")
