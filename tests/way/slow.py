"""Runs the real gateway with workers that take very long over some files, as over a long cine.

Usage: python -m tests.way.slow SETTINGS SECONDS; those with "long" in their names are meant.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from watcher import workers
from watcher.cli import watcher
from watcher.job import Job

_quick = workers._call


def call(name: str, argument: Any) -> Any:
    """As the real call, but later."""
    if isinstance(argument, Job) and "long" in argument.path:
        time.sleep(float(sys.argv[2]))
    return _quick(name, argument)


if __name__ == "__main__":
    workers._call = call
    watcher(["run", "--settings", sys.argv[1]], standalone_mode=True)
