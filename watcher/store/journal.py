"""What was sent and acknowledged since the ledger's last copy, outside of the ledger.

A ledger that is restored from its copy must not send in another request what it has sent since:
under another key the backend would take it for new. One JSON line per request, durable before the
request leaves, and one per acknowledgement. The lines hold ids and hashes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from watcher.store.records import Row
from watcher.store.spool import make_folder, room, sync_folder

_FOLDER = "requests"


@dataclass(frozen=True, slots=True)
class Entry:
    """One instance: whose it is, the fingerprint of its original, the request it went in last."""

    customer: str
    content: str
    batch: str


@dataclass(frozen=True, slots=True)
class Told:
    """What the journal says: of what was sent, by the instance's id; and whom the backend has."""

    sent: Mapping[str, Entry]
    acknowledged: frozenset[str]


class Journal:
    """The lines since the start, or since `turn`, in a file of their own; for one thread."""

    def __init__(self, state: Path) -> None:
        self._folder = state / _FOLDER
        self._lines: list[str] = []
        self._durably = False
        self._descriptor: int | None = None

    def sending(self, rows: Sequence[Row], batch: str) -> None:
        """These are about to leave in this request; durable with the next `seal`."""
        members = {row.id: row.prepared.source_digest for row in rows if row.prepared}
        customer = rows[0].customer
        self._add({"customer": customer, "batch": batch, "members": members})
        self._durably = True

    def acknowledged(self, id_: str) -> None:
        """The backend has it. When this line is lost, it is asked again, under the same key."""
        self._add({"acknowledged": id_})

    def _add(self, line: Mapping[str, object]) -> None:
        self._lines.append(json.dumps(line, separators=(",", ":")) + "\n")

    @room()
    def seal(self) -> None:
        """Write what was added. Raises DeferredError; then it is as if it had not been added."""
        lines, durably = self._lines, self._durably
        self._lines, self._durably = [], False
        if not lines:
            return
        if self._descriptor is None:
            self._descriptor = self._begin()
        _write(self._descriptor, "".join(lines).encode())
        if durably:
            os.fdatasync(self._descriptor)

    def _begin(self) -> int:
        make_folder(self._folder)
        number = max((int(path.stem) for path in _files(self._folder)), default=0) + 1
        path = self._folder / f"{number}.jsonl"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        sync_folder(self._folder)
        return descriptor

    def turn(self) -> list[Path]:
        """Go on in another file; returns the earlier ones, of no use once the ledger is copied."""
        self.close()
        return _files(self._folder)

    def close(self) -> None:
        """Give the file back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None


def _write(descriptor: int, data: bytes) -> None:
    data = b"\n" + data  # an earlier write may have ended in the middle of a line
    while data:
        data = data[os.write(descriptor, data) :]


def read(state: Path) -> Told:
    """In the order in which they were sent: the last word on each counts."""
    sent: dict[str, Entry] = {}
    acknowledged: set[str] = set()
    for path in _files(state / _FOLDER):
        for line in _lines(path):
            if "acknowledged" in line:
                acknowledged.add(line["acknowledged"])
            for id_, content in line.get("members", {}).items():
                sent[id_] = Entry(line["customer"], content, line["batch"])
    return Told(sent, frozenset(acknowledged))


def _files(folder: Path) -> list[Path]:
    found = [path for path in folder.glob("*.jsonl") if path.stem.isdecimal()]
    return sorted(found, key=lambda path: int(path.stem))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            try:
                told = json.loads(line)
            except ValueError:  # empty, or torn by a power cut
                continue
            if isinstance(told, dict):
                yield told
