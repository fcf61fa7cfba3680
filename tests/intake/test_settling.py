"""Settling: files are let go when they are at rest, no earlier, no later, and in bounded room."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.intake.settling import TICK, Quiet, Settling
from watcher.model import Signature

QUIET = Quiet(after_close=0.0, without_close=2.0, when_empty=30.0, act_anyway_after=60.0)
KEY = ("north", "a")


def content(size: int = 10, mtime: float = 0.0) -> Signature:
    """What a file of this size that was last changed then looks like."""
    return Signature(1, 2, size, int(mtime * 1e9))


@dataclass
class Bench:
    """One file under a Settling, with the owner's part played out step by step."""

    settling: Settling = field(default_factory=lambda: Settling(10))
    quiet: Quiet = QUIET
    now: float = 1000.0
    changed: float = 1000.0
    size: int = 10
    released: list[float] = field(default_factory=list)

    def write(self) -> None:
        """The file changes now."""
        self.size += 1
        self.changed = self.now

    def hint(self, *, closed: bool) -> None:
        """An event tells of the file."""
        self.settling.note(KEY, self.quiet, self.now, closed=closed)

    def scan(self) -> None:
        """A scan comes by."""
        if self.settling.offer(KEY, self.quiet, self.seen(), self.now, self.now - self.changed):
            self.released.append(self.now)

    def seen(self) -> Signature:
        """The file's look at this moment."""
        return content(self.size, self.changed)

    def pass_time(self, seconds: float) -> None:
        """Let time pass; the owner wakes whenever `next_due` says so."""
        end = self.now + seconds
        while (due := self.settling.next_due()) is not None and due <= end:
            self.now = max(self.now, due)
            for key in self.settling.due(self.now, 10):
                if self.settling.look(key, self.seen(), self.now, self.now - self.changed):
                    self.released.append(self.now)
        self.now = end


def test_a_closed_file_is_let_go_one_tick_after_its_last_change() -> None:
    """No fixed sleep: only the granularity of mtime is waited for."""
    bench = Bench()
    bench.hint(closed=False)
    bench.pass_time(0.5)
    bench.write()
    bench.hint(closed=True)
    bench.pass_time(10)
    assert bench.released == [pytest.approx(1000.5 + TICK)]


def test_a_renamed_file_that_was_at_rest_is_let_go_at_once() -> None:
    """Its mtime is that of its last write."""
    bench = Bench(changed=900.0)
    bench.hint(closed=True)
    bench.pass_time(0)
    assert bench.released == [1000.0]


def test_without_a_close_rest_is_asked_for() -> None:
    """`without_close` after the last change, however often it is looked at."""
    bench = Bench()
    bench.hint(closed=False)
    for _ in range(5):
        bench.pass_time(1)
        bench.write()
    bench.pass_time(10)
    assert bench.released == [pytest.approx(1007.0)]


def test_a_scan_lets_go_what_is_old_enough() -> None:
    """What lay there before the start does not wait."""
    bench = Bench(changed=900.0)
    bench.scan()
    assert bench.released == [1000.0]
    assert len(bench.settling) == 0


def test_an_mtime_in_the_future_does_not_hold_a_file_for_ever() -> None:
    """A sender's clock may be wrong: then rest is what we have seen ourselves."""
    bench = Bench(changed=99_999.0)
    bench.scan()
    bench.pass_time(10)
    assert bench.released == [pytest.approx(1002.0)]


def test_an_empty_file_has_its_own_patience() -> None:
    """Senders make an empty file first and fill it later, sometimes with a close between."""
    bench = Bench()
    bench.size = 0
    bench.hint(closed=True)
    bench.pass_time(29)
    assert bench.released == []
    bench.pass_time(2)
    assert bench.released == [pytest.approx(1030.0)]


def test_a_file_that_never_rests_is_let_go_by_the_second_clock() -> None:
    """It may be whole all the same; what is not is told by its structure later."""
    bench = Bench()
    bench.hint(closed=False)
    for _ in range(100):
        bench.pass_time(1)
        bench.write()
    assert bench.released == [pytest.approx(1060.0)]


