"""Sources are opened below their folder only, and only when they are regular files."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from watcher.errors import DeferredError, ExcludedError, WatcherError
from watcher.intake import open_source, signature
from watcher.intake.opening import open_folder_of
from watcher.model import Reason


def read(root: Path, relative: str) -> bytes:
    """All bytes of one source."""
    descriptor = open_source(root, relative)
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def reason_of(root: Path, relative: str, device: int | None = None) -> Reason:
    """Why a source is not opened."""
    with pytest.raises(WatcherError) as caught:
        os.close(open_source(root, relative, device))
    error = caught.value
    assert relative not in str(error)
    assert str(root) not in str(error)
    assert isinstance(error, ExcludedError | DeferredError)
    return error.outcome.reason


@contextmanager
def no_new_descriptors() -> Iterator[None]:
    """Nothing that was opened inside stays open."""
    before = set(os.listdir("/proc/self/fd"))
    yield
    assert set(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "a b",
        "line\nbreak",
        "x" * 255,
        os.fsdecode(b"latin-\xe9\xff"),
        "漢" * 85,
        "-rf",
        "a/b/c",
        "..a/b..",
        "\x01\x7f",
    ],
)
def test_any_name_that_linux_allows_is_opened(tmp_path: Path, name: str) -> None:
    """Names are bytes to the kernel; only `/` and NUL mean anything."""
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"content")
    with no_new_descriptors():
        assert read(tmp_path, name) == b"content"


def test_a_tree_deeper_than_path_max_is_opened(tmp_path: Path) -> None:
    """The length of the whole path does not matter, only that of each name."""
    names = ["d" * 200] * 30
    here = os.open(tmp_path, os.O_RDONLY)
    for name in names:
        os.mkdir(name, dir_fd=here)
        inner = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    descriptor = os.open("leaf", os.O_CREAT | os.O_WRONLY, dir_fd=here)
    os.write(descriptor, b"deep")
    os.close(descriptor)
    os.close(here)
    relative = "/".join([*names, "leaf"])
    assert len(relative) > 4096
    with no_new_descriptors():
        assert read(tmp_path, relative) == b"deep"
    subprocess.run(["rm", "-rf", tmp_path / names[0]], check=True)


@pytest.mark.parametrize("relative", ["", ".", "..", "a/../b", "/etc/passwd", "a//b", "a/", "a\0b"])
def test_paths_that_a_scan_never_makes_are_excluded(tmp_path: Path, relative: str) -> None:
    """Dots, empty components, NUL and absolute paths are nobody's file."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").write_bytes(b"")
    with pytest.raises(ExcludedError) as caught:
        open_source(tmp_path, relative)
    assert caught.value.outcome.reason is Reason.NOT_A_FILE


def make_link(path: Path) -> None:
    """A link to a real file inside the same folder."""
    (path.parent / "target").write_bytes(b"")
    path.symlink_to("target")


def make_socket(path: Path) -> None:
    """A bound UNIX socket; bound by a relative name, for the length of such names is bounded."""
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    finally:
        os.chdir(before)


@pytest.mark.parametrize(
    "make",
    [make_link, make_socket, os.mkfifo, Path.mkdir],
    ids=["link", "socket", "fifo", "folder"],
)
def test_what_is_not_a_regular_file_is_excluded(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    """Nothing is followed and nothing hangs."""
    make(tmp_path / "thing")
    with no_new_descriptors():
        assert reason_of(tmp_path, "thing") is Reason.NOT_A_FILE


def test_a_device_is_excluded_without_being_opened() -> None:
    """/dev/null stands for all devices: some act when they are merely opened."""
    assert reason_of(Path("/dev"), "null") is Reason.NOT_A_FILE


def test_a_waiting_writer_of_a_fifo_is_not_released(tmp_path: Path) -> None:
    """A plain open for reading would let it go on, and then kill it with SIGPIPE."""
    os.mkfifo(tmp_path / "pipe")
    writer = subprocess.Popen(
        [sys.executable, "-c", "import sys; open(sys.argv[1], 'wb')", str(tmp_path / "pipe")]
    )
    try:
        for _ in range(20):
            assert reason_of(tmp_path, "pipe") is Reason.NOT_A_FILE
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(0.3)
    finally:
        writer.kill()
        writer.wait()


def test_a_folder_that_is_a_link_is_not_entered(tmp_path: Path) -> None:
    """Whether it leads out of the root or not."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    root = tmp_path / "root"
    (root / "real").mkdir(parents=True)
    (root / "out").symlink_to(outside)
    (root / "in").symlink_to("real")
    assert reason_of(root, "out/secret") is Reason.NOT_A_FILE
    assert reason_of(root, "in/secret") is Reason.NOT_A_FILE


def test_a_root_that_is_a_link_is_the_operators_choice(tmp_path: Path) -> None:
    """Only what lies below it is not trusted."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a").write_bytes(b"a")
    (tmp_path / "root").symlink_to("real")
    assert read(tmp_path / "root", "a") == b"a"


