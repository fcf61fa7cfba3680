"""Giving back the memory of mapped source bytes once they are read."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np

from watcher.digest import Fingerprint

_CHUNK = 1 << 20


def digest(view: memoryview, like: str) -> str:
    """The fingerprint of all of `view`, `like` another, leaving none of a memory map resident."""
    total = Fingerprint(like)
    for start in range(0, len(view), _CHUNK):
        total.update(view[start : start + _CHUNK])
        release(view, start, min(start + _CHUNK, len(view)))
    return str(total)


def release(view: memoryview, start: int, stop: int) -> None:
    """Tell the kernel that bytes start to stop of `view` are done with; they may be read again.

    What lies behind the end of `view` is left out. Does nothing unless the view is of a memory map
    of a file.
    """
    mapped: Any = view.obj
    if not isinstance(mapped, mmap.mmap) or stop <= start:
        return
    offset = _address(view) - _address(memoryview(mapped))
    page = mmap.PAGESIZE
    first = -(-(offset + start) // page) * page
    last = (offset + min(stop, len(view))) // page * page
    if last > first:
        mapped.madvise(mmap.MADV_DONTNEED, first, last - first)


def _address(view: memoryview) -> int:
    return int(np.frombuffer(view, np.uint8).ctypes.data) if len(view) else 0
