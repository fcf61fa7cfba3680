"""Which file system a folder lies on, as the kernel's mount table tells it without touching it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal

_TABLE = Path("/proc/self/mountinfo")
_NETWORK = re.compile(
    r"cifs|smb3|smbfs|nfs\d?|fuse|fuse\..*|9p|ceph|glusterfs|afs|lustre|gpfs|beegfs|virtiofs"
    r"|vboxsf|davfs|ncpfs|ocfs2|gfs2|orangefs"
)
_ESCAPE = re.compile(rb"\\([0-7]{3})")


def read_table() -> list[tuple[str, str]]:
    """(mount point, file system type) of every mount, later ones lying over earlier ones."""
    return parse_table(_TABLE.read_bytes())


def parse_table(table: bytes) -> list[tuple[str, str]]:
    """Parse the text of /proc/self/mountinfo, see proc(5)."""
    mounts = []
    for line in table.splitlines():
        fields, _, rest = line.partition(b" - ")
        point = _ESCAPE.sub(lambda match: bytes([int(match[1], 8)]), fields.split(b" ")[4])
        mounts.append((os.fsdecode(point), os.fsdecode(rest.split(b" ")[0])))
    return mounts


def is_network(folder: str, mounts: list[tuple[str, str]]) -> bool:
    """Whether other machines may write below this absolute path without an event reaching us."""
    best, kind = "", ""
    for point, fstype in mounts:
        stem = point.rstrip("/")
        if (folder == stem or folder.startswith(stem + "/")) and len(stem) >= len(best):
            best, kind = stem, fstype
    return _NETWORK.fullmatch(kind) is not None


def wants_events(folder: Path, watch: Literal["auto", "events", "scan"]) -> bool:
    """Whether this folder is to be watched, or only scanned."""
    if watch == "auto":
        return not is_network(os.path.realpath(folder), read_table())
    return watch == "events"