def test_a_file_that_is_gone_is_told_from_a_folder_that_is_gone(tmp_path: Path) -> None:
    """A missing root or folder may come back; a file missing from its folder is gone."""
    (tmp_path / "sub").mkdir()
    device = tmp_path.stat().st_dev
    assert reason_of(tmp_path, "sub/gone") is Reason.VANISHED
    assert reason_of(tmp_path, "gone/gone") is Reason.UNREADABLE
    assert reason_of(tmp_path / "gone", "gone") is Reason.UNREADABLE
    assert reason_of(tmp_path, "gone/gone", device) is Reason.VANISHED
    assert reason_of(tmp_path / "gone", "gone", device) is Reason.UNREADABLE


def test_another_file_system_in_its_place_is_not_a_deletion(tmp_path: Path) -> None:
    """An unmounted share leaves an empty folder, which says nothing about its files."""
    (tmp_path / "sub").mkdir()
    other = tmp_path.stat().st_dev + 1
    assert reason_of(tmp_path, "gone", other) is Reason.UNREADABLE
    assert reason_of(tmp_path, "sub/gone", other) is Reason.UNREADABLE
    assert reason_of(tmp_path, "gone/gone", other) is Reason.UNREADABLE


def test_out_of_descriptors_is_for_later(tmp_path: Path) -> None:
    """EMFILE at any of the opens on the way is no verdict on the file, and leaks nothing."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a").write_bytes(b"a")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open(tmp_path, os.O_RDONLY)
    os.close(lowest)
    try:
        for spare in range(3):
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + spare, hard))
            with pytest.raises(DeferredError) as caught:
                open_source(tmp_path, "d/a")
            assert caught.value.outcome.reason is Reason.UNREADABLE
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert read(tmp_path, "d/a") == b"a"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission_is_for_later(tmp_path: Path) -> None:
    """Permissions are mended by the operator, not by quarantine."""
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "a").chmod(0)
    assert reason_of(tmp_path, "a") is Reason.UNREADABLE


def test_no_swap_between_look_and_open_leads_outside(tmp_path: Path) -> None:
    """While another thread swaps file and folder for links, only the file's own bytes are read."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f").write_bytes(b"secret")
    root = tmp_path / "root"
    (root / "d").mkdir(parents=True)
    (root / "d" / "f").write_bytes(b"public")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            os.rename(root / "d", root / "kept")
            os.symlink(outside, root / "d")
            os.unlink(root / "d")
            os.rename(root / "kept", root / "d")
            os.rename(root / "d" / "f", root / "d" / "kept")
            os.symlink(outside / "f", root / "d" / "f")
            os.unlink(root / "d" / "f")
            os.rename(root / "d" / "kept", root / "d" / "f")

    swapper = threading.Thread(target=swap)
    swapper.start()
    outcomes: dict[object, int] = {}
    try:
        enough = time.monotonic() + 20
        while sum(outcomes.values()) < 3000 or Reason.NOT_A_FILE not in outcomes:
            assert time.monotonic() < enough
            try:
                outcome: object = read(root, "d/f")
            except (ExcludedError, DeferredError) as error:
                outcome = error.outcome.reason
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
    finally:
        stop.set()
        swapper.join()
    allowed = {b"public", Reason.NOT_A_FILE, Reason.VANISHED, Reason.UNREADABLE}
    assert outcomes.keys() <= allowed
    assert outcomes[b"public"] > 0


def test_the_signature_is_that_of_the_open_file(tmp_path: Path) -> None:
    """It changes with the content, and another file under the same name has another one."""
    path = tmp_path / "a"
    path.write_bytes(b"one")
    descriptor = open_source(tmp_path, "a")
    try:
        before = signature(descriptor)
        assert before.size == 3
        assert before.inode == path.stat().st_ino
        path.write_bytes(b"longer")
        assert signature(descriptor) != before
        after = signature(descriptor)
        path.unlink()
        path.write_bytes(b"longer")
        assert signature(descriptor) == after
    finally:
        os.close(descriptor)


def test_the_folder_of_a_source_serves_to_take_it_away(tmp_path: Path) -> None:
    """The descriptor works for renameat and unlinkat, and the way there is as guarded."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a").write_bytes(b"a")
    (tmp_path / "l").symlink_to("d")
    folder, name = open_folder_of(tmp_path, "d/a")
    os.unlink(name, dir_fd=folder)
    os.close(folder)
    assert not (tmp_path / "d" / "a").exists()
    with no_new_descriptors(), pytest.raises(ExcludedError):
        open_folder_of(tmp_path, "l/a")
