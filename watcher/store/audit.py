"""The audit: an append-only chain of keyed lines about what left and who decided, in the ledger.

Lines are rows of the ledger so that an acknowledgement and its line are one commit: after a crash
either both are there or neither, which no second file could promise without a repair at start.
"""

from __future__ import annotations

import enum
import hmac
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

_PURPOSE = b"img-ingestion audit 1"
_START = "0" * 64


class Deed(enum.StrEnum):
    """What a line tells of."""

    BEGUN = "begun"
    RESTORED = "restored"
    DELIVERED = "delivered"
    RELEASED = "released"
    APPROVED = "approved"
    REJECTED = "rejected"
    RETRIED = "retried"
    DEVICE_RULE = "device-rule"
    VALUES_SHOWN = "values-shown"


@dataclass(frozen=True, slots=True)
class AuditKey:
    """A key that is used for nothing but the chain."""

    id: str
    secret: bytes = field(repr=False)

    @classmethod
    def derived(cls, id_: str, secret: bytes) -> AuditKey:
        """From a site's secret, so that neither can be found from the other."""
        return cls(id_, hmac.digest(secret, _PURPOSE, "sha256"))

    def seal(self, *parts: str) -> str:
        """HMAC-SHA256 over the parts, one a line; hex."""
        return hmac.digest(self.secret, "\n".join(parts).encode(), "sha256").hex()


@dataclass(frozen=True, slots=True)
class Entry:
    """One line to be: ids, hashes and names of this box's users; never a value of a header."""

    deed: Deed
    id: str = ""
    customer: str = ""
    actor: str = ""
    facts: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Head:
    """The newest line at some time, sealed: a chain that ends before it has lost its tail."""

    seq: int
    mac: str
    key_id: str
    seal: str

    def text(self) -> str:
        """As it is kept in a file or on paper."""
        return f"{self.seq} {self.mac} {self.key_id} {self.seal}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """The inverse. Raises ValueError."""
        seq, mac, key_id, seal = text.split()
        return cls(int(seq), mac, key_id, seal)


class Audit:
    """Writes the chain. All methods belong inside the transaction of what they tell of."""

    def __init__(self, key: AuditKey) -> None:
        self._key = key

    def append(self, db: sqlite3.Connection, entry: Entry, now: float) -> int:
        """Add one line; returns its number, which counts from 1 without gaps."""
        seq, last = _newest(db)
        line = _line(seq + 1, entry, now)
        db.execute(
            "INSERT INTO audit (seq, id, deed, line, key_id, mac) VALUES (?, ?, ?, ?, ?, ?)",
            (
                seq + 1,
                entry.id,
                entry.deed,
                line,
                self._key.id,
                self._key.seal(last, self._key.id, line),
            ),
        )
        return seq + 1

    def begin(self, db: sqlite3.Connection, now: float) -> None:
        """Write the first line, unless there is one: what was delivered before has none."""
        if _newest(db)[0] == 0:
            before = db.execute("SELECT coalesce(sum(n), 0) FROM counts WHERE state = 'delivered'")
            facts = {"delivered_before": int(before.fetchone()[0])}
            self.append(db, Entry(Deed.BEGUN, facts=facts), now)

    def restored(self, db: sqlite3.Connection, now: float) -> None:
        """The ledger is an earlier copy of itself, completed from the files: tell that lines are
        lost, and how many deliveries have none.
        """
        facts = {"delivered_before": max(0, _lineless(db) - _told_lineless(db))}
        self.append(db, Entry(Deed.RESTORED, facts=facts), now)

    def head(self, db: sqlite3.Connection) -> Head:
        """The newest line, sealed."""
        seq, mac = _newest(db)
        return Head(seq, mac, self._key.id, self._key.seal("head", str(seq), mac))


def keep_head(path: Path, head: Head) -> None:
    """Write the head beside the ledger, whole or not at all."""
    beside = path.with_suffix(".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        out.write(head.text() + "\n")
        out.flush()
        os.fsync(out.fileno())
    beside.replace(path)


def has_lines(db: sqlite3.Connection) -> bool:
    """Whether there is a chain already."""
    return _newest(db)[0] > 0


def _newest(db: sqlite3.Connection) -> tuple[int, str]:
    found = db.execute("SELECT seq, mac FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    return (0, _START) if found is None else (found[0], found[1])


def _line(seq: int, entry: Entry, now: float) -> str:
    at = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
    whole = {
        "seq": seq,
        "at": at.replace("+00:00", "Z"),
        "deed": entry.deed.value,
        "id": entry.id,
        "customer": entry.customer,
        "actor": entry.actor,
        **entry.facts,
    }
    return json.dumps(whole, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, at which line; 0 when it is no line's."""

    seq: int
    what: str


