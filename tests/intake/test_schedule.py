"""When a folder is scanned next."""

from __future__ import annotations

from watcher.intake.customer import Schedule


def test_room_that_is_made_during_a_scan_is_used_when_it_ends() -> None:
    """It left files behind: the next one does not leave twice its time free first."""
    schedule = Schedule()
    schedule.begin()
    schedule.resume()
    schedule.end(started=10.0, now=13.0, every=30.0)
    assert schedule.due == 13.0
    schedule.begin()
    schedule.end(started=13.0, now=16.0, every=30.0)
    assert schedule.due == 46.0


def test_a_hurried_scan_leaves_twice_the_last_ones_time_free() -> None:
    """Events that are lost again and again must not keep the disk busy."""
    schedule = Schedule()
    schedule.begin()
    schedule.hurry()
    schedule.end(started=10.0, now=13.0, every=30.0)
    assert schedule.due == 19.0
