"""Roots and watches that are lost are told of and come back by themselves; nothing is lost."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from watchdog.events import FileSystemEvent
from watchdog.observers.inotify import InotifyEmitter
from watchdog.observers.inotify_c import InotifyFD, inotify_rm_watch

from tests.intake.running import Running, make, move, old, paths, running
from watcher.intake import Trouble, guard, patrol, scanning
from watcher.intake.scanning import Identity
from watcher.intake.watching import Handler, Hint, HintBox


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds and retries without the patience of a real box."""
    monkeypatch.setattr(patrol, "ROUND_EVERY", 0.05)
    monkeypatch.setattr(guard, "RETRY_AFTER", 0.2)


def trouble_of(house: Running, customer: str = "north") -> Trouble | None:
    """What is shown for one customer."""
    return house.intake.health.customers[customer].trouble


async def events_work(house: Running, folder: Path, name: str) -> None:
    """A file that is dropped now is told of by an event."""
    (folder / name).write_bytes(b"1")
    (arrival,) = await house.take(1)
    assert (arrival.path, arrival.hint) == (name, "event")


async def test_all_is_well(root: Path, north: Path) -> None:
    """The picture without any trouble."""
    async with running(root) as house:
        await house.armed("north")
        health = house.intake.health
        assert not health.degraded
        assert (health.root.mode, health.customers["north"].mode) == ("events", "events")
        await events_work(house, north, "a")


async def test_a_root_that_is_removed_and_made_again(root: Path, north: Path) -> None:
    """watchdog's threads all live on, and are deaf."""
    async with running(root) as house:
        await house.armed("north")
        shutil.rmtree(root)
        await house.until(lambda: house.intake.health.root.trouble is Trouble.MISSING)
        since = house.intake.health.root.since
        assert house.intake.health.degraded
        await asyncio.sleep(0.2)
        assert house.intake.health.root.since == since
        make(north)
        old(north / "a")
        (arrival,) = await house.take(1)
        assert (arrival.path, arrival.hint) == ("a", "scan")
        await house.until(lambda: not house.intake.health.degraded)
        await events_work(house, north, "b")


async def test_a_root_that_is_renamed_and_comes_back(root: Path, north: Path) -> None:
    """Its files are no new ones when it comes back; what fell in meanwhile is found."""
    async with running(root) as house:
        await house.armed("north")
        await events_work(house, north, "a")
        move(root, root.with_name("away"))
        await house.until(lambda: house.intake.health.root.trouble is Trouble.MISSING)
        old(root.with_name("away") / "north" / "b")
        await asyncio.sleep(0.2)
        move(root.with_name("away"), root)
        assert paths(await house.take(1)) == ["b"]
        await house.until(lambda: not house.intake.health.degraded)
        await events_work(house, north, "c")
        assert await house.take_all(still=0.4) == []


async def test_a_customers_folder_that_is_replaced_between_two_rounds(
    root: Path, north: Path
) -> None:
    """Another folder under the same name is watched anew."""
    async with running(root) as house:
        await house.armed("north")
        shutil.rmtree(north)
        make(north)
        old(north / "a")
        assert paths(await house.take(1)) == ["a"]
        await house.until(lambda: trouble_of(house) is None)
        await house.until(lambda: house.intake.idle)
        await events_work(house, north, "b")


async def test_a_customers_folder_that_is_missing_for_a_while(root: Path, north: Path) -> None:
    """It is shown; and when it is there again as it was, nothing in it is new."""
    async with running(root) as house:
        await house.armed("north")
        await events_work(house, north, "a")
        move(north, root.with_name("away"))
        await house.until(lambda: trouble_of(house) is Trouble.MISSING)
        assert house.intake.health.root.trouble is None
        move(root.with_name("away"), north)
        await house.until(lambda: trouble_of(house) is None)
        await house.until(lambda: house.intake.idle)
        await events_work(house, north, "b")
        assert await house.take_all(still=0.4) == []


async def test_a_customers_folder_that_gets_another_name(root: Path, north: Path) -> None:
    """Then it is another customer, with the same files."""
    async with running(root) as house:
        await house.armed("north")
        await events_work(house, north, "a")
        move(north, root / "south")
        (arrival,) = await house.take(1)
        assert (arrival.customer, arrival.path) == ("south", "a")
        await house.armed("south")
        await house.until(lambda: house.intake.idle)
        await events_work(house, root / "south", "b")