def test_a_writer_that_closes_after_each_block_costs_one_look_per_quiet_time() -> None:
    """Not one per block."""
    bench = Bench()
    for _ in range(1000):
        bench.write()
        bench.hint(closed=True)
        bench.pass_time(0.02)
    assert 10 <= len(bench.released) <= 11
    bench.pass_time(5)
    assert bench.released[-1] >= bench.changed


def test_the_room_is_bounded_and_says_so() -> None:
    """What finds no room is refused, not forgotten in silence; what is at rest needs none."""
    settling = Settling(2)
    assert settling.note(("c", "1"), QUIET, 0.0, closed=False)
    assert settling.note(("c", "2"), QUIET, 0.0, closed=False)
    assert not settling.note(("c", "3"), QUIET, 0.0, closed=False)
    assert settling.note(("c", "1"), QUIET, 0.0, closed=True)
    assert settling.offer(("c", "4"), QUIET, content(), 0.0, 0.1) is None
    assert settling.offer(("c", "5"), QUIET, content(), 0.0, 9.9) == "scan"
    assert len(settling) == 2


def test_a_file_that_is_gone_is_dropped() -> None:
    """And may come back."""
    bench = Bench()
    bench.hint(closed=True)
    bench.settling.drop(KEY)
    bench.pass_time(10)
    assert bench.released == []
    bench.hint(closed=True)
    bench.pass_time(10)
    assert len(bench.released) == 1


def test_who_told_of_a_file_is_kept() -> None:
    """For counting what events have missed."""
    settling = Settling(10)
    settling.note(("c", "1"), QUIET, 0.0, closed=False)
    assert settling.offer(("c", "1"), QUIET, content(), 0.0, 9.0) == "event"
    assert settling.offer(("c", "2"), QUIET, content(), 0.0, 9.0) == "scan"


actions = st.lists(
    st.tuples(
        st.sampled_from(["write", "write and close", "close", "create", "scan", "nothing"]),
        st.floats(0.0, 20.0),
    ),
    max_size=40,
)
quiets = st.builds(
    Quiet,
    after_close=st.floats(0.0, 3.0),
    without_close=st.floats(0.0, 5.0),
    when_empty=st.floats(0.0, 40.0),
    act_anyway_after=st.floats(10.0, 60.0),
)


@given(quiets, actions)
def test_whatever_happens_nothing_is_let_go_too_early_or_too_late(
    quiet: Quiet, events: list[tuple[str, float]]
) -> None:
    """Each release shows the least rest that is ever asked for, or the second clock ran out; and
    the last content of a file that a scan comes by is let go in bounded time."""
    bench = Bench(quiet=quiet)
    least = max(min(quiet.after_close, quiet.without_close), TICK)
    for action, pause in events:
        before = len(bench.released)
        if "write" in action:
            bench.write()
        if "close" in action:
            bench.hint(closed=True)
        if action == "create":
            bench.hint(closed=False)
        if action == "scan":
            bench.scan()
        bench.pass_time(pause)
        for release in bench.released[before:]:
            rested = release - bench.changed >= least - 1e-6
            assert rested or release - 1000.0 >= quiet.act_anyway_after - 1e-6
        assert len(bench.settling) <= 1
    bench.write()
    last = bench.now
    bench.scan()
    bench.pass_time(quiet.without_close + quiet.after_close + TICK + 0.001)
    assert any(release >= last for release in bench.released)
    assert len(bench.settling) == 0


@given(st.lists(st.integers(0, 30), max_size=200))
def test_every_file_is_either_refused_or_comes_due(names: list[int]) -> None:
    """With many files and little room, none that was taken is left behind."""
    settling = Settling(8)
    taken = set()
    for step, name in enumerate(names):
        if settling.note(("c", str(name)), QUIET, step * 0.01, closed=False):
            taken.add(("c", str(name)))
        assert len(settling) <= 8
    let_go = set()
    while (due := settling.next_due()) is not None:
        for key in settling.due(due, 3):
            if settling.look(key, content(), due, 100.0):
                let_go.add(key)
    assert let_go == taken
    assert len(settling) == 0
