"""The small queue in front of the workers: customers take turns."""

from __future__ import annotations

from dataclasses import replace

from watcher.model import Signature, State
from watcher.preparing import Turns
from watcher.store.records import Row

ROW = Row(
    id="",
    customer="",
    path="",
    origin="drop",
    signature=Signature(1, 2, 3, 4),
    state=State.QUEUED,
    reason="",
    detail="",
    attempts=1,
    deferrals=0,
    not_before=0,
    seen_at=0,
    changed_at=0,
    prepared=None,
    batch=None,
    disposed=False,
)


async def test_a_single_image_goes_before_what_was_fetched_of_anothers_backlog() -> None:
    """Within a customer the order stays; nobody is passed over for ever."""
    turns = Turns()
    for id_ in ("b1", "b2", "b3", "b4"):
        turns.put_nowait(replace(ROW, id=id_, customer="big"))
    assert (await turns.get()).id == "b1"
    for id_ in ("u1", "u2"):
        turns.put_nowait(replace(ROW, id=id_, customer="urgent"))
    assert [turns.get_nowait().id for _ in range(5)] == ["u1", "b2", "u2", "b3", "b4"]
    assert turns.empty()
    assert turns.customers() == frozenset()
