"""Every file that comes to rest is handed out, once, however it came; with a real inotify."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from watchdog.observers.inotify_c import InotifyEvent, InotifyFD

from tests.intake.running import age, at_work, fill, old, options_of, paths, running
from watcher.intake import Arrival, Intake, open_source, signature
from watcher.intake.scanning import look_at


def content_of(root: Path, arrival: Arrival) -> bytes:
    """What a worker would read."""
    descriptor = open_source(root / arrival.customer, arrival.path)
    with os.fdopen(descriptor, "rb") as file:
        assert signature(file.fileno()) == arrival.signature
        return file.read()


async def test_what_lay_there_before_the_start_is_taken(root: Path, north: Path) -> None:
    """At once when it is old, and with all that describes it."""
    (north / "s").mkdir()
    old(north / "s" / "a")
    async with running(root) as house:
        (arrival,) = await house.take(1, within=2)
    assert (arrival.customer, arrival.path, arrival.hint) == ("north", "s/a", "scan")
    assert arrival.signature == look_at(str(north / "s" / "a"))
    assert abs(arrival.seen - time.time()) < 10


async def test_a_closed_file_is_handed_out_in_moments(root: Path, north: Path) -> None:
    """By its event: no scan comes by here."""
    async with running(root) as house:
        await house.armed("north")
        for index in range(5):
            started = time.monotonic()
            (north / f"{index}.dcm").write_bytes(b"whole")
            (arrival,) = await house.take(1)
            assert time.monotonic() - started < 0.25
            assert arrival.hint == "event"
            assert content_of(root, arrival) == b"whole"


async def test_a_move_out_of_the_folder_does_not_hold_up_the_next_arrival(
    tmp_path: Path, root: Path, north: Path
) -> None:
    """Each original that is archived is one. watchdog would wait half a second for its partner."""
    async with running(root) as house:
        await house.armed("north")
        (north / "a").write_bytes(b"1")
        await house.take(1)
        (north / "a").rename(tmp_path / "archived")
        started = time.monotonic()
        (north / "b").write_bytes(b"1")
        await house.take(1)
        assert time.monotonic() - started < 0.25


async def rename_in(root: Path, source: Path, count: int) -> None:
    """Move finished files in as fast as one thread can."""

    def move() -> None:
        for index in range(count):
            os.rename(source / str(index), root / "north" / f"{index}.dcm")

    await asyncio.to_thread(move)


async def renames_arrive_once(tmp_path: Path, root: Path, count: int) -> None:
    """All of them, each once, whatever the kernel dropped."""
    source = tmp_path / "source"
    source.mkdir()
    fill(source, count)
    async with running(root) as house:
        await house.armed("north")
        moving = asyncio.create_task(rename_in(root, source, count))
        arrivals = await house.take(count, within=30 + count / 1000)
        await moving
        assert await house.take_all() == []
    assert len(set(paths(arrivals))) == count


async def test_five_thousand_renames(tmp_path: Path, root: Path) -> None:
    """The short run."""
    await renames_arrive_once(tmp_path, root, 5_000)


@pytest.mark.long
async def test_sixty_thousand_renames(tmp_path: Path, root: Path) -> None:
    """More than the kernel's queue holds."""
    await renames_arrive_once(tmp_path, root, 60_000)


async def nested_folders_arrive_once(root: Path, folders: int) -> None:
    """Thirty files in each of many folders that are made while files fall into them."""

    def make() -> None:
        for index in range(folders):
            folder = root / "north" / f"{index % 7}" / f"{index % 11}" / str(index)
            folder.mkdir(parents=True)
            for name in range(30):
                (folder / str(name)).write_bytes(b"1")

    async with running(root, scan_every=1.0) as house:
        await house.armed("north")
        making = asyncio.create_task(asyncio.to_thread(make))
        arrivals = await house.take(folders * 30, within=60)
        await making
        assert await house.take_all() == []
    assert len(set(paths(arrivals))) == folders * 30


async def test_files_in_newly_made_nested_folders(root: Path) -> None:
    """watchdog loses their close events, and sometimes all their events."""
    await nested_folders_arrive_once(root, 30)


