"""The site's audit key and its kept head: made at the first start, demanded at every later one."""

from __future__ import annotations

import os
import pwd
import socket
import struct
from pathlib import Path
from urllib.parse import urlsplit

from watcher.digest import SHA256, fingerprint
from watcher.errors import ConfigError
from watcher.model import Prepared
from watcher.scrub.keys import load_keys, make_key
from watcher.store.audit import Audit, AuditKey, Deed, Entry, Head, has_lines, keep_head
from watcher.store.ledger import Ledger
from watcher.store.records import Row

_KEY = ".site.key"  # no customer's name begins with a dot
_HEAD = "audit.head"
_NO_LOGIN = 2**32 - 1


def audit_keys(state: Path) -> list[AuditKey]:
    """Every key the chain was ever sealed with, newest last. Raises ConfigError."""
    return [AuditKey.derived(key.id, key.secret) for key in load_keys(state / "keys" / _KEY)]


def open_audit(state: Path, ledger: Ledger, now: float) -> Audit:
    """The chain of this state folder, begun when there is none yet.

    Raises ConfigError when there are lines and the key that sealed them is gone.
    """
    path = state / "keys" / _KEY
    if not path.exists():
        if has_lines(ledger.connection):
            raise ConfigError(
                "the audit's key state/keys/.site.key is missing: put it back from a backup"
            )
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_key(path, SHA256)  # of no original; and an earlier version reads it
    audit = Audit(audit_keys(state)[-1])
    audit.begin(ledger.connection, now)
    return audit


def note_head(state: Path, head: Head) -> None:
    """Keep the newest head beside the ledger."""
    keep_head(state / _HEAD, head)


def kept_heads(state: Path, noted: tuple[str, ...] = ()) -> list[Head]:
    """The head kept in the state folder, and those that somebody noted. Raises ConfigError."""
    path = state / _HEAD
    texts = [*noted, *([path.read_text("ascii")] if path.exists() else [])]
    try:
        return [Head.parse(text) for text in texts]
    except ValueError:
        raise ConfigError("a head is four words: number, seal, key id, seal of the head") from None


def delivery(row: Row, destination: str, answer: str) -> Entry:
    """What the line of one acknowledged instance says."""
    if row.prepared is None:
        raise AssertionError("a delivered row has what was prepared")  # the ledger's own promise
    prepared = row.prepared
    return Entry(
        Deed.DELIVERED,
        row.id,
        row.customer,
        facts={
            "destination": _place(destination),
            "answer": answer,
            "content": prepared.content_key,
            "instance": prepared.images[0].image_instance_uid,
            "study": prepared.study.study_instance_uid,
            "series": prepared.study.series_instance_uid,
            "images": len(prepared.images),
            "sent": sent_hash(prepared),
            "cleaned": prepared.dcm.digest,
            "recipe": prepared.recipe,
            "key": prepared.key_id,
            "verdict": prepared.verdict,
            "boxes": len(prepared.boxes),
            "reviewed": "" if row.review is None else row.review.actor,
        },
    )


def sent_hash(prepared: Prepared) -> str:
    """The one PNG's fingerprint; of several, that over theirs in order, one a line."""
    sums = [image.png.digest for image in prepared.images]
    if len(sums) == 1:
        return sums[0]
    return fingerprint("".join(f"{each}\n" for each in sums).encode())


def _place(url: str) -> str:
    """A destination without what may be secret in it: user, password and query."""
    parts = urlsplit(url)
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"


def user_of(uid: int) -> str:
    """A local user as the audit names it: the uid, and the name while there is one."""
    try:
        return f"uid {uid} {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"uid {uid}"


def peer(link: socket.socket) -> str:
    """Who is at the other end of a local socket, and as whom that person once logged in."""
    size = struct.calcsize("3i")
    pid, uid, _ = struct.unpack("3i", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    try:
        login = int(Path(f"/proc/{pid}/loginuid").read_text("ascii"))
    except (OSError, ValueError):
        return user_of(uid)
    return user_of(uid) if login in (uid, _NO_LOGIN) else f"{user_of(uid)}, login {user_of(login)}"


def is_ours(uid: int | None) -> bool:
    """Whether a local user may see what this process keeps from others: root, ourselves, and the
    members of our group.
    """
    if uid is None:
        return False
    try:
        user = pwd.getpwuid(uid)
    except KeyError:
        return uid == os.getuid()
    groups = os.getgrouplist(user.pw_name, user.pw_gid)
    return uid in (0, os.getuid()) or os.getgid() in groups


def myself() -> str:
    """Who runs this process."""
    return user_of(os.getuid())
