"""What libraries and crashes would print: reduced to type and place, or dropped in a worker.

Messages of libraries quote element values and paths. No message is read here at all.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import warnings
from typing import Any, Literal, Protocol, TextIO

from watcher.observe.fields import Field
from watcher.observe.places import module_name, place_in, place_of, type_of

_Level = Literal["debug", "info", "warning", "error"]
_KINDS_KEPT = 1000


class Tell(Protocol):
    """Writes one line, as `Log.event` does."""

    def __call__(self, name: str, *, level: _Level = ..., **fields: Field) -> None: ...


class Capture:
    """Takes over logging's root, warnings and all hooks for errors that nobody caught.

    The same line of the same library is told of the 1st, 10th, 100th ... time only.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._counts: dict[tuple[str, ...], int] = {}
        self._lock = threading.Lock()
        self._handler = _Handler(self)
        self._before: dict[str, Any] = {}

    def install(self) -> None:
        """Take over. On a running loop its handler for errors is taken over, too."""
        root = logging.getLogger()
        self._before = {
            "handlers": root.handlers[:],
            "raise": logging.raiseExceptions,
            "last": logging.lastResort,
            "warning": warnings.showwarning,
            "hook": sys.excepthook,
            "thread": threading.excepthook,
            "unraisable": sys.unraisablehook,
        }
        root.handlers[:] = [self._handler]
        logging.raiseExceptions = False
        logging.lastResort = None
        warnings.showwarning = self._warned
        sys.excepthook = self._crashed
        threading.excepthook = self._thread_crashed
        sys.unraisablehook = self._unraisable
        loop = _running_loop()
        if loop is not None:
            loop.set_exception_handler(self._loop_failed)

    def remove(self) -> None:
        """Give everything back as it was."""
        if not self._before:
            return
        logging.getLogger().handlers[:] = self._before["handlers"]
        logging.raiseExceptions = self._before["raise"]
        logging.lastResort = self._before["last"]
        warnings.showwarning = self._before["warning"]
        sys.excepthook = self._before["hook"]
        threading.excepthook = self._before["thread"]
        sys.unraisablehook = self._before["unraisable"]
        self._before = {}
        loop = _running_loop()
        if loop is not None:
            loop.set_exception_handler(None)

    def told(self, record: logging.LogRecord) -> None:
        """A line of a library's logger."""
        if record.levelno < logging.WARNING:
            return
        level: _Level = "error" if record.levelno >= logging.ERROR else "warning"
        error = record.exc_info[1] if record.exc_info else None
        name = type_of(error) if error is not None else None
        place = place_of(error) if error is not None else f"{_file(record)}:{record.lineno}"
        self._say("library", level, library=_package(record.name), place=place, error=name)

    def _warned(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        name = module_name(category.__name__)
        place = f"{module_name(os.path.splitext(os.path.basename(filename))[0])}:{lineno}"
        self._say("warning", "warning", place=place, error=name)

    def _crashed(self, kind: type[BaseException], error: BaseException, trace: object) -> None:
        if isinstance(error, KeyboardInterrupt):
            return
        self._say("crash", "error", place=place_of(error), error=type_of(error))

    def _thread_crashed(self, args: threading.ExceptHookArgs) -> None:
        name = module_name(args.exc_type.__name__)
        self._say("thread-crash", "error", place=place_in(args.exc_traceback), error=name)

    def _unraisable(self, args: sys.UnraisableHookArgs) -> None:
        name = module_name(args.exc_type.__name__)
        self._say("unraisable", "error", place=place_in(args.exc_traceback), error=name)

    def _loop_failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException):
            self._say("task-crash", "error", place=place_of(error), error=type_of(error))
        else:
            self._say("loop-trouble", "error")

    def _say(self, name: str, level: _Level, **fields: str | None) -> None:
        key = (name, *(value or "" for value in fields.values()))
        with self._lock:
            if len(self._counts) >= _KINDS_KEPT:
                self._counts.clear()
            count = self._counts[key] = self._counts.get(key, 0) + 1
        if count == 10 ** (len(str(count)) - 1):
            self._tell(name, level=level, count=count, **fields)


class _Handler(logging.Handler):
    def __init__(self, capture: Capture) -> None:
        super().__init__()
        self._capture = capture

    def emit(self, record: logging.LogRecord) -> None:
        self._capture.told(record)


def quiet_worker() -> None:
    """Make this process silent for good: for the start of a worker, which has no log of its own.

    Standard input, output and error become /dev/null, for C libraries too; logging, warnings and
    all hooks are shut. What went wrong leaves a worker as an outcome, and in no other way.
    """
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    if null > 2:
        os.close(null)
    logging.raiseExceptions = False
    logging.lastResort = None
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    sys.excepthook = _nothing
    threading.excepthook = _nothing
    sys.unraisablehook = _nothing


def _nothing(*_: object) -> None:
    return


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _package(name: str) -> str:
    """The package that a logger belongs to, if its name is that of a loaded one."""
    package = name.partition(".")[0]
    return package.lower().replace("_", "-") if package in sys.modules else "other"


def _file(record: logging.LogRecord) -> str:
    return module_name(record.module)