async def test_a_customers_folder_that_cannot_be_read(
    root: Path, north: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is shown, its files are not called gone, and it comes back by itself."""
    broken = threading.Event()
    real = os.open

    def open_(path: Path, flags: int, *rest: int, dir_fd: int | None = None) -> int:
        if broken.is_set() and path == north:
            raise PermissionError(errno.EACCES, "")
        return real(path, flags, *rest, dir_fd=dir_fd)

    async with running(root, scan_every=0.1) as house:
        await house.armed("north")
        await events_work(house, north, "a")
        monkeypatch.setattr(os, "open", open_)
        broken.set()
        await house.until(lambda: trouble_of(house) is Trouble.UNREADABLE)
        old(north / "b")
        broken.clear()
        assert paths(await house.take(1)) == ["b"]
        await house.until(lambda: trouble_of(house) is None)
        assert await house.take_all(still=0.4) == []


async def test_no_inotify_instance_is_left(
    root: Path, north: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scans do the work until there is one."""

    def none_left() -> int:
        raise OSError(errno.EMFILE, "inotify instance limit reached")

    with monkeypatch.context() as patch:
        patch.setattr(InotifyFD, "_create_inotify_fd", staticmethod(none_left))
        async with running(root, scan_every=0.1) as house:
            await house.until(lambda: house.intake.health.root.trouble is Trouble.OUT_OF_WATCHES)
            old(north / "a")
            (arrival,) = await house.take(1)
            assert arrival.hint == "scan"
            assert trouble_of(house) is Trouble.OUT_OF_WATCHES
            assert house.intake.health.customers["north"].mode == "scan"
            patch.undo()
            await house.until(lambda: not house.intake.health.degraded)
            await house.until(lambda: house.intake.health.customers["north"].mode == "events")
            (north / "b").write_bytes(b"1")
            assert paths(await house.take(1)) == ["b"]


async def test_no_watches_are_left_for_sub_folders(
    root: Path, north: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """watchdog keeps silent about it; the kernel's own list does not."""
    for index in range(5):
        (north / str(index)).mkdir()
    real = InotifyFD.add_callback

    def add_callback(self: InotifyFD, path: bytes, *rest: object) -> object:
        if path.endswith(b"/3"):
            raise OSError(errno.ENOSPC, "inotify watch limit reached")
        return real(self, path, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(InotifyFD, "add_callback", add_callback)
        async with running(root, scan_every=0.1) as house:
            await house.until(lambda: house.intake.health.root.trouble is Trouble.OUT_OF_WATCHES)
            old(north / "3" / "a")
            (arrival,) = await house.take(1)
            assert (arrival.path, arrival.hint) == ("3/a", "scan")
            patch.undo()
            await house.until(lambda: not house.intake.health.degraded)


async def test_watches_that_the_kernel_took_away_are_made_again(
    root: Path, north: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an unmount and a mount between two rounds, when all looks as before."""
    made: list[InotifyFD] = []
    real = InotifyFD.__init__

    def init(self: InotifyFD) -> None:
        real(self)
        made.append(self)

    monkeypatch.setattr(InotifyFD, "__init__", init)
    async with running(root, scan_every=0.1) as house:
        await house.armed("north")
        await events_work(house, north, "a")
        for descriptor in list(made[0]._watch_for_wd):
            inotify_rm_watch(made[0]._inotify_fd, descriptor)
        await house.until(lambda: house.intake.counters.totals.watch_starts == 2)
        await house.until(lambda: not house.intake.health.degraded)
        await house.until(lambda: house.intake.idle)
        (north / "b").write_bytes(b"1")
        assert paths(await house.take(1)) == ["b"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("thread", ["reader", "emitter", "handler"])
async def test_a_thread_of_watchdog_that_dies_is_replaced(
    root: Path, north: Path, monkeypatch: pytest.MonkeyPatch, thread: str
) -> None:
    """Whichever it is; and what came meanwhile is found."""

    def die(*_: object, **__: object) -> None:
        raise RuntimeError

    async with running(root) as house:
        await house.armed("north")
        with monkeypatch.context() as patch:
            if thread == "reader":
                patch.setattr(InotifyFD, "handle_event", die)
            elif thread == "emitter":
                patch.setattr(InotifyEmitter, "queue_event", die)
            else:
                patch.setattr(HintBox, "put", die)
            old(north / "a")
            await asyncio.sleep(0.1)
        (arrival,) = await house.take(1)
        assert (arrival.path, arrival.hint) == ("a", "scan")
        await house.until(lambda: not house.intake.health.degraded)
        await house.until(lambda: house.intake.idle)
        await events_work(house, north, "b")


async def test_a_mount_that_hangs_is_shown_and_holds_up_nobody(
    root: Path, north: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead server's mount blocks whoever touches it."""
    (root / "dead").mkdir()
    alive = threading.Event()

    def identify(folder: Path) -> Identity:
        if folder.name == "dead":
            alive.wait()
        return scanning.identify(folder)

    monkeypatch.setattr("watcher.intake.patrol.identify", identify)
    monkeypatch.setattr(patrol, "STUCK_AFTER", 0.2)
    try:
        async with running(root) as house:
            await house.armed("north")
            await events_work(house, north, "a")
            await house.until(lambda: trouble_of(house, "dead") is Trouble.STUCK)
            assert trouble_of(house, "north") is None
            alive.set()
            await house.until(lambda: trouble_of(house, "dead") is None)
            await house.until(lambda: house.intake.idle)
            await events_work(house, root / "dead", "b")
    finally:
        alive.set()


async def test_a_folder_whose_name_is_not_usable_is_told_by_its_inode(root: Path) -> None:
    """A name may be a patient's; nothing in it is taken."""
    odd = root / "Doe^Jane 1970"
    odd.mkdir()
    old(odd / "a")
    async with running(root) as house:
        await house.armed("north")
        health = house.intake.health
        assert health.illegal == (odd.stat().st_ino,)
        assert health.degraded
        assert "Doe" not in repr(health)
        odd.rename(root / "jane")
        (arrival,) = await house.take(1)
        assert arrival.customer == "jane"
        await house.until(lambda: not house.intake.health.degraded)


async def test_watchdogs_names_of_folders_reach_no_output(
    root: Path, north: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """It warns of folders that are renamed, by their names."""
    async with running(root, scan_every=0.1) as house:
        await house.armed("north")
        for index in range(20):
            folder = north / f"DOE^JANE-{index}" / "series"
            folder.mkdir(parents=True)
            old(folder / "a")
            (north / f"DOE^JANE-{index}").rename(north / f"ROE^JANE-{index}")
        await house.take_all(still=0.5)
        shutil.rmtree(north)
        await house.until(lambda: trouble_of(house) is Trouble.MISSING)
    out, err = capfd.readouterr()
    assert "JANE" not in out + err + caplog.text


@pytest.mark.skipif(
    subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode != 0,
    reason="no mounts of our own are allowed here",
)
def test_a_folder_that_is_mounted_over_and_unmounted(root: Path) -> None:
    """Run with a mount table of its own, see mounting.py."""
    script = Path(__file__).with_name("mounting.py")
    environment = {**os.environ, "PYTHONPATH": str(script.parents[2])}
    done = subprocess.run(
        ["unshare", "-rm", sys.executable, str(script), str(root)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == ["under", "over", "late", "event", "unmounted"], done.stderr


def test_an_event_handler_that_gets_a_strange_event_lives_on() -> None:
    """Paths outside the root, and bytes instead of str."""
    box = HintBox(10)
    handler = Handler("/drop", box)
    handler.dispatch(FileSystemEvent("/elsewhere/a"))
    handler.dispatch(FileSystemEvent("/drop"))
    handler.dispatch(FileSystemEvent(b"/drop/north/\xff"))
    assert [os.fsencode(hint.path) for hint in box.take(10)] == [b"north/\xff"]


def test_one_customers_hints_do_not_stand_before_anothers() -> None:
    """Nor does a box that one has filled refuse another's first ones; the order of each stays."""
    box = HintBox(40)
    told = [*(f"big/{n}" for n in range(50)), "urgent/1", "urgent/2"]
    for path in told:
        box.put(Hint(path, closed=True, folder=False))
    assert box.take_losses() == (0, 10)
    assert [hint.path for hint in box.take(4)] == ["big/0", "big/1", "urgent/1", "urgent/2"]
    assert [hint.path for hint in box.take(99)] == [f"big/{n}" for n in range(2, 40)]
    assert len(box) == 0
