"""Events by watchdog: hints about files, handed from its threads to the loop, bounded."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import warnings
from collections import deque
from pathlib import Path
from typing import NamedTuple

from watchdog.events import (
    EVENT_TYPE_CLOSED,
    EVENT_TYPE_MOVED,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.api import BaseObserver, ObservedWatch
from watchdog.observers.inotify import InotifyFullEmitter
from watchdog.observers.inotify_c import InotifyConstants, InotifyFD, Mask

_LEAST = 64  # of a customer there is room for so many, whatever others fill
_LOGGER = "watchdog"
_OVERFLOW_LOGGER = "watchdog.observers.inotify_c"
# Without IN_MOVED_FROM: watchdog holds each one that has no partner for half a second and all
# later events behind it, and every original that we archive is one.
_MASK = Mask(
    InotifyConstants.IN_CREATE
    | InotifyConstants.IN_CLOSE_WRITE
    | InotifyConstants.IN_MOVED_TO
    | InotifyConstants.IN_DELETE_SELF
    | InotifyConstants.IN_ONLYDIR
)


class Hint(NamedTuple):
    """A path below the root that something happened to. `closed`: a writer closed or renamed it."""

    path: str
    closed: bool
    folder: bool


class HintBox:
    """Hints on their way from watchdog's threads to the loop, customers in turn. Over the limit
    they are dropped and counted: a scan has to find what they told of."""

    def __init__(self, limit: int) -> None:
        self.filled = asyncio.Event()
        self._limit = limit
        self._least = min(_LEAST, limit // 4)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lines: dict[str, deque[Hint]] = {}
        self._count = 0
        self._lock = threading.Lock()
        self._signalled = False
        self._collapses = 0
        self._overflows = 0

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Name the loop on which `filled` is waited for."""
        self._loop = loop

    def put(self, hint: Hint) -> None:
        """Called on watchdog's threads; never raises, or the thread would die silently."""
        name = hint.path.partition("/")[0]
        with self._lock:
            line = self._lines.get(name, ())
            if self._count >= self._limit and len(line) >= self._least:
                self._collapses += 1
            else:
                self._lines.setdefault(name, deque()).append(hint)
                self._count += 1
        self._signal()

    def kernel_overflowed(self) -> None:
        """Called on watchdog's thread when the kernel dropped events."""
        self._overflows += 1
        self._signal()

    def take(self, limit: int) -> list[Hint]:
        """The oldest hints of each customer; called on the loop."""
        self._signalled = False
        taken: list[Hint] = []
        with self._lock:
            for fewer, name in zip(range(len(self._lines), 0, -1), list(self._lines), strict=True):
                # Whoever was served goes to the end; what one leaves of a share is the others'.
                line = self._lines.pop(name)
                share = min(len(line), -(-(limit - len(taken)) // fewer))
                taken += [line.popleft() for _ in range(share)]
                if line:
                    self._lines[name] = line
            self._count -= len(taken)
        return taken

    def take_losses(self) -> tuple[int, int]:
        """(overflows of the kernel, hints we dropped) since the last call; called on the loop."""
        losses = self._overflows, self._collapses
        self._overflows -= losses[0]
        self._collapses -= losses[1]
        return losses

    def __len__(self) -> int:
        return self._count

    def _signal(self) -> None:
        if self._signalled or self._loop is None:
            return
        self._signalled = True
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self.filled.set)


class Handler(FileSystemEventHandler):
    """Filters and hands over, nothing else."""

    def __init__(self, root: str, box: HintBox) -> None:
        self._prefix = root + "/"
        self._box = box

    def dispatch(self, event: FileSystemEvent) -> None:
        path = os.fsdecode(event.dest_path or event.src_path)
        if path.startswith(self._prefix):
            closed = event.event_type in {EVENT_TYPE_CLOSED, EVENT_TYPE_MOVED}
            self._box.put(Hint(path[len(self._prefix) :], closed, event.is_directory))


class _Emitter(InotifyFullEmitter):
    """watchdog's emitter with our mask; the "full" one tells a rename from a creation."""

    def get_event_mask_from_filter(self) -> Mask:
        return _MASK


class _OverflowListener(logging.Handler):
    """watchdog tells of an overflow only in its log; its other lines quote paths and stop here."""

    def __init__(self, box: HintBox) -> None:
        super().__init__(logging.WARNING)
        self._box = box

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == _OVERFLOW_LOGGER and "overflow" in str(record.msg):
            self._box.kernel_overflowed()


class Watcher:
    """One inotify instance with watchdog's threads. All methods block; call them in a thread."""

    def __init__(self, root: Path, box: HintBox) -> None:
        """OSError (EMFILE) when there is no inotify instance left for us."""
        # The warning prints the names of all directories.
        warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"watchdog\.")
        before = _inotify_handles()
        self._inotify = InotifyFD()
        self._handles = _inotify_handles() - before
        self._observer = BaseObserver(_Emitter, inotify_fd=self._inotify)
        self._handler = Handler(str(root), box)
        self._listener = _OverflowListener(box)
        logger = logging.getLogger(_LOGGER)
        logger.addHandler(self._listener)
        logger.propagate = False
        logger.setLevel(logging.WARNING)
        self._inotify.start()
        self._observer.start()

    def arm(self, folder: Path, *, recursive: bool) -> ObservedWatch:
        """Watch a folder; OSError when that is not possible, such as ENOSPC without watches left.

        Events are handed over from before this returns.
        """
        return self._observer.schedule(self._handler, str(folder), recursive=recursive)

    def disarm(self, watch: ObservedWatch) -> None:
        """Stop watching; a watch that is already gone is no error."""
        with contextlib.suppress(KeyError):
            self._observer.unschedule(watch)

    def is_alive(self) -> bool:
        """Whether the threads that all watches share still run."""
        return self._inotify.is_alive() and self._observer.is_alive()

    def is_armed(self, watch: ObservedWatch) -> bool:
        """Whether this watch's own thread still runs."""
        return any(
            emitter.watch == watch and emitter.is_alive()
            for emitter in self._observer.emitters.copy()
        )

    def count(self) -> int:
        """Folders that the kernel really watches for us, see inotify in proc(5)."""
        return sum(_count_watches(handle) for handle in self._handles)

    def stop(self) -> None:
        """Stop all threads and give the inotify instance back."""
        self._observer.stop()
        self._observer.join(5.0)
        self._inotify.stop()
        self._inotify.join(5.0)
        logging.getLogger(_LOGGER).removeHandler(self._listener)


def _inotify_handles() -> set[int]:
    handles = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{name}") == "anon_inode:inotify":
                handles.add(int(name))
    return handles


def _count_watches(handle: int) -> int:
    try:
        text = Path(f"/proc/self/fdinfo/{handle}").read_bytes()
    except OSError:
        return 0
    return text.count(b"inotify wd:")
