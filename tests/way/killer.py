"""Runs the real gateway and kills it with SIGKILL before or after one named step.

Usage: python -m tests.way.killer MODULE:CLASS.METHOD before|after N SETTINGS
"""

from __future__ import annotations

import functools
import importlib
import inspect
import itertools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from watcher.cli import watcher


def main() -> None:
    """Arm the step and run until it is reached, or until drained."""
    point, when, count, settings = sys.argv[1:]
    arm(point, when, int(count))
    watcher(["run", "--settings", str(Path(settings)), "--drain"], standalone_mode=True)


def arm(point: str, when: str, count: int = 1) -> None:
    """At its `count`-th call, this MODULE:FUNCTION or MODULE:CLASS.METHOD ends the process."""
    module_name, _, path = point.partition(":")
    *owners, name = path.split(".")
    owner: Any = importlib.import_module(module_name)
    for each in owners:
        owner = getattr(owner, each)
    setattr(owner, name, _deadly(getattr(owner, name), when, itertools.count(1), count))


def _deadly(
    step: Callable[..., Any], when: str, calls: itertools.count[int], count: int
) -> Callable[..., Any]:
    @functools.wraps(step)
    async def waiting(*args: Any, **kwargs: Any) -> Any:
        now = next(calls) == count
        if now and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = await step(*args, **kwargs)
        if now:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    @functools.wraps(step)
    def plain(*args: Any, **kwargs: Any) -> Any:
        now = next(calls) == count
        if now and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = step(*args, **kwargs)
        if now:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return waiting if inspect.iscoroutinefunction(step) else plain


if __name__ == "__main__":
    main()
