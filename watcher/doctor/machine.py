"""The kernel's limits, the clock, the keys' backup, and the gateway itself."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import resource
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from watcher import operations
from watcher.doctor.finding import Finding, hint, ok, trouble
from watcher.errors import ConfigError
from watcher.settings import Settings
from watcher.store import queries

_INOTIFY = Path("/proc/sys/fs/inotify")
_MANY_FOLDERS = 200_000
_OPEN_FILES = 4096
_STA_UNSYNC = 0x40
_NOTE = "backup.json"


def limits(settings: Settings) -> Iterator[Finding]:
    """Enough inotify watches for every folder, with twice that to spare, and open files."""
    folders = _folders(settings.intake.root)
    wanted = max(65_536, 3 * folders)
    watches = _number(_INOTIFY / "max_user_watches")
    if watches is not None and watches < wanted:
        says = f"{watches} inotify watches for {folders} folders: new files are seen by scans only"
        yield trouble("limits", says, f"sudo sysctl -w fs.inotify.max_user_watches={wanted}")
    events = _number(_INOTIFY / "max_queued_events")
    if events is not None and events < 16_384:
        says = f"the kernel keeps {events} file events only"
        yield hint("limits", says, "sudo sysctl -w fs.inotify.max_queued_events=65536")
    if watches is None:
        yield hint("limits", "cannot see the inotify limits; scans find every file anyway")
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < 1024:
        yield hint("limits", f"{soft} open files only", f"ulimit -n {_OPEN_FILES}")
    if watches is not None and watches >= wanted:
        yield ok("limits", f"{watches} inotify watches for {folders} folders")


def clock(settings: Settings) -> Iterator[Finding]:
    """Kept by a time server, and not behind what the ledger has seen."""
    mend = "sudo timedatectl set-ntp true"
    kept = _clock_is_kept()
    if kept is None:
        yield hint("clock", "cannot see whether a time server keeps the clock", "timedatectl")
    elif not kept:
        yield hint("clock", "no time server keeps the clock: times in log and audit drift", mend)
    else:
        yield ok("clock", "a time server keeps it")
    newest = _newest(settings)
    if newest is not None and newest > time.time() + 5:
        says = f"the ledger's newest move lies {newest - time.time():.0f} s in the future"
        yield trouble("clock", says, mend)


def _clock_is_kept() -> bool | None:
    """What adjtimex(2) says; None where it may not be asked."""
    timex = (ctypes.c_long * 64)()  # larger than struct timex; modes 0 changes nothing
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.adjtimex(timex) < 0:
        return None
    status = ctypes.cast(timex, ctypes.POINTER(ctypes.c_int))[10]  # after modes and four longs
    return not status & _STA_UNSYNC


def _newest(settings: Settings) -> float | None:
    path = settings.state / "ledger.sqlite"
    if not path.exists():
        return None
    db = queries.reader(path)
    try:
        return queries.newest_move(db)
    finally:
        db.close()


# -- keys ------------------------------------------------------------------------------------


def keys(settings: Settings) -> Iterator[Finding]:
    """Every customer that has files has a key, and a backup of each key is known of."""
    folder = settings.state / "keys"
    there = digests(folder)
    for customer in _customers(settings):
        if f"{customer}.key" not in there:
            says = f"the key of customer {customer} is gone: the gateway will not start"
            yield trouble("keys", says, f"tar -xf BACKUP -C {quote(str(folder))} {customer}.key")
    noted = _noted(folder)
    missing = sorted(name for name, digest in there.items() if noted.get(name) != digest)
    mend = "watcher doctor --backup-keys /media/safe/watcher-keys.tar"
    if missing:
        says = f"no backup is known of {', '.join(missing)}: lost, every patient gets a new name"
        yield trouble("keys", says, mend)
    elif there:
        yield ok("keys", f"a backup of all {len(there)} was made on {noted.get('made', '?')}")
    else:
        yield ok("keys", "there are none yet; the first file of a customer makes one")


def backup_keys(settings: Settings, target: Path) -> list[str]:
    """Write every key into a new tar, mode 0600, and note that it was done. Raises ConfigError."""
    folder = settings.state / "keys"
    found = digests(folder)
    if not found:
        raise ConfigError(f"there are no keys in {folder} yet")
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise ConfigError(f"{target} exists already: a backup is never written over") from None
    except OSError as error:
        raise ConfigError(f"cannot write {target} (errno {error.errno})") from None
    with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
        for name in sorted(found):
            tar.add(folder / name, arcname=name)
        tar.close()
        file.flush()
        os.fsync(file.fileno())
    note = {**found, "made": time.strftime("%Y-%m-%d", time.gmtime())}
    path = folder / _NOTE
    path.write_text(json.dumps(note, indent=2), encoding="ascii")
    path.chmod(0o600)
    return sorted(found)


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each key file by its name; of 256 random bits it tells nothing."""
    try:
        paths = sorted(folder.glob("*.key"))
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    except OSError:
        return {}


def _noted(folder: Path) -> dict[str, str]:
    try:
        note = json.loads((folder / _NOTE).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _customers(settings: Settings) -> list[str]:
    path = settings.state / "ledger.sqlite"
    if not path.exists():
        return []
    db = queries.reader(path)
    try:
        return [tally.customer for tally in queries.tallies(db)]
    finally:
        db.close()


# -- the gateway -----------------------------------------------------------------------------


def gateway(settings: Settings) -> Iterator[Finding]:
    """Whether it runs, and what it says of itself."""
    try:
        said = operations.ask(settings.state, {"verb": "health"}, patience=10.0)
    except (TimeoutError, OSError):
        yield trouble("gateway", "it does not answer", "systemctl restart img-ingestion")
        return
    if said is None:
        yield hint("gateway", "it does not run", "systemctl start img-ingestion # or: watcher run")
        return
    words = {name: word for part in said.values() for name, word in part.items() if word != "ok"}
    for name, word in words.items():
        yield trouble(
            "gateway", f"{name}: {word}", _MENDS.get(word, "watcher tail --level warning")
        )
    if not words:
        yield ok("gateway", "it runs and all is well")


_MENDS = {
    "missing": "ls -ld the folder; is its mount there?",
    "unreadable": "ls -ld the folder",
    "out-of-watches": "sudo sysctl -w fs.inotify.max_user_watches=1048576",
    "paused": "watcher tail --level error # what the backend refuses; then: watcher retry ID",
    "resting": "watcher tail --level warning # it is tried again by itself",
    "full": "df -h",
    "illegal": "ls the drop folder: a customer's name is letters, digits, dot, dash, underscore",
}


def ledger(settings: Settings) -> Iterator[Finding]:
    """The ledger is sound and in balance."""
    path = settings.state / "ledger.sqlite"
    if not path.exists():
        yield ok("ledger", "there is none yet")
        return
    db = queries.reader(path)
    try:
        if not queries.is_sound(db):
            says = "the ledger is damaged"
            yield trouble("ledger", says, f"ls {quote(str(settings.state))} # a backup of it?")
            return
        lost = [tally.customer for tally in queries.tallies(db) if not tally.balanced]
    finally:
        db.close()
    if lost:
        yield trouble("ledger", f"out of balance: {', '.join(lost)}", "watcher support")
    else:
        yield ok("ledger", "it is sound and in balance")


def _folders(root: Path) -> int:
    count = 0
    for _ in os.walk(root):
        count += 1
        if count >= _MANY_FOLDERS:
            break
    return count


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
