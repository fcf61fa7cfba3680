"""How bytes of ours are fingerprinted: BLAKE3, 10 to 20 times as fast as SHA-256 without SHA-NI.

The digest of a source file stays SHA-256: by it a ledger knows what was delivered, before an
upgrade and after a way back, and the Idempotency-Key is made of it. Everything that this program
writes is fingerprinted here. A fingerprint names its algorithm ("blake3:" and 64 hex digits); a
bare one is the SHA-256 of an earlier version, whose staged files are still compared with it.
"""

from __future__ import annotations

import hashlib

from blake3 import blake3

_BLAKE3 = "blake3:"


class Fingerprint:
    """Of bytes as they come; `like` an earlier one, to be compared with it."""

    __slots__ = ("_prefix", "_running", "update")

    def __init__(self, like: str = _BLAKE3) -> None:
        self._prefix = _BLAKE3 if like.startswith(_BLAKE3) else ""
        self._running = blake3() if self._prefix else hashlib.sha256()
        self.update = self._running.update

    def __str__(self) -> str:
        return self._prefix + self._running.hexdigest()


def fingerprint(data: bytes) -> str:
    """The fingerprint of `data`."""
    return f"{_BLAKE3}{blake3(data).hexdigest()}"
