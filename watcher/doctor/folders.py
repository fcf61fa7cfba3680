"""Permissions, disk and encryption of the folders."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from watcher.doctor.finding import Finding, hint, ok, trouble
from watcher.intake.mounts import is_network, read_table
from watcher.observe.fields import WITHHELD, checked
from watcher.settings import Settings

_LEAST_INODES = 100_000
_DEPTH = 8


def permissions(settings: Settings) -> Iterator[Finding]:
    """Only we may read the state; we may read the drop folder and take files out of it."""
    check = "permissions"
    if os.geteuid() == 0:
        yield hint(check, "this runs as root; a user of its own needs no more than its folders")
    found = [*_state(settings.state), *_drop(settings.intake.root), *_secrets(settings)]
    yield from found or [ok(check, "state, keys and secrets are closed to others")]


def _state(state: Path) -> Iterator[Finding]:
    check = "permissions"
    if not state.is_dir():
        yield hint(check, f"{state} is not there yet", f"mkdir -m 700 -p {quote(str(state))}")
        return
    if state.stat().st_mode & 0o077:
        yield trouble(check, f"{state} is open to others", f"chmod 700 {quote(str(state))}")
    for path in (state, *sorted(each for each in state.iterdir() if each.is_dir())):
        if path.stat().st_uid != os.geteuid():
            mend = f"sudo chown -R {os.geteuid()}:{os.getegid()} {quote(str(path))}"
            yield trouble(check, f"{path} belongs to another user", mend)
    for path in (state / "ledger.sqlite", *sorted((state / "keys").glob("*"))):
        if path.is_file() and path.stat().st_mode & 0o077:
            yield trouble(check, f"{path} is open to others", f"chmod 600 {quote(str(path))}")


def _drop(root: Path) -> Iterator[Finding]:
    check = "permissions"
    if not root.is_dir():
        mend = f"mkdir -p {quote(str(root))}"
        yield trouble(check, f"the drop folder {root} is not there", mend)
        return
    for folder in (root, *sorted(each for each in root.iterdir() if each.is_dir())):
        # A name that cannot be a customer's may be a patient's: it is not said.
        if folder != root and checked("customer", folder.name) == WITHHELD:
            mend = f"find {quote(str(root))} -maxdepth 1 -inum {folder.stat().st_ino}"
            yield trouble(check, "a folder's name cannot be a customer's: it is not taken", mend)
            continue
        mend = f"sudo setfacl -m u:{os.geteuid()}:rwx {quote(str(folder))}"
        if not os.access(folder, os.R_OK | os.X_OK):
            yield trouble(check, f"{folder} cannot be read", mend)
        elif folder != root and not os.access(folder, os.W_OK):
            yield trouble(check, f"delivered files cannot be taken out of {folder}", mend)


def _secrets(settings: Settings) -> Iterator[Finding]:
    for setting, path in secret_files(settings):
        if not path.is_file():
            yield trouble("permissions", f"{setting}: {path} is not there")
        elif path.stat().st_mode & 0o077:
            says = f"{setting}: {path} is open to others"
            yield trouble("permissions", says, f"chmod 600 {quote(str(path))}")
        elif not os.access(path, os.R_OK):
            mend = f"sudo chown {os.geteuid()} {quote(str(path))}"
            yield trouble("permissions", f"{setting}: {path} cannot be read", mend)


def secret_files(settings: Settings) -> Iterator[tuple[str, Path]]:
    """(setting, file) of every secret that lies in a file."""
    everyone = {"": settings.deliver}
    everyone |= {f"customers.{name}.": own.deliver for name, own in settings.customers.items()}
    for prefix, deliver in everyone.items():
        for name in ("secret", "proxy_secret"):
            kind, _, place = str(getattr(deliver, name)).partition(":")
            if kind == "file":
                yield f"{prefix}deliver.{name}", Path(place)
        if deliver.tls_key is not None:
            yield f"{prefix}deliver.tls_key", deliver.tls_key
    for name in ("token_file", "tls_key"):
        path = getattr(settings.observe, name)
        if path is not None:
            yield f"observe.{name}", path


def disk(settings: Settings) -> Iterator[Finding]:
    """Room, inodes, and a file system that SQLite can trust."""
    folder = _there(settings.state)
    usage, options = shutil.disk_usage(folder), settings.disk
    free = f"{usage.free / 1e9:.1f} of {usage.total / 1e9:.1f} GB are free at {folder}"
    if usage.free < options.stop_below:
        says = f"{free}: below disk.stop_below nothing new is prepared"
        yield trouble("disk", says, f"du -xh --max-depth=2 {quote(str(folder))} | sort -h | tail")
    elif usage.free < 2 * options.resume_above:
        yield hint("disk", f"{free}: soon too little", f"du -sh {quote(str(folder))}/archive")
    else:
        yield ok("disk", free)
    inodes = os.statvfs(folder)
    if inodes.f_files and inodes.f_favail < _LEAST_INODES:
        says = f"only {inodes.f_favail} more files can be made at {folder}"
        yield trouble("disk", says, f"df -i {quote(str(folder))}")
    if is_network(os.path.realpath(folder), read_table()):
        says = f"{folder} is on a network mount: the ledger is not safe there"
        yield trouble("disk", says, "set `state` in settings.toml to a folder on a local disk")
    drop = settings.intake.root
    if drop.is_dir() and drop.stat().st_dev != folder.stat().st_dev:
        yield hint("disk", "drop folder and state are on two file systems: archiving copies")


def encryption(settings: Settings) -> Iterator[Finding]:
    """Whether what lies on the disk can be read by whoever carries it away."""
    for name, folder in (("state", settings.state), ("drop folder", settings.intake.root)):
        word = encrypted(_there(folder))
        if word is None:
            says = f"cannot see from here whether the {name}'s disk is encrypted"
            yield hint("encryption", says, f"lsblk -o NAME,TYPE,MOUNTPOINT # {folder}: type crypt?")
        elif word:
            yield ok("encryption", f"the {name} is on an encrypted disk")
        else:
            says = f"the {name} is on a disk that is not encrypted: it holds patients' files"
            yield hint("encryption", says, "sudo cryptsetup luksFormat DEVICE # a new, empty one")
    plain = [line.split()[0] for line in _swaps() if not _crypt(_device(Path(line.split()[0])))]
    if plain:
        yield hint("encryption", f"swap is not encrypted: {', '.join(plain)}", "sudo swapoff -a")


def encrypted(folder: Path) -> bool | None:
    """Whether the device below is a dm-crypt one; None when no device can be seen."""
    device = folder.stat().st_dev
    place = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    return _crypt(place) if place.exists() else None


def _crypt(place: Path | None, depth: int = 0) -> bool:
    """Whether this block device, or any that it stands on, is a dm-crypt one."""
    if place is None or depth > _DEPTH:
        return False
    uuid = place / "dm" / "uuid"
    if uuid.is_file() and uuid.read_text(encoding="ascii").startswith("CRYPT-"):
        return True
    below = place / "slaves"
    return below.is_dir() and any(_crypt(each, depth + 1) for each in below.iterdir())


def _device(path: Path) -> Path | None:
    try:
        found = path.stat()
    except OSError:
        return None
    number = found.st_rdev if stat.S_ISBLK(found.st_mode) else found.st_dev
    return Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")


def _swaps() -> list[str]:
    try:
        return Path("/proc/swaps").read_text(encoding="utf-8").splitlines()[1:]
    except OSError:
        return []


def _there(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(each for each in (folder, *folder.parents) if each.is_dir())
