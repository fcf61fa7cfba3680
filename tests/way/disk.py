"""A disk that loses what was not synced, and fails on purpose; see disk.c."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import mmap
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

OPENS, GROWS, READS, CHANGES = 1, 2, 4, 8
Identity = tuple[int, int]
"""An inode number, and how often that number had been given to a new file."""
Name = tuple[str, bool, Identity]
"""One entry of a folder: its name, whether it is a folder, and who it is."""
_PAGE = 4096
_SOURCE = Path(__file__).with_name("disk.c")


_NUMBERS = (
    "changes",
    "cut_at",
    "dead",
    "gateway",
    "kinds",
    "eligible",
    "fail_every",
    "fail_phase",
    "fail_errno",
    "failed",
    "snapshots",
)


class Control(ctypes.Structure):
    """The page that all processes share; the fields are those of disk.c."""

    _fields_ = (*((name, ctypes.c_long) for name in _NUMBERS), ("only", ctypes.c_char * 32))


def compiled() -> Path | None:
    """The shared library, made when needed; None where there is no C compiler."""
    name = hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:16]
    library = Path(tempfile.gettempdir(), f"watcher-disk-{os.getuid()}-{name}.so")
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    if not library.exists():
        partial = library.with_suffix(f".{os.getpid()}")
        command = [compiler, "-O1", "-shared", "-fPIC", "-o", str(partial), str(_SOURCE), "-ldl"]
        subprocess.run(command, check=True)
        partial.rename(library)
    return library


Mode = Literal["strict", "names", "torn"]
MODES: tuple[Mode, ...] = ("strict", "names", "torn")


@dataclass
class Durable:
    """What the journal says has been synced: bytes of files, names of folders."""

    births: dict[int, int] = field(default_factory=dict)
    contents: dict[Identity, bytes] = field(default_factory=dict)
    names: dict[Identity, list[Name]] = field(default_factory=dict)

    def identity(self, inode: int) -> Identity:
        """Who has this inode number now."""
        return inode, self.births.get(inode, 0)

    def read(self, kept: Path) -> None:
        """Follow the journal."""
        journal = kept / "journal"
        for line in journal.read_text().splitlines() if journal.exists() else []:
            kind, inode, number = line.split(" ")
            who = self.identity(int(inode))
            if kind == "N":
                self.births[int(inode)] = who[1] + 1
            elif kind == "F":
                self.contents[who] = (kept / number).read_bytes()
            else:
                self.names[who] = self._listed((kept / number).read_bytes())

    def baseline(self, root: Path) -> None:
        """Take everything that lies there now as synced."""
        for folder, folders, files in os.walk(root):
            listed = [
                (name, name in folders, os.lstat(f"{folder}/{name}").st_ino)
                for name in folders + files
            ]
            self.names[self.identity(os.stat(folder).st_ino)] = [
                (name, is_folder, self.identity(inode)) for name, is_folder, inode in listed
            ]
            for name in files:
                path = Path(folder, name)
                if path.is_file():
                    self.contents[self.identity(path.stat().st_ino)] = path.read_bytes()

    def _listed(self, text: bytes) -> list[Name]:
        found = []
        for entry in text.split(b"\0")[:-1]:
            kind, inode, name = entry.split(b" ", 2)
            found.append((os.fsdecode(name), kind == b"d", self.identity(int(inode))))
        return found


class FaultyDisk:
    """The folder `root` on a disk that is under a test's control."""

    def __init__(self, root: Path, kept: Path, library: Path) -> None:
        self.root = root
        self._kept = kept
        kept.mkdir()
        page = kept / "control"
        page.write_bytes(bytes(_PAGE))
        with page.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), _PAGE)
        self.control = Control.from_buffer(self._page)
        self.environment = {
            "LD_PRELOAD": str(library),
            "DISK_CONTROL": str(page),
            "DISK_ROOT": str(root),
            "DISK_KEPT": str(kept / "synced"),
        }
        self._held: dict[int, Path] = {}
        self._durable = Durable()

    def begin(self) -> None:
        """Power is on; what lies there now is taken as synced. Originals keep their inodes."""
        ctypes.memset(ctypes.addressof(self.control), 0, ctypes.sizeof(self.control))
        for folder in ("synced", "held"):
            shutil.rmtree(self._kept / folder, ignore_errors=True)
            (self._kept / folder).mkdir()
        self._durable = Durable()
        self._durable.baseline(self.root)
        self._held = {}
        # An original that is just being taken away is called .taken-INODE-MTIME.
        originals = [*self.root.rglob("*.dcm"), *self.root.rglob(".taken-*")]
        for number, path in enumerate(sorted(originals)):
            held = self._kept / "held" / str(number)
            os.link(path, held)
            self._held[path.stat().st_ino] = held

    def fail(self, number: int, kinds: int, every: int, phase: int, only: str = "") -> None:
        """From now on, each operation of these kinds whose count is `phase` modulo `every` fails
        with this errno, where the path has `only` in it; with `every` zero none does."""
        self.control.fail_every = 0
        self.control.only = only.encode()
        self.control.eligible = self.control.failed = 0
        self.control.kinds, self.control.fail_errno = kinds, number
        self.control.fail_phase, self.control.fail_every = phase, every

    def lose(self, mode: Mode, rng: random.Random) -> None:
        """The power was cut: put back what has survived.

        strict: only synced names and synced bytes. names: all names, but only synced bytes.
        torn: all names; of unsynced bytes each page of a file may have been written or not.
        """
        self._wait_for_workers()
        durable = self._durable
        durable.read(self._kept / "synced")
        live = Durable(births=durable.births)
        live.baseline(self.root)
        names = durable.names if mode == "strict" else live.names
        top = durable.identity(self.root.stat().st_ino)
        made = self._kept / "survived"
        self._build(made, top, names, lambda who: self._content(who, durable, live, mode, rng))
        shutil.rmtree(self.root)
        made.rename(self.root)

    def _wait_for_workers(self) -> None:
        """Until the last worker is gone, too: it may outlive its gateway by a moment."""
        until = time.monotonic() + 20
        while workers := children_of_fork_servers(self.environment["DISK_CONTROL"]):
            assert time.monotonic() < until, f"{len(workers)} workers outlive their gateway"
            time.sleep(0.01)

    def _content(
        self,
        who: Identity,
        durable: Durable,
        live: Durable,
        mode: Mode,
        rng: random.Random,
    ) -> bytes:
        old = durable.contents.get(who, b"")
        return old if mode != "torn" else torn(old, live.contents.get(who, old), rng)

    def _build(
        self,
        target: Path,
        who: Identity,
        names: Mapping[Identity, list[Name]],
        content: Callable[[Identity], bytes],
    ) -> None:
        target.mkdir(mode=0o700)
        for name, is_folder, inner in names.get(who, []):
            if is_folder:
                self._build(target / name, inner, names, content)
            elif inner[1] == 0 and inner[0] in self._held:
                os.link(self._held[inner[0]], target / name)
            else:
                (target / name).write_bytes(content(inner))
                (target / name).chmod(0o600)


def children_of_fork_servers(page: str) -> list[int]:
    """The processes that a fork server has made which touch the disk with this control page."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            if os.fsencode(page) in (entry / "environ").read_bytes():
                parents[int(entry.name)] = int(
                    (entry / "stat").read_text().split(") ")[1].split()[1]
                )
    return [pid for pid, parent in parents.items() if parent in parents and _is_fork_server(parent)]


def _is_fork_server(pid: int) -> bool:
    try:
        return b"multiprocessing.forkserver" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def torn(old: bytes, new: bytes, rng: random.Random) -> bytes:
    """Pages of a file of which each one may have reached the disk or not."""
    if old == new:
        return old
    size = rng.choice((len(old), len(new)))
    pages = []
    for at in range(0, size, _PAGE):
        page = rng.choice((old, new))[at : at + _PAGE]
        pages.append(page.ljust(min(_PAGE, size - at), b"\0")[: size - at])
    return b"".join(pages)
