"""The whole way over a ledger that was damaged between two starts."""

from __future__ import annotations

import pytest

from tests.way.box import Box
from tests.way.images import ct, drop
from watcher.receiver.app import Running


@pytest.mark.parametrize(
    ("harm", "backup"), [("damaged", "kept"), ("damaged", "gone"), ("removed", "gone")]
)
async def test_a_lost_ledger_costs_nothing_and_sends_nothing_twice(
    box: Box, backend: Running, harm: str, backup: str
) -> None:
    """Two delivered, one refused; then the ledger is lost and the same files come again."""
    nameless = ct(7)
    del nameless.SOPInstanceUID
    drop(nameless, box.drop / "north", "nameless.dcm")
    for number in range(2):
        drop(ct(number), box.drop / "north", f"{number}.dcm")
    assert (await box.drain()).code == 0
    path = box.state / "ledger.sqlite"
    path.write_bytes(path.read_bytes()[:5000] + b"\xa5" * 30_000)
    if harm == "removed":
        path.unlink()
    if backup == "gone":
        (box.state / "backup" / "ledger.sqlite").unlink()
    for number in range(3):
        drop(ct(number), box.drop / "north", f"again-{number}.dcm")
    ended = await box.drain()
    assert ended.code == 0, ended.said
    assert box.states() == {"delivered": 3, "duplicate": 2, "quarantined": 1}
    assert sorted(backend.receiver.shelf.images.values()) == [1] * 3
    assert [line["restored"] for line in box.log() if line["event"] == "ledger-unsound"] == [
        backup == "kept"
    ]