@pytest.mark.long
async def test_nine_thousand_files_in_newly_made_nested_folders(root: Path) -> None:
    """The long run."""
    await nested_folders_arrive_once(root, 300)


async def test_a_folder_that_is_moved_in_is_taken_in_moments(
    tmp_path: Path, root: Path, north: Path
) -> None:
    """With all that is in it; and what is dropped into it later is told by events."""
    study = tmp_path / "study"
    (study / "series").mkdir(parents=True)
    for index in range(50):
        old(study / "series" / str(index))
    async with running(root) as house:
        await house.armed("north")
        study.rename(north / "study")
        arrivals = await house.take(50, within=2)
        assert len(set(paths(arrivals))) == 50
        (north / "study" / "series" / "late").write_bytes(b"1")
        (late,) = await house.take(1)
        assert (late.path, late.hint) == ("study/series/late", "event")
        (north / "study").rename(north / "renamed")
        assert len(set(paths(await house.take(51, within=5)))) == 51
        (north / "renamed" / "series" / "last").write_bytes(b"1")
        (last,) = await house.take(1)
        assert (last.path, last.hint) == ("renamed/series/last", "event")


async def test_a_hard_link_is_taken(tmp_path: Path, root: Path, north: Path) -> None:
    """It shows `created` only."""
    (tmp_path / "a").write_bytes(b"linked")
    async with running(root) as house:
        await house.armed("north")
        os.link(tmp_path / "a", north / "a")
        (arrival,) = await house.take(1, within=3)
        assert content_of(root, arrival) == b"linked"


async def test_a_file_that_is_made_without_a_name_is_taken(root: Path, north: Path) -> None:
    """O_TMPFILE and linkat: `created` only, too."""
    try:
        nameless = os.open(north, os.O_TMPFILE | os.O_WRONLY)
    except OSError:
        pytest.skip("no O_TMPFILE on this file system")
    async with running(root) as house:
        await house.armed("north")
        os.write(nameless, b"whole")
        # With a directory descriptor os.link follows the link in /proc, as it says it does.
        os.link(f"/proc/self/fd/{nameless}", north / "a", src_dir_fd=nameless)
        os.close(nameless)
        (arrival,) = await house.take(1, within=3)
        assert content_of(root, arrival) == b"whole"


async def slow_writer_is_waited_for(root: Path, seconds: float) -> None:
    """Nothing before the close, then at once."""
    path = root / "north" / "slow"
    async with running(root) as house:
        await house.armed("north")
        with path.open("wb", buffering=0) as file:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                file.write(b"x" * 2500)
                await asyncio.sleep(0.05)
            assert house.intake.counters.ready == 0
        closed = time.monotonic()
        (arrival,) = await house.take(1)
        assert time.monotonic() - closed < 0.25
        assert arrival.signature.size == path.stat().st_size


async def test_a_slow_writer_is_waited_for(root: Path) -> None:
    """For five quiet times."""
    await slow_writer_is_waited_for(root, 1.5)


@pytest.mark.long
async def test_a_writer_of_fifty_kilobytes_a_second_is_waited_for(root: Path) -> None:
    """For a minute."""
    await slow_writer_is_waited_for(root, 60)


async def test_a_writer_that_opens_and_appends_is_handed_out_to_its_last_byte(
    root: Path, north: Path
) -> None:
    """Its parts may be, too, but each state at most once; its structure tells whole from part."""
    async with running(root) as house:
        await house.armed("north")
        for _ in range(100):
            with (north / "log").open("ab") as file:
                file.write(b"x" * 100)
            await asyncio.sleep(0.01)
        arrivals = await house.take_all(still=1.0)
        sizes = [arrival.signature.size for arrival in arrivals]
        assert sizes[-1] == 10_000
        assert len(set(sizes)) == len(sizes) <= 8


