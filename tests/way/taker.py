"""Takes one original away, as the gateway does once it was acknowledged; nothing else.

Usage: python -m tests.way.taker HOME; for each line of input, in a process of its own; its exit
status is answered.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from watcher.intake import opening
from watcher.model import Signature
from watcher.store import spool as folders
from watcher.store.spool import Spool, write_durably
from watcher.store.taking import take_away

DAY = 1_800_000_000.0


def take(home: Path) -> None:
    """The mark says, as the ledger does, that it is disposed of."""
    mark = home / "disposed"
    if mark.exists():
        return
    spool = Spool(home / "state")
    spool.prepare()
    inode, mtime_ns = map(int, (home / "seen").read_text().split())
    expected = Signature(home.stat().st_dev, inode, 3, mtime_ns)
    folder, name = opening.open_folder_of(home / "drop", "a.dcm", expected.device)
    take_away(folder, name, expected, spool.archived("north", "1", DAY))
    write_durably(mark, b"")


def main(home: Path) -> None:
    """Serve until the input ends."""
    assert not folders._unsynced
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            take(home)
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
