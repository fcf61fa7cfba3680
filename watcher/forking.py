"""The fork server from which worker processes come; importing this loads nothing else."""

from __future__ import annotations

import multiprocessing
from multiprocessing import forkserver
from multiprocessing.context import BaseContext


def context() -> BaseContext:
    """How workers are made: a new one is there in milliseconds.

    The fork server imports the heavy libraries once, and none of its children inherits the event
    loop, the ledger's connection or a socket.
    """
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(["watcher.prepare"])
    return made


def warm() -> None:
    """Start the fork server now, so that its libraries load while the caller loads its own."""
    context()
    forkserver.ensure_running()