async def test_a_file_that_is_rewritten_in_place_is_handed_out_again(
    root: Path, north: Path
) -> None:
    """With the same size, within the same tick of the clock that stamps files."""
    async with running(root) as house:
        await house.armed("north")
        (north / "a").write_bytes(b"first")
        (north / "a").write_bytes(b"other")
        arrivals = await house.take_all(still=1.0)
        assert content_of(root, arrivals[-1]) == b"other"
        (north / "a").write_bytes(b"third")
        (again,) = await house.take(1)
        assert content_of(root, again) == b"third"
        assert len({arrival.signature for arrival in [*arrivals, again]}) == len(arrivals) + 1


async def test_a_file_that_is_truncated_is_handed_out_again(root: Path, north: Path) -> None:
    """truncate(2) closes nothing: the scan sees it."""
    async with running(root, scan_every=0.2) as house:
        await house.armed("north")
        (north / "a").write_bytes(b"12345678")
        assert [each.signature.size for each in await house.take(1)] == [8]
        os.truncate(north / "a", 4)
        assert [each.signature.size for each in await house.take(1, within=3)] == [4]
        assert await house.take_all(still=0.6) == []


def start_dying_writer(path: Path) -> subprocess.Popen[bytes]:
    """A process that has written half of a file, and keeps it open."""
    script = "import sys, time; f = open(sys.argv[1], 'wb', 0); f.write(b'half'); time.sleep(60)"
    return subprocess.Popen([sys.executable, "-c", script, str(path)])


async def test_a_writer_that_dies_halfway_leaves_one_arrival(root: Path, north: Path) -> None:
    """Its file is what it is now; nothing but its structure can tell."""
    async with running(root, scan_every=0.2, quiet_without_close=30.0) as house:
        await house.armed("north")
        writer = start_dying_writer(north / "half")
        await house.until(lambda: (north / "half").exists() and (north / "half").stat().st_size)
        assert house.intake.counters.ready == 0
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        (arrival,) = await house.take(1, within=2)
        assert content_of(root, arrival) == b"half"
        assert await house.take_all(still=0.6) == []


async def test_temporary_names_are_taken_when_they_are_renamed(root: Path, north: Path) -> None:
    """Not before; meanwhile they are counted."""
    age(old(north / "old.part"), 200_000)
    async with running(root, scan_every=0.2) as house:
        await house.armed("north")
        (north / "a.dcm.part").write_bytes(b"1")
        (north / ".a.dcm.x7Qz").write_bytes(b"1")
        await house.until(lambda: house.intake.counters.ignored == 3)
        assert house.intake.counters.stale == 1
        assert house.intake.counters.ready == 0
        (north / "a.dcm.part").rename(north / "a.dcm")
        (north / ".a.dcm.x7Qz").rename(north / "b.dcm")
        assert paths(await house.take(2)) == ["a.dcm", "b.dcm"]
        await house.until(lambda: house.intake.counters.ignored == 1)


async def test_an_empty_file_gets_time_to_be_filled(root: Path, north: Path) -> None:
    """And is handed out as it is when that is over."""
    async with running(root, quiet_when_empty=0.5) as house:
        await house.armed("north")
        (north / "filled").touch()
        (north / "empty").touch()
        await asyncio.sleep(0.2)
        assert house.intake.counters.ready == 0
        (north / "filled").write_bytes(b"content")
        first, second = await house.take(2)
        assert (first.path, first.signature.size) == ("filled", 7)
        assert (second.path, second.signature.size) == ("empty", 0)


