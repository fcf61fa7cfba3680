"""A person holds one customer back: durable, and the others go on."""

from __future__ import annotations

from tests.way.box import Box
from tests.way.images import ct, drop
from watcher.receiver.app import Running


async def test_a_paused_customer_waits_over_a_restart_and_others_do_not(
    box: Box, backend: Running
) -> None:
    """What is staged waits too; resumed, all goes."""
    settings = ("--settings", str(box.settings))
    drop(ct(0), box.drop / "north", "0.dcm")
    assert (await box.drain()).code == 0
    assert (await box.run("pause", "north", *settings)).code == 0
    for number in (1, 2):
        drop(ct(number), box.drop / "north", f"{number}.dcm")
    drop(ct(3), box.drop / "south", "3.dcm")
    ended = await box.run("run", "--drain", "--patience", "3", *settings)
    assert ended.code == 3
    assert box.states() == {"delivered": 2, "queued": 2}
    assert (await box.run("resume", "north", *settings)).code == 0
    assert (await box.run("resume", "north", *settings)).code == 4
    assert (await box.run("pause", "nobody", *settings)).code == 4
    assert (await box.drain()).code == 0
    assert box.states() == {"delivered": 4}
