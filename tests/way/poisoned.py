"""Runs the real gateway with workers that die on one file, as a codec with a bug would.

Usage: python -m tests.way.poisoned SETTINGS NAME
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from watcher import workers
from watcher.cli import watcher
from watcher.job import Job

_healthy = workers._call


def call(name: str, argument: Any) -> Any:
    """As the real call; but a job for the poisoned file kills its process."""
    if isinstance(argument, Job) and argument.path.endswith(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGSEGV)
    return _healthy(name, argument)


if __name__ == "__main__":
    workers._call = call
    watcher(["run", "--settings", sys.argv[1], "--drain"], standalone_mode=True)
