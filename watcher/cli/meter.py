"""How a backlog goes, told to whoever looks: left, rate, time to go."""

from __future__ import annotations

import sys
import time

import click

from watcher.cli.status import age
from watcher.progress import Progress

_CLEAR = "\r\x1b[K"
_PIPE_EVERY = 10.0  # seconds between two lines where nothing can be written over


class Meter:
    """One line on standard error: written over on a terminal, a new one now and then elsewhere.

    Call it with each Progress, and `close` it at the end, which leaves a line of what was done.
    """

    def __init__(self) -> None:
        self._over = sys.stderr.isatty()
        self._begun = self._told = time.monotonic()
        self._first: Progress | None = None
        self._last: Progress | None = None

    def __call__(self, progress: Progress) -> None:
        """Tell how it goes now."""
        self._first, self._last = self._first or progress, progress
        now = time.monotonic()
        if not self._over and now - self._told < _PIPE_EVERY:
            return
        self._told = now
        left = age(progress.seconds_left)
        self._say(f"{progress.pending} left, {progress.per_second:.1f}/s, {left} to go")

    def close(self) -> None:
        """The last line stays."""
        if self._first is None or self._last is None:
            return
        done = self._last.settled - self._first.settled
        took = age(time.monotonic() - self._begun)
        self._say(f"{done} settled in {took}, {self._last.pending} left")
        if self._over:
            click.echo(err=True)

    def _say(self, text: str) -> None:
        click.echo(f"{_CLEAR}{text}" if self._over else text, nl=not self._over, err=True)
