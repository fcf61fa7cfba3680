"""`watcher purge` on a box that has delivered something."""

from __future__ import annotations

import json

from tests.way.box import Box
from tests.way.images import ct, drop
from watcher.receiver.app import Running


async def test_purge_says_what_would_go_and_then_lets_it_go(box: Box, backend: Running) -> None:
    """One byte may stay, so all must go; the gateway itself keeps what it archived until then."""
    for number in range(2):
        drop(ct(number), box.drop / "north", f"{number}.dcm")
    assert (await box.drain()).code == 0
    bounded = Box(box.home, box.backend, "[archive]\nkeep_bytes = 1\n")
    settings = ("--settings", str(bounded.settings))
    size = sum(path.stat().st_size for path in box.archived())
    dry = await box.run("purge", "--dry-run", "--json", *settings)
    assert json.loads(dry.said)["found"] == [
        {"customer": "north", "area": "archive", "files": 2, "bytes": size}
    ]
    assert len(box.archived()) == 2
    assert "2 files" in (await box.run("purge", *settings)).said
    assert box.archived() == []
    assert "Nothing" in (await box.run("purge", *settings)).said