async def test_links_and_special_files_are_never_handed_out(
    tmp_path: Path, root: Path, north: Path
) -> None:
    """Neither by an event nor by a scan; nothing hangs on them."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"1")
    async with running(root, scan_every=0.2, quiet_without_close=0.05) as house:
        await house.armed("north")
        (north / "file").symlink_to(tmp_path / "outside" / "secret")
        (north / "folder").symlink_to(tmp_path / "outside")
        os.mkfifo(north / "fifo")
        await house.until(lambda: house.intake.counters.special == 3)
        (tmp_path / "outside" / "another").write_bytes(b"1")
        assert await house.take_all(still=0.5) == []


async def test_names_are_any_bytes(root: Path, north: Path) -> None:
    """By event and by scan."""
    names = [b"\xff\xfe.dcm", b"line\nbreak", b"x" * 255, b"a\x01\x7f", "漢字".encode()]
    os.close(os.open(os.fsencode(north) + b"/before-\xe9", os.O_CREAT))
    async with running(root, quiet_when_empty=0.0) as house:
        (before,) = await house.take(1, within=3)
        assert os.fsencode(before.path) == b"before-\xe9"
        for name in names:
            (north / os.fsdecode(name)).write_bytes(b"1")
        arrivals = await house.take(len(names))
        assert {os.fsencode(each.path) for each in arrivals} == set(names)
        assert {each.hint for each in arrivals} == {"event"}


async def test_each_content_is_handed_out_once_however_often_it_is_scanned(
    root: Path, north: Path
) -> None:
    """Until it is forgotten, or goes and comes back."""
    async with running(root, scan_every=0.05) as house:
        await house.armed("north")
        for index in range(20):
            (north / str(index)).write_bytes(b"1")
        assert len(set(paths(await house.take(20)))) == 20
        scans = house.intake.counters.totals.scans
        await house.until(lambda: house.intake.counters.totals.scans > scans + 5)
        assert house.intake.counters.ready == 0
        house.intake.forget("north", "7")
        (again,) = await house.take(1)
        assert (again.path, again.hint) == ("7", "scan")
        (north / "8").rename(north.parent / "8")
        scans = house.intake.counters.totals.scans
        await house.until(lambda: house.intake.counters.totals.scans > scans + 2)
        (north.parent / "8").rename(north / "8")
        assert paths(await house.take(1)) == ["8"]


async def test_nobody_who_takes_loses_nothing(root: Path, north: Path) -> None:
    """The lines are far too small, and for a while nobody takes anything."""
    for index in range(100):
        old(north / f"before-{index}")
    intake = Intake(options_of(root), line_limit=10, hint_limit=20)
    async with at_work(intake, root) as house:
        await asyncio.sleep(0.5)
        for index in range(100):
            (north / f"during-{index}").write_bytes(b"1")
        await asyncio.sleep(0.5)
        assert not intake.idle
        assert len(set(paths(await house.take(200, within=20)))) == 200
        await house.until(lambda: intake.idle)


async def test_many_files_that_are_not_at_rest_are_not_scanned_without_pause(
    root: Path, north: Path
) -> None:
    """More than one scan brings back, and none of them can be handed over yet."""
    for index in range(50):
        (north / str(index)).touch()
    intake = Intake(options_of(root, quiet_when_empty=60.0), line_limit=10)
    async with at_work(intake, root) as house:
        await house.armed("north")
        await asyncio.sleep(1.0)
        assert intake.counters.totals.scans < 5
        assert not intake.idle


async def test_a_backlog_is_not_counted_as_missed_by_events(root: Path, north: Path) -> None:
    """It takes several scans to hand it out, and none of its files ever had an event."""
    for index in range(100):
        old(north / str(index))
    intake = Intake(options_of(root, scan_every=0.05), line_limit=10)
    async with at_work(intake, root) as house:
        await asyncio.sleep(0.3)
        assert len(set(paths(await house.take(100)))) == 100
        scans = intake.counters.totals.scans
        await house.until(lambda: intake.counters.totals.scans > scans + 3)
        assert intake.counters.totals.missed_by_events == 0


async def test_a_single_image_passes_another_customers_backlog(root: Path, north: Path) -> None:
    """Of thousands of files, one is served before it."""
    (root / "south").mkdir()
    fill(north, 3000)
    intake = Intake(options_of(root))
    async with at_work(intake, root) as house:
        await house.armed("north", "south")
        await house.take(100)
        (root / "south" / "urgent").write_bytes(b"1")
        await asyncio.sleep(0.2)
        served = [arrival.customer for arrival in await house.take(2)]
        assert "south" in served
        assert len(set(paths(await house.take(2899)))) == 2899


async def test_an_overflow_of_the_kernels_queue_is_answered_by_a_scan(
    root: Path, north: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader is held while more is written than the kernel keeps; what events missed counts."""
    may_read = threading.Event()
    may_read.set()
    read = InotifyFD.read_events

    def held(self: InotifyFD, *, event_buffer_size: int = 65_536) -> list[InotifyEvent]:
        may_read.wait()
        return read(self, event_buffer_size=event_buffer_size)

    monkeypatch.setattr(InotifyFD, "read_events", held)
    async with running(root) as house:
        await house.armed("north")
        may_read.clear()
        (north / "wakes the reader").write_bytes(b"1")
        await asyncio.to_thread(overfill, north)
        old(north / "lost")
        may_read.set()
        await house.until(lambda: house.intake.counters.totals.overflows > 0)
        arrivals = await house.take_all(still=1.5)
        assert "lost" in paths(arrivals)
        house.intake.rescan()
        await house.until(lambda: house.intake.counters.totals.missed_by_events > 0)
        (north / "after").write_bytes(b"1")
        (after,) = await house.take(1)
        assert (after.path, after.hint) == ("after", "event")


