"""The log: a JSON object a line and a readable console, with nothing in them that is unchecked."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from threading import RLock
from typing import Literal, Self, TextIO

from watcher.model import Reason, State
from watcher.observe.capture import Capture
from watcher.observe.console import is_coloured, readable
from watcher.observe.fields import NAME, WITHHELD, Field, checked, checked_steps
from watcher.options import LogOptions

Level = Literal["debug", "info", "warning", "error"]
_LEVELS: Mapping[Level, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
FILE_NAME = "watcher.jsonl"
_JSON = json.JSONEncoder(separators=(",", ":"))


class Log:
    """What is written about the work. Thread-safe; it never raises because of what it is given,
    nor because a disk is full: lines that were lost are counted in the next one that is not."""

    def __init__(self, folder: Path, options: LogOptions, console: Level = "debug") -> None:
        # The folder above, too: `parents` alone would make it as open as the umask says.
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        self._least = _LEVELS[options.level]
        self._least_shown = _LEVELS[console]
        self._file = _File(folder / FILE_NAME, options)
        self._console = _Console(sys.stderr) if options.console else None
        self._coloured = is_coloured(sys.stderr)
        self._lock = RLock()
        self._lost = 0
        self._capture = Capture(self.event)

    @classmethod
    def open(cls, folder: Path, options: LogOptions, console: Level = "debug") -> Self:
        """Write to `folder`, and take over what libraries and crashes would print.

        The console shows what is at least of the level `console`, on top of what `options` say.
        Raises OSError when the folder cannot be written. Undone by `close`.
        """
        log = cls(folder, options, console)
        log._capture.install()
        return log

    def moved(
        self,
        id_: str,
        customer: str,
        state: State,
        *,
        reason: Reason | None = None,
        detail: str = "",
        steps_ms: Mapping[str, float] | None = None,
    ) -> None:
        """One move of one instance."""
        steps = checked_steps(steps_ms or {})
        line: dict[str, object] = {
            "customer": checked("customer", customer),
            "id": checked("id", id_),
            "state": state.value,
        }
        if reason is not None:
            line["reason"] = reason.value
        if detail:
            line["detail"] = checked("detail", detail)
        if steps:
            line["ms"] = round(sum(steps.values()), 1)
            line["steps"] = steps
        self._write("warning" if state is State.QUARANTINED else "info", "moved", line)

    def event(self, name: str, *, level: Level = "info", **fields: Field) -> None:
        """Anything else. Text is written only in fields that are known to hold a checked form."""
        line = {key: checked(key, value) for key, value in fields.items() if value is not None}
        self._write(level, name if NAME.fullmatch(name) else WITHHELD, line)

    def close(self) -> None:
        """Give back what `open` took over, and the file."""
        self._capture.remove()
        self._file.close()

    def _write(self, level: Level, name: str, line: Mapping[str, object]) -> None:
        if _LEVELS[level] < self._least:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        whole = {"ts": now, "level": level, "event": name, **line}
        with self._lock:
            if self._lost:
                whole["lost"] = self._lost
            self._file.failed = False
            self._file.handle(_record(_JSON.encode(whole)))
            self._lost = self._lost + 1 if self._file.failed else 0
            if self._console is not None and _LEVELS[level] >= self._least_shown:
                self._console.handle(_record(readable(whole, coloured=self._coloured)))


class _File(RotatingFileHandler):
    """Files of bounded size and number that nobody else may read; a failure is noted, not told."""

    failed = False

    def __init__(self, path: Path, options: LogOptions) -> None:
        super().__init__(path, maxBytes=options.file_bytes, backupCount=options.files)

    def _open(self) -> TextIOWrapper:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self.baseFilename, flags, 0o600)
        os.fchmod(descriptor, 0o600)
        return os.fdopen(descriptor, "a", encoding="ascii")

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802 logging's name
        """As the base class, without asking the file system before every line."""
        if self.stream is None:
            self.stream = self._open()
        return 0 < self.maxBytes <= self.stream.tell() + len(record.msg) + 1

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 logging's name
        self.failed = True


class _Console(logging.StreamHandler[TextIO]):
    """The terminal, which may be gone, and may have a line of progress to be written over."""

    def emit(self, record: logging.LogRecord) -> None:
        if self.stream.isatty():
            record.msg = f"\r\x1b[K{record.msg}"
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 logging's name
        return


def _record(text: str) -> logging.LogRecord:
    return logging.LogRecord("watcher", logging.INFO, "", 0, text, None, None)
