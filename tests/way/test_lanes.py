"""The lanes to the workers: customers take turns, and one lane is kept free of a backlog."""

from __future__ import annotations

from dataclasses import replace

from watcher.lanes import Lanes
from watcher.model import Signature, State
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


def waiting(lanes: Lanes, customer: str, *ids: str) -> None:
    """These wait."""
    for id_ in ids:
        lanes.put(replace(ROW, id=id_, customer=customer))


def taken(lanes: Lanes) -> str | None:
    """The next one; in the spare lane, with a star."""
    found = lanes.take()
    return None if found is None else found[0].id + "*" * found[1]


def done(lanes: Lanes, customer: str, *, spare: bool = False) -> None:
    """One of this customer's is done."""
    lanes.done(replace(ROW, customer=customer), spare)


def test_a_single_image_goes_before_what_was_fetched_of_anothers_backlog() -> None:
    """Within a customer the order stays; nobody is passed over for ever."""
    lanes = Lanes(9)
    waiting(lanes, "big", "b1", "b2", "b3", "b4")
    assert taken(lanes) == "b1"
    waiting(lanes, "urgent", "u1", "u2")
    assert [taken(lanes) for _ in range(6)] == ["u1*", "b2", "u2", "b3", "b4", None]
    assert len(lanes) == 0
    assert lanes.customers() == frozenset()


def test_a_backlog_does_not_get_the_spare_lane() -> None:
    """Another's single image does, at once; its second one waits as everybody does."""
    lanes = Lanes(2)
    waiting(lanes, "big", "b1", "b2", "b3")
    assert [taken(lanes) for _ in range(3)] == ["b1", "b2", None]
    waiting(lanes, "urgent", "u1", "u2")
    assert [taken(lanes) for _ in range(2)] == ["u1*", None]
    done(lanes, "urgent", spare=True)
    assert [taken(lanes) for _ in range(2)] == ["u2*", None]
    done(lanes, "big")
    assert taken(lanes) == "b3"


def test_a_customer_alone_has_one_handed_over_early_and_nobody_else_has() -> None:
    """It would wait for the end of another's job, and keep its customer from the spare lane."""
    lanes = Lanes(1, 1)
    waiting(lanes, "big", "b1", "b2", "b3")
    assert [taken(lanes) for _ in range(3)] == ["b1", "b2", None]
    waiting(lanes, "urgent", "u1", "u2")
    assert [taken(lanes) for _ in range(2)] == ["u1*", None]
    done(lanes, "urgent", spare=True)
    done(lanes, "big")
    assert [taken(lanes) for _ in range(2)] == ["u2*", None]
    done(lanes, "urgent", spare=True)
    assert [taken(lanes) for _ in range(2)] == ["b3", None]


def test_a_customer_alone_uses_no_spare_lane() -> None:
    """All lanes are there for whoever is the only one."""
    lanes = Lanes(1)
    waiting(lanes, "big", "b1", "b2")
    assert [taken(lanes) for _ in range(2)] == ["b1", None]
    done(lanes, "big")
    assert taken(lanes) == "b2"


def test_what_waits_can_be_given_back() -> None:
    """At a stop; what is under way is not touched."""
    lanes = Lanes(1)
    waiting(lanes, "big", "b1", "b2")
    assert taken(lanes) == "b1"
    assert [row.id for row in lanes.empty()] == ["b2"]
    assert taken(lanes) is None


def test_who_has_something_in_work_or_waiting_is_told() -> None:
    """Until the last of it is done, in whichever lane."""
    lanes = Lanes(1)
    waiting(lanes, "big", "b1", "b2")
    waiting(lanes, "urgent", "u1")
    assert [taken(lanes) for _ in range(2)] == ["b1", "u1*"]
    assert [lanes.hold(name) for name in ("big", "urgent", "none")] == [True, True, False]
    done(lanes, "urgent", spare=True)
    done(lanes, "big")
    assert [lanes.hold(name) for name in ("big", "urgent")] == [True, False]
    assert taken(lanes) == "b2"
    done(lanes, "big")
    assert not lanes.hold("big")
