"""PNG to base64 text on disk, a piece at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pybase64

from watcher.digest import Fingerprint
from watcher.model import SpoolFile

# A multiple of 3, so that the pieces' base64 joins without padding in between.
_PIECE = 3 << 19


def write_text(png: Path, text: Path) -> SpoolFile:
    """Write the base64 (RFC 4648 section 4, no line breaks) of `png` to the new file `text`.

    The file is made 0600 and must not exist yet (FileExistsError). Memory is bounded. Not synced
    to disk: whoever reads it compares the fingerprint, and what is lost is made again from the
    original. Raises OSError.
    """
    digest = Fingerprint()
    size = 0
    with png.open("rb", buffering=0) as source, create(text) as write:
        while piece := _read(source.fileno()):
            encoded = pybase64.b64encode(piece)
            digest.update(encoded)
            size += write(encoded)
    return SpoolFile(text.name, size, str(digest))


@contextmanager
def create(path: Path) -> Iterator[Callable[[bytes], int]]:
    """A new private file, as a function that appends to it; removed if the block fails."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        yield partial(_write, descriptor)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _write(descriptor: int, data: bytes) -> int:
    """Write all of `data`; the kernel may take it in parts."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    return len(data)


def _read(descriptor: int) -> bytes:
    """`_PIECE` bytes, or what is left of the file: a short read must not break a piece."""
    piece = os.read(descriptor, _PIECE)
    while piece and len(piece) % 3:
        more = os.read(descriptor, 3 - len(piece) % 3)
        if not more:
            break
        piece += more
    return piece
