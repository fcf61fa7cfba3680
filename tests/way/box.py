"""An edge box in a temporary folder: its settings, real `watcher` processes, what is on disk."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# A start compiles every module anew where bytecode is not kept: 7 s instead of 2 s each.
_BYTECODE = Path(tempfile.gettempdir(), f"watcher-bytecode-{os.getuid()}")
ENVIRONMENT = {
    **{k: v for k, v in os.environ.items() if not k.startswith(("WATCHER_", "PYTHON"))},
    "PYTHONPYCACHEPREFIX": str(_BYTECODE),
    "PYTHONPATH": str(Path(__file__).parents[2]),
}


@dataclass(frozen=True)
class Ended:
    """How a process ended, and all it said."""

    code: int
    said: str


@dataclass(frozen=True)
class Box:
    """One state folder and drop folder below `home`, sending to `backend`."""

    home: Path
    backend: str = "embedded"
    more: str = ""

    @property
    def drop(self) -> Path:
        return self.home / "local_dcm"

    @property
    def state(self) -> Path:
        return self.home / "state"

    @property
    def settings(self) -> Path:
        path = self.home / "settings.toml"
        path.write_text(
            "[intake]\nscan_every = 0.5\nquiet_without_close = 0.2\n"
            f'[deliver]\nurl = "{self.backend}"\nretry_first = 0.05\nretry_longest = 0.5\n'
            "breaker_rest = 0.1\nconcurrency = 1\n"
            "[disk]\nstop_below = 0\nresume_above = 0\nballast = 0\n"
            f'[observe]\nlisten = "off"\n[workers]\nprocesses = 1\n{self.more}',
            encoding="utf-8",
        )
        return path

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        """Start `watcher` (or, with "-m", another module) with these arguments."""
        command = arguments if arguments[0] == "-m" else ("-m", "watcher", *arguments)
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            cwd=self.home,
            env=ENVIRONMENT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def run(self, *arguments: str, within: float = 120.0) -> Ended:
        """Run a verb to its end."""
        process = await self.start(*arguments)
        try:
            said, _ = await asyncio.wait_for(process.communicate(), within)
        except TimeoutError:
            process.kill()
            said, _ = await process.communicate()
            raise AssertionError(f"not ended within {within} s: {said.decode()}") from None
        return Ended(process.returncode or 0, said.decode())

    async def drain(self) -> Ended:
        """`watcher run --drain`."""
        return await self.run("run", "--settings", str(self.settings), "--drain")

    def ledger(self) -> sqlite3.Connection:
        """A look at the ledger, past the product's own code."""
        return sqlite3.connect(self.state / "ledger.sqlite")

    def states(self) -> Counter[str]:
        """How many files are in which state."""
        with self.ledger() as db:
            return Counter(state for (state,) in db.execute("SELECT state FROM instances"))

    def reasons(self) -> Counter[str]:
        """How many files are there for which reason."""
        with self.ledger() as db:
            return Counter(
                r for (r,) in db.execute("SELECT reason FROM instances WHERE reason<>''")
            )

    def dropped(self) -> list[Path]:
        """What still lies in the drop folder."""
        return sorted(path for path in self.drop.rglob("*") if path.is_file())

    def archived(self) -> list[Path]:
        """The originals in the archive."""
        return sorted(path for path in (self.state / "archive").rglob("*.dcm") if path.is_file())

    def log(self) -> list[dict[str, Any]]:
        """The lines of the log."""
        text = (self.state / "log" / "watcher.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]