def overfill(folder: Path) -> None:
    """Cause more events than the kernel's queue holds, with two names only: equal neighbours are
    merged, so they take turns."""
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    for name in ("a.tmp", "b.tmp"):
        (folder / name).touch()
    for _ in range(limit // 2 + 100):
        for name in ("a.tmp", "b.tmp"):
            os.close(os.open(folder / name, os.O_WRONLY))


async def test_a_loop_that_stands_still_loses_nothing(root: Path, north: Path) -> None:
    """Hints beyond our own bound are dropped for a scan."""
    intake = Intake(options_of(root), hint_limit=50)
    async with at_work(intake, root) as house:
        await house.armed("north")
        for index in range(500):
            (north / str(index)).write_bytes(b"1")
        time.sleep(0.5)  # noqa: ASYNC251 the loop is meant to stand still
        assert len(set(paths(await house.take(500)))) == 500
        assert intake.counters.totals.collapses > 0


async def test_a_new_customer_is_picked_up_while_running(root: Path) -> None:
    """With its sub-folders; files that lie directly in the root are nobody's."""
    async with running(root) as house:
        await house.armed("north")
        (root / "loose.dcm").write_bytes(b"1")
        (root / "south" / "study").mkdir(parents=True)
        (root / "south" / "study" / "a").write_bytes(b"1")
        (arrival,) = await house.take(1, within=3)
        assert (arrival.customer, arrival.path) == ("south", "study/a")
        await house.armed("south")
        (root / "south" / "study" / "b").write_bytes(b"1")
        (arrival,) = await house.take(1)
        assert (arrival.path, arrival.hint) == ("study/b", "event")
        await house.until(lambda: house.intake.counters.ignored == 1)


async def test_a_customers_own_options_hold_for_it_alone(root: Path, north: Path) -> None:
    """Here: endings of temporary names, and scans only."""
    (root / "south").mkdir()
    common = options_of(root, scan_every=0.1)
    own = common.model_copy(update={"temporary_suffixes": (".dcm",), "watch": "scan"})
    intake = Intake(common, lambda name: own if name == "south" else common)
    async with at_work(intake, root) as house:
        for folder in (north, root / "south"):
            (folder / "a.dcm").write_bytes(b"1")
            (folder / "a.tmp").write_bytes(b"1")
        taken = {(each.customer, each.path) for each in await house.take(2)}
        assert taken == {("north", "a.dcm"), ("south", "a.tmp")}
        modes = {name: folder.mode for name, folder in intake.health.customers.items()}
        assert modes == {"north": "events", "south": "scan"}


async def test_nothing_stays_behind_when_it_is_stopped(root: Path, north: Path) -> None:
    """No threads, no descriptors, and it can be started again."""
    (north / "s").mkdir()
    async with running(root) as house:
        await house.armed("north")
    await asyncio.sleep(0.1)
    threads, descriptors = threading.active_count(), len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        async with running(root) as house:
            await house.armed("north")
            (north / "s" / "a").write_bytes(b"1")
            await house.take(1)
            (north / "s" / "a").unlink()
    await asyncio.sleep(0.1)
    assert threading.active_count() <= threads
    assert len(os.listdir("/proc/self/fd")) <= descriptors
