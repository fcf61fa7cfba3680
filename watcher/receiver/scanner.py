"""A request's JSON read as it comes: long strings go to files, decoded, and never into memory."""

from __future__ import annotations

import binascii
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_LONG = 4096  # bytes; a longer string is taken to be base64
_SKELETON_MOST = 64 << 20
_WRITE = 1 << 20


class TooLargeError(Exception):
    """There is more JSON around the images than any honest request has."""


@dataclass(slots=True)
class Blob:
    """A long string of the request: what its base64 decodes to, in a file."""

    path: Path
    sound: bool = True  # whether it was base64 at all


class Scanner:
    """Splits JSON bytes into a skeleton, with marks where long strings were, and their contents.

    It only finds the strings; whether the skeleton is JSON is for a JSON parser to say. Files are
    made in `folder` as `blob-0`, `blob-1`, ...
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mark = f"blob-{secrets.token_hex(16)}-"  # no sender can guess it
        self._skeleton = bytearray()
        self._blobs: list[Blob] = []
        self._inside = False
        self._escaped = False
        self._string = bytearray()
        self._sink: _Sink | None = None

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises TooLargeError, OSError."""
        position = 0
        while position < len(data):
            step = self._in_string if self._inside else self._outside
            position = step(data, position)
        if len(self._skeleton) > _SKELETON_MOST:
            raise TooLargeError

    def close(self) -> None:
        """Close a file that a broken request left open."""
        if self._sink is not None:
            self._sink.close()
            self._sink = None

    def skeleton(self) -> bytes:
        """The JSON, each long string replaced by a mark."""
        return bytes(self._skeleton)

    def blob(self, text: str) -> Blob | None:
        """The long string that a mark stands for."""
        number = text.removeprefix(self._mark)
        return self._blobs[int(number)] if number != text else None

    def _outside(self, data: bytes, position: int) -> int:
        quote = data.find(b'"', position)
        stop = len(data) if quote < 0 else quote + 1
        self._skeleton += data[position:stop]
        self._inside = quote >= 0
        return stop

    def _in_string(self, data: bytes, position: int) -> int:
        if self._escaped:
            self._escaped = False
            return self._take(data, position, position + 1)
        quote = data.find(b'"', position)
        end = len(data) if quote < 0 else quote
        slash = data.find(b"\\", position, end)
        if slash >= 0:
            self._escaped = True
            return self._take(data, position, slash + 1)
        self._take(data, position, end)
        if quote < 0:
            return end
        self._end()
        return end + 1

    def _take(self, data: bytes, start: int, stop: int) -> int:
        self._string += data[start:stop]
        if self._sink is None and len(self._string) > _LONG:
            self._sink = _Sink(Blob(self._folder / f"blob-{len(self._blobs)}"))
            self._blobs.append(self._sink.blob)
        if self._sink is not None and len(self._string) > _WRITE and not self._escaped:
            self._string = self._sink.write(self._string)
        return stop

    def _end(self) -> None:
        self._inside = False
        if self._sink is None:
            self._skeleton += self._string
        else:
            if self._sink.write(self._string):
                self._sink.blob.sound = False
            self._skeleton += f"{self._mark}{len(self._blobs) - 1}".encode()
            self.close()
        self._skeleton += b'"'
        self._string = bytearray()


class _Sink:
    """Decodes base64 into a file."""

    def __init__(self, blob: Blob) -> None:
        self.blob = blob
        self._file: BinaryIO = blob.path.open("xb")

    def write(self, text: bytearray) -> bytearray:
        """Decode all whole groups of four; returns what is left over."""
        if b"\\" in text:
            text = text.replace(b"\\/", b"/")  # legal JSON for a slash
        whole = len(text) - len(text) % 4
        try:
            self._file.write(binascii.a2b_base64(text[:whole], strict_mode=True))
        except binascii.Error:
            self.blob.sound = False
        return text[whole:]

    def close(self) -> None:
        self._file.close()