def verify(
    db: sqlite3.Connection, keys: Sequence[AuditKey], heads: Sequence[Head]
) -> Finding | None:
    """The first thing that is wrong with the chain, or None.

    In this order: a line that is missing, altered or sealed with an unknown key; a head that is
    none of ours or that the chain does not reach; a delivery without a line or a line without one.
    """
    known = {key.id: key for key in keys}
    macs = {head.seq: "" for head in heads}
    last, expected = _START, 1
    for seq, id_, deed, line, key_id, mac in db.execute(
        "SELECT seq, id, deed, line, key_id, mac FROM audit ORDER BY seq"
    ):
        wrong = _wrong(expected, seq, last, known.get(key_id), (id_, deed, line, mac))
        if wrong is not None:
            return wrong
        if seq in macs:
            macs[seq] = mac
        last, expected = mac, seq + 1
    return _cut(heads, macs, known, expected - 1) or _unmatched(db)


def _wrong(
    expected: int, seq: int, last: str, key: AuditKey | None, row: tuple[str, str, str, str]
) -> Finding | None:
    id_, deed, line, mac = row
    if seq != expected:
        return Finding(expected, "is missing")
    if key is None:
        return Finding(seq, "is sealed with a key that is not in the key file")
    if not hmac.compare_digest(mac, key.seal(last, key.id, line)):
        return Finding(seq, "was altered")
    told = json.loads(line)
    if (told["seq"], told["id"], told["deed"]) != (seq, id_, deed):
        return Finding(seq, "was altered")
    return None


def _cut(
    heads: Sequence[Head], macs: Mapping[int, str], known: Mapping[str, AuditKey], last: int
) -> Finding | None:
    for head in heads:
        key = known.get(head.key_id)
        if key is None or head.seal != key.seal("head", str(head.seq), head.mac):
            return Finding(0, "the kept head was altered")
        if head.seq > last:
            return Finding(last + 1, f"is missing, and all up to line {head.seq}")
        if head.seq and macs[head.seq] != head.mac:
            return Finding(head.seq, "is another than the one that was kept")
    return None


def _unmatched(db: sqlite3.Connection) -> Finding | None:
    untold = _lineless(db) - _told_lineless(db)
    if untold > 0:
        return Finding(0, f"{untold} delivered instances have no line")
    extra = db.execute(
        "SELECT min(seq) FROM audit AS a WHERE deed = 'delivered' AND NOT EXISTS"
        " (SELECT 1 FROM instances WHERE id = a.id AND state = 'delivered')"
    ).fetchone()[0]
    return None if extra is None else Finding(extra, "tells of a delivery that the ledger denies")


def _lineless(db: sqlite3.Connection) -> int:
    """Delivered instances without a line."""
    found: int = db.execute(
        "SELECT count(*) FROM instances AS i WHERE state = 'delivered' AND NOT EXISTS"
        " (SELECT 1 FROM audit WHERE id = i.id AND deed = 'delivered')"
    ).fetchone()[0]
    return found


def _told_lineless(db: sqlite3.Connection) -> int:
    """How many of them the chain itself tells of: from before it began, or lost with a ledger."""
    told = db.execute("SELECT line FROM audit WHERE deed IN ('begun', 'restored')")
    return sum(json.loads(line)["delivered_before"] for (line,) in told)


def lines(db: sqlite3.Connection, since: str = "", until: str = "~") -> Iterator[dict[str, object]]:
    """The lines whose time (ISO 8601, UTC) is in [since, until), each with its number and seal."""
    for line, key_id, mac in db.execute("SELECT line, key_id, mac FROM audit ORDER BY seq"):
        told = json.loads(line)
        if since <= told["at"] < until:
            yield {**told, "audit_key": key_id, "mac": mac}


def dumped(told: Mapping[str, object]) -> str:
    """One exported line as JSON."""
    return json.dumps(told, separators=(",", ":"))
