"""The folders under state/: outbox, quarantine and archive, and every move of an original.

Names below here are ids and customers, never a patient's and never an original file name. An
original is linked or copied, made durable, and only then removed.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from watcher.errors import DeferredError, ExcludedError
from watcher.model import Reason

_COPY = 1 << 20
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextlib.contextmanager
def room() -> Iterator[None]:
    """What fails on the disk fails for now: raises DeferredError for any OSError."""
    try:
        yield
    except OSError as error:
        reason = Reason.DISK_FULL if error.errno in _NO_ROOM else Reason.UNREADABLE
        raise DeferredError(reason, f"errno-{error.errno}") from None


@dataclass(frozen=True, slots=True)
class Spool:
    """The folders of one state directory. What fails on the disk raises DeferredError."""

    state: Path

    def prepare(self) -> None:
        """Make the folders, mode 0700, durably: what is synced into a folder must find it again.

        A folder that an earlier process made and did not live to sync is synced here.
        """
        for folder in (self.outbox, self.quarantine, self.archive):
            make_folder(folder)
        for folder in (self.state / "log", self.state / "keys"):
            make_folder(folder)
        for folder in (self.state.parent, self.state, self.quarantine, self.archive):
            sync_folder(folder)
        for folder in (self.state / "keys", *self.quarantine.iterdir(), *self.archive.iterdir()):
            sync_folder(folder)

    @property
    def outbox(self) -> Path:
        """Cleaned DICOM, PNG and base64 text waiting to be sent."""
        return self.state / "outbox"

    @property
    def quarantine(self) -> Path:
        """Refused originals, each with a reason.json, for a person to decide."""
        return self.state / "quarantine"

    @property
    def archive(self) -> Path:
        """Originals after their acknowledgement."""
        return self.state / "archive"

    @room()
    def paused(self) -> frozenset[str]:
        """The customers whom a person has paused, also over restarts."""
        try:
            return frozenset(os.listdir(f"{self.state}/paused"))
        except FileNotFoundError:
            return frozenset()

    def pause(self, customer: str) -> None:
        """Remember it, durably."""
        folder = make_folder(self.state / "paused")
        os.close(os.open(folder / customer, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        sync_folder(folder)

    def resume(self, customer: str) -> bool:
        """Forget it, durably; returns whether it was paused."""
        try:
            (self.state / "paused" / customer).unlink()
        except FileNotFoundError:
            return False
        sync_folder(self.state / "paused")
        return True

    def key_of(self, customer: str) -> Path:
        """The key file of one customer."""
        return self.state / "keys" / f"{customer}.key"

    @room()
    def outbox_of(self, customer: str) -> Path:
        """The outbox of one customer; made when missing."""
        return make_folder(self.outbox / customer)

    @room()
    def clear_outbox(self, customer: str, id_: str) -> None:
        """Remove everything prepared for one id."""
        clear(self.outbox / customer, id_)

    def begun(self) -> frozenset[str]:
        """The ids that a worker was at work on when its process died."""
        return frozenset(path.stem for path in self.outbox.glob("*/*.begun"))

    def in_outbox(self) -> frozenset[str]:
        """The ids that have files in an outbox."""
        return frozenset(path.name.split(".", 1)[0] for path in self.outbox.glob("*/*"))

    def sweep_outbox(self, wanted: frozenset[str]) -> int:
        """Remove what no wanted id owns: left by a worker that died. Returns how many files."""
        stray = [p for p in self.outbox.glob("*/*") if p.name.split(".", 1)[0] not in wanted]
        for path in stray:
            path.unlink(missing_ok=True)
        return len(stray)

    @room()
    def quarantined(self, customer: str, id_: str) -> Path | None:
        """The quarantined original of one id, if it is there."""
        return next(iter((self.quarantine / customer).glob(f"*/{id_}.dcm")), None)

    @room()
    def hold(self, source: int, customer: str, id_: str, record: dict[str, str]) -> None:
        """Keep the open original `source` in quarantine, with `record` beside it as reason.json.

        `record` must have a "reason". The drop folder's copy stays where it is.
        """
        folder = make_folder(self.quarantine / customer / record["reason"])
        copy(source, folder / f"{id_}.dcm")
        self._note(folder, id_, record)

    @room()
    def rehold(self, customer: str, id_: str, record: dict[str, str]) -> None:
        """As `hold`, for an original that is in quarantine already: move it to its new reason."""
        held = self.quarantined(customer, id_)
        if held is None:
            raise ExcludedError(Reason.VANISHED, "quarantine")
        folder = make_folder(self.quarantine / customer / record["reason"])
        os.replace(held, folder / f"{id_}.dcm")
        self._note(folder, id_, record)

    def _note(self, folder: Path, id_: str, record: dict[str, str]) -> None:
        write_durably(folder / f"{id_}.reason.json", json.dumps(record, indent=2).encode())
        self._forget(folder.parent, id_, folder)

    @room()
    def release(self, customer: str, id_: str, after: str, now: float) -> None:
        """A quarantined original was delivered after all: archive, delete or keep it."""
        if after == "archive":
            held, target = self.quarantined(customer, id_), self.archived(customer, id_, now)
            if held is not None:
                os.replace(held, target)
            sync_folder(target.parent)  # also for one that was killed before it came to this
        if after != "keep":
            self.forget(customer, id_)

    @room()
    def forget(self, customer: str, id_: str) -> None:
        """Remove one id from quarantine."""
        self._forget(self.quarantine / customer, id_)

    def _forget(self, held: Path, id_: str, but: Path | None = None) -> None:
        for folder in held.glob("*"):
            if folder != but:
                (folder / f"{id_}.dcm").unlink(missing_ok=True)
                (folder / f"{id_}.reason.json").unlink(missing_ok=True)

    @room()
    def archived(self, customer: str, id_: str, now: float) -> Path:
        """Where an original of this id is archived that was acknowledged at `now` (UTC day)."""
        return make_folder(self.archive / customer / day_of(now)) / f"{id_}.dcm"


def day_of(now: float) -> str:
    """The UTC day of a Unix time, as a folder of the archive is called."""
    return time.strftime("%Y-%m-%d", time.gmtime(now))


def clear(outbox: Path, id_: str) -> None:
    """Remove everything that preparing may have written for one id.

    By name, for a listing takes the longer the more waits there. The last frame goes first, so
    that a crash in between leaves no gap behind which the rest is not found.
    """
    stem, frames = f"{outbox}/{id_}", 0
    while any(os.path.lexists(name) for name in _frame_files(stem, frames + 1)):
        frames += 1
    names = [name for frame in range(frames, 0, -1) for name in _frame_files(stem, frame)]
    names += [f"{stem}.{suffix}" for suffix in ("png.txt", "png", "json", "dcm", "begun")]
    for name in names:
        Path(name).unlink(missing_ok=True)


def _frame_files(stem: str, frame: int) -> tuple[str, str]:
    return f"{stem}.{frame:05d}.png", f"{stem}.{frame:05d}.png.txt"


# A folder that was made and whose name is not durable yet must not be taken for one that is.
_making = threading.Lock()
_unsynced: set[Path] = set()


def make_folder(folder: Path) -> Path:
    """Make a folder and those above it, mode 0700; durable before this returns. Raises OSError."""
    with _making:
        _make_folder(folder)
    return folder


def _make_folder(folder: Path) -> None:
    there = folder.is_dir()
    if there and folder not in _unsynced:
        return
    if not there:
        _make_folder(folder.parent)
        _unsynced.add(folder)
        folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)
    _unsynced.discard(folder)


def copy(source: int, target: Path) -> None:
    """Copy an open file durably: a temporary name, fsync, rename, fsync of the folder."""
    partial = target.with_suffix(".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as out, os.fdopen(os.dup(source), "rb") as original:
        original.seek(0)
        shutil.copyfileobj(original, out, _COPY)
        out.flush()
        os.fsync(out.fileno())
    os.replace(partial, target)
    sync_folder(target.parent)


def write_durably(target: Path, data: bytes) -> None:
    """Write a small file so that after a power cut it is there whole or not at all."""
    partial = target.with_suffix(".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    os.replace(partial, target)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
