"""Long strings go to files; the rest is the same JSON; in any pieces, with bounded memory."""

from __future__ import annotations

import base64
import json
import os
import random
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.receiver.scanner import Scanner, TooLargeError

LONG = st.integers(3100, 9000).map(
    lambda n: base64.b64encode(random.Random(n).randbytes(n)).decode()
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30) | LONG,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)


def restore(value: object, scanner: Scanner) -> object:
    """Put the contents of the files back, as base64."""
    if isinstance(value, list):
        return [restore(item, scanner) for item in value]
    if isinstance(value, dict):
        return {name: restore(item, scanner) for name, item in value.items()}
    blob = scanner.blob(value) if isinstance(value, str) else None
    if blob is None:
        return value
    assert blob.sound
    return base64.b64encode(blob.path.read_bytes()).decode()


@given(JSON, st.integers(1, 5000), st.booleans())
def test_nothing_is_lost(value: object, step: int, ascii_only: bool) -> None:
    """Whatever the JSON, however it is cut, escaped or not."""
    text = json.dumps(value, ensure_ascii=ascii_only).encode()
    with tempfile.TemporaryDirectory() as folder:
        scanner = Scanner(Path(folder))
        for start in range(0, len(text), step):
            scanner.feed(text[start : start + step])
        scanner.close()
        assert len(scanner.skeleton()) < 4096 * 30
        assert restore(json.loads(scanner.skeleton()), scanner) == value


def test_an_escaped_slash_is_base64_too(tmp_path: Path) -> None:
    """JSON allows it, some libraries write it."""
    content = b"\xff" * 9000
    text = json.dumps(base64.b64encode(content).decode()).replace("/", "\\/").encode()
    scanner = Scanner(tmp_path)
    for start in range(0, len(text), 7):
        scanner.feed(text[start : start + 7])
    blob = scanner.blob(json.loads(scanner.skeleton()))
    assert blob is not None
    assert blob.sound
    assert blob.path.read_bytes() == content


@pytest.mark.parametrize(
    "text",
    ["A" * 5001, "A" * 4999 + "!", "Ä" * 5000, "A" * 5000 + "\\n", "\\" * 9000],
)
def test_what_is_not_base64_is_said_so(tmp_path: Path, text: str) -> None:
    """And not decoded to something else."""
    scanner = Scanner(tmp_path)
    scanner.feed(json.dumps(text).encode())
    blob = scanner.blob(json.loads(scanner.skeleton()))
    assert blob is not None
    assert not blob.sound


def test_a_mark_cannot_be_forged(tmp_path: Path) -> None:
    """A string of another request, or a guess, stands for nothing."""
    scanner = Scanner(tmp_path)
    scanner.feed(json.dumps(["A" * 8000, "blob-0", "0", ""]).encode())
    marks = json.loads(scanner.skeleton())
    assert scanner.blob(marks[0]) is not None
    assert [Scanner(tmp_path / "x").blob(m) for m in marks] == [None] * 4
    assert [scanner.blob(m) for m in marks[1:]] == [None] * 3


def test_memory_is_bounded(tmp_path: Path) -> None:
    """64 MiB of base64 in 64 kB pieces."""
    piece = base64.b64encode(os.urandom(49_152))
    scanner = Scanner(tmp_path)
    tracemalloc.start()
    scanner.feed(b'{"data": "')
    for _ in range(1024):
        scanner.feed(piece)
    scanner.feed(b'"}')
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20
    assert (tmp_path / "blob-0").stat().st_size == 48 << 20


def test_a_flood_of_small_things_is_refused(tmp_path: Path) -> None:
    """What stays in memory has a limit."""
    scanner = Scanner(tmp_path)
    piece = b"[1,2,3]," * (1 << 17)
    for _ in range(64):
        scanner.feed(piece)
    with pytest.raises(TooLargeError):
        scanner.feed(piece)
