"""What the receiver holds: one folder per accepted request, there whole or not at all."""

from __future__ import annotations

import hashlib
import heapq
import json
import os
import shutil
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ImageKey = tuple[str, int]
"""(SOP Instance UID, frame number or 0)."""
_RECORD = "request.json"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was answered to a key, and to which bytes."""

    sha256: str
    answer: dict[str, str]


class Shelf:
    """`accepted/<id>/` holds `request.json` and `1.png`, `2.png`, ...; `incoming/` is work.

    A request is accepted by one rename of its synced folder, and is found by its key from then on.
    """

    def __init__(self, store: Path) -> None:
        self.accepted = store / "accepted"
        self._incoming = store / "incoming"
        shutil.rmtree(self._incoming, ignore_errors=True)
        for folder in (self.accepted, self._incoming):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._images: Counter[ImageKey] | None = None

    @property
    def images(self) -> Counter[ImageKey]:
        """How often each image was accepted. Read from disk when first asked for: a start must not
        take longer the more is held."""
        with self._lock:
            if self._images is None:
                bodies = (self.record(name)["body"] for name in self.requests())
                self._images = Counter(key for body in bodies for key in image_keys(body))
            return self._images

    def requests(self, newest: int | None = None) -> list[str]:
        """The ids of the accepted requests, newest first, or only so many of them."""
        found = ((entry.stat().st_mtime_ns, entry.name) for entry in os.scandir(self.accepted))
        ordered = sorted(found, reverse=True) if newest is None else heapq.nlargest(newest, found)
        return [name for _, name in ordered]

    def __len__(self) -> int:
        return sum(1 for _ in os.scandir(self.accepted))

    def workplace(self) -> Path:
        """A new folder for a request that is coming in."""
        folder = self._incoming / uuid.uuid4().hex
        folder.mkdir(mode=0o700)
        return folder

    def find(self, key: str) -> Receipt | None:
        """What was answered to this key, by this process or an earlier one."""
        try:
            record = json.loads((self.accepted / _name(key) / _RECORD).read_bytes())
        except FileNotFoundError:
            return None
        return Receipt(record["sha256"], record["answer"])

    def accept(self, work: Path, key: str | None, receipt: Receipt, body: dict[str, Any]) -> None:
        """Make a request durable: when this returns, it survives a power cut. Raises OSError."""
        record = {
            "received": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "key": key,
            "sha256": receipt.sha256,
            "answer": receipt.answer,
            "body": body,
        }
        (work / _RECORD).write_text(json.dumps(record, indent=1))
        for path in [*work.iterdir(), work]:
            _sync(path)
        name = _name(key) if key else uuid.uuid4().hex
        with self._lock:
            work.rename(self.accepted / name)
            if self._images is not None:
                self._images.update(image_keys(body))
        _sync(self.accepted)

    def record(self, name: str) -> dict[str, Any]:
        """The stored request, its data replaced by file names. Raises FileNotFoundError."""
        parsed: dict[str, Any] = json.loads((self.accepted / name / _RECORD).read_bytes())
        return parsed


def image_keys(body: dict[str, Any]) -> list[ImageKey]:
    """The images of one request."""
    return [(i["imageInstanceUid"], i.get("frameNumber", 0)) for i in body["images"]]


def _name(key: str) -> str:
    """A folder name for any key; no sender decides on our paths."""
    return hashlib.sha256(key.encode()).hexdigest()[:40]


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
