"""Retention by age and by size; what waits for an acknowledgement or a person is never let go."""

from __future__ import annotations

import os
from pathlib import Path

from tests.store.samples import prepared
from watcher.model import Reason, Signature, State
from watcher.store import retention
from watcher.store.database import connect
from watcher.store.ledger import Ledger
from watcher.store.records import Move
from watcher.store.retention import Bound, Item
from watcher.store.spool import Spool

NOW = 1_800_000_000.0
DAY = 86_400.0


def test_too_old_goes_then_the_oldest_of_too_much() -> None:
    """Zero is without end."""
    items = [Item("archive", Path(f"{age}"), NOW - age * DAY, 10) for age in (1, 5, 9)]
    ages = {
        bound: [item.path.name for item in retention.beyond(items, bound, NOW)]
        for bound in (Bound(0, 0), Bound(4, 0), Bound(0, 15), Bound(8, 25), Bound(0, 30))
    }
    assert list(ages.values()) == [[], ["9", "5"], ["9", "5"], ["9"], []]


def test_the_archive_counts_from_the_end_of_the_day(tmp_path: Path) -> None:
    """Not by the file's own time, which is the sender's."""
    spool = Spool(tmp_path)
    path = spool.archived("a", "x", NOW)
    path.write_bytes(b"12345")
    os.utime(path, (0, 0))
    (item,) = retention.archived(spool, "a")
    assert NOW < item.since <= NOW + DAY
    assert retention.remove([item]) == 5
    assert not path.parent.exists()


def test_only_what_is_done_with_may_go_from_outbox_and_quarantine(tmp_path: Path) -> None:
    """Delivered and disposed of; rejected by a person. Nothing else, however old."""
    spool = Spool(tmp_path)
    db = connect(tmp_path / "ledger.sqlite")
    ledger = Ledger(db)
    ways = {
        "queued": [],
        "staged": [State.STAGED],
        "fresh": [State.STAGED, State.DELIVERED],
        "done": [State.STAGED, State.DELIVERED],
        "held": [State.QUARANTINED],
        "rejected": [State.QUARANTINED, State.EXCLUDED],
    }
    names = {}
    for name, way in ways.items():
        ((id_, _),) = ledger.admit([("a", name, Signature(1, hash(name), 9, 1))], 1.0)
        names[id_] = name
        for state in way:
            reason = Reason.REJECTED_BY_PERSON if state is State.EXCLUDED else None
            ledger.move(id_, Move(state, reason, prepared=prepared(name)), 2.0)
        if name == "done":
            ledger.disposed([id_])
        (spool.outbox_of("a") / f"{id_}.png").write_bytes(b"x")
        folder = spool.quarantine / "a" / "burned-in"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{id_}.dcm").write_bytes(b"x")
    assert {names[i.path.stem] for i in retention.sent(spool, "a", db)} == {"done"}
    assert {names[i.path.stem] for i in retention.decided(spool, "a", db)} == {"done", "rejected"}
    db.close()
