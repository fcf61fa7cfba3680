"""A scan finds every file, says what is gone, and leads nowhere else."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.intake.running import age, fill
from watcher.intake import scanning
from watcher.intake.scanning import Scanner, Sweep, fingerprint, look_at, take_census


def scan(folder: Path, known: dict[str, int] | None = None, limit: int = 10**6) -> Sweep:
    """One scan with the usual endings."""
    return Scanner(known or {}, (".part", ".tmp"), time.time() - 50, limit).scan(folder)


def found(sweep: Sweep) -> list[str]:
    """The paths of the fresh files."""
    return sorted(sight.path for sight in sweep.fresh)


def known_from(sweep: Sweep) -> dict[str, int]:
    """What would be known once all these files were handed out."""
    return {sight.path: fingerprint(sight.signature) for sight in sweep.fresh}


def test_every_regular_file_at_any_depth_is_found(north: Path) -> None:
    """Odd names included; the signature is what a look at the file gives."""
    names = ["a", "s/b", "s/t/c", "line\nbreak", os.fsdecode(b"\xff\xfe"), "x" * 255, "s/a b"]
    for name in names:
        (north / name).parent.mkdir(parents=True, exist_ok=True)
        (north / name).write_bytes(b"1")
    sweep = scan(north)
    assert found(sweep) == sorted(names)
    assert (sweep.files, sweep.folders, sweep.more) == (7, 3, False)
    for sight in sweep.fresh:
        assert sight.new
        assert sight.signature == look_at(f"{north}/{sight.path}")


def test_only_what_changed_is_fresh(north: Path) -> None:
    """A file that was rewritten is fresh, and not new; one that is gone is named."""
    for name in "abc":
        (north / name).write_bytes(b"1")
    known = known_from(scan(north))
    assert found(scan(north, known)) == []
    (north / "a").write_bytes(b"22")
    (north / "b").unlink()
    sweep = scan(north, known)
    assert [(sight.path, sight.new) for sight in sweep.fresh] == [("a", False)]
    assert sweep.gone == ["b"]


def test_temporary_and_hidden_names_are_counted_not_taken(north: Path) -> None:
    """Whole folders too; the old ones are told apart."""
    (north / "x.part").write_bytes(b"1")
    (north / "X.TMP").write_bytes(b"1")
    age(north / "x.part")
    (north / ".hidden").write_bytes(b"1")
    (north / ".rsync").mkdir()
    (north / ".rsync" / "a").write_bytes(b"1")
    (north / "study.tmp").mkdir()
    (north / "study.tmp" / "a").write_bytes(b"1")
    (north / "x.part.dcm").write_bytes(b"1")
    sweep = scan(north)
    assert found(sweep) == ["x.part.dcm"]
    assert (sweep.ignored, sweep.stale) == (5, 1)


def test_links_and_special_files_are_counted_not_entered(tmp_path: Path, north: Path) -> None:
    """A link to a folder is not walked, not even to one inside."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"1")
    (north / "real").mkdir()
    (north / "real" / "a").write_bytes(b"1")
    (north / "out").symlink_to(tmp_path / "outside")
    (north / "in").symlink_to("real")
    (north / "file").symlink_to("real/a")
    (north / "loop").symlink_to("loop")
    os.mkfifo(north / "fifo")
    sweep = scan(north)
    assert found(sweep) == ["real/a"]
    assert sweep.special == 5


def test_a_customers_folder_that_is_a_link_is_not_scanned(tmp_path: Path, north: Path) -> None:
    """Swapped between the census and the scan."""
    north.rename(tmp_path / "elsewhere")
    north.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotADirectoryError):
        scan(north)


def test_a_tree_deeper_than_path_max_is_found(north: Path) -> None:
    """And the folders that inotify cannot watch for their length are not counted as watchable."""
    here = os.open(north, os.O_RDONLY)
    names = ["d" * 240] * 20
    for name in names:
        os.mkdir(name, dir_fd=here)
        inner = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("leaf", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    sweep = scan(north)
    assert found(sweep) == ["/".join([*names, "leaf"])]
    assert sweep.folders == 21
    assert 14 <= sweep.watchable <= 17
    subprocess.run(["rm", "-rf", north / names[0]], check=True)


def test_a_bottomless_tree_is_cut_and_told(north: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Depth costs descriptors; what lies too deep is counted."""
    monkeypatch.setattr(scanning, "MAX_DEPTH", 3)
    deepest = north / "1" / "2" / "3"
    (deepest / "4").mkdir(parents=True)
    (deepest / "a").write_bytes(b"1")
    (deepest / "4" / "b").write_bytes(b"1")
    sweep = scan(north)
    assert found(sweep) == ["1/2/3/a"]
    assert sweep.too_deep == 1


def test_what_cannot_be_read_is_not_gone(north: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An I/O error in one sub-folder says nothing of the files in it, nor of any other."""
    (north / "s").mkdir()
    (north / "s" / "a").write_bytes(b"1")
    (north / "b").write_bytes(b"1")
    known = known_from(scan(north))
    real = os.open

    def broken(path: str, flags: int, *rest: int, dir_fd: int | None = None) -> int:
        if path == "s":
            raise OSError(5, "Input/output error")
        return real(path, flags, *rest, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", broken)
    (north / "b").unlink()
    sweep = scan(north, known)
    assert sweep.blind == 1
    assert sweep.gone == []


def test_what_is_brought_back_is_bounded(north: Path) -> None:
    """The rest is left for the next scan, and that is said."""
    for index in range(10):
        (north / str(index)).write_bytes(b"1")
    sweep = scan(north, limit=4)
    assert len(sweep.fresh) == 4
    assert sweep.more
    assert sweep.files == 10
    assert not scan(north, known_from(scan(north)), limit=4).more


def test_no_descriptor_stays_open(north: Path) -> None:
    """Neither after a good scan nor after a failed one."""
    (north / "s" / "t").mkdir(parents=True)
    before = len(os.listdir("/proc/self/fd"))
    scan(north)
    with pytest.raises(FileNotFoundError):
        scan(north / "gone")
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_census_names_customers_and_nothing_else(tmp_path: Path, root: Path) -> None:
    """Folders with names that may stand in a log; others only by inode, files only by number."""
    (root / "Süd").mkdir()
    (root / "Doe^Jane").mkdir()
    (root / "a b").mkdir()
    (root / ".snapshot").mkdir()
    (root / "lost+found").mkdir()
    (root / "south-2").mkdir()
    (root / "loose.dcm").write_bytes(b"1")
    (root / "link").symlink_to(tmp_path)
    census = take_census(root)
    assert census.customers == ("north", "south-2")
    odd = [root / "Süd", root / "Doe^Jane", root / "a b"]
    assert census.illegal == tuple(sorted(path.stat().st_ino for path in odd))
    assert census.loose_files == 2


def test_a_scan_costs_no_more_than_ten_microseconds_a_file(north: Path) -> None:
    """That is a second for a hundred thousand files; in processor time, not by the clock."""
    for folder in range(10):
        (north / str(folder)).mkdir()
        fill(north / str(folder), 1000)
    first = scan(north)
    assert len(first.fresh) == 10_000
    known = known_from(first)
    seconds = []
    for _ in range(3):
        started = time.thread_time()
        assert scan(north, known).fresh == []
        seconds.append(time.thread_time() - started)
    assert min(seconds) < 0.1
