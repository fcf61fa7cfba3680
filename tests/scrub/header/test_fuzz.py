"""Damaged files end in a refusal or a clean header, never in anything else."""

from __future__ import annotations

import random
import warnings
from io import BytesIO
from pathlib import Path

import pydicom
import pydicom.data
import pytest

from tests.scrub.header.conftest import parsed
from watcher.errors import WatcherError
from watcher.scrub.cleaner import HeaderCleaner

PACKAGED = Path(pydicom.data.__file__).parent / "test_files"
SMALL = sorted(p for p in PACKAGED.glob("*.dcm") if p.stat().st_size < 100_000)
TOKENS = (b"SQ", b"UN", b"PN", b"DA", b"OB", b"UI", b"\\\\", b"\x1b$", b"\xff\xff", b"\0\0")


def damaged(rnd: random.Random) -> bytes:
    data = bytearray(rnd.choice(SMALL).read_bytes())
    for _ in range(rnd.choice([1, 3, 10, 40])):
        at = rnd.randrange(132, max(133, min(len(data), rnd.choice([600, 3000, 30000]))))
        if rnd.random() < 0.6:
            data[at % len(data)] = rnd.randrange(256)
        else:
            data[at : at + 2] = rnd.choice(TOKENS)
    return bytes(data)


def check(cleaner: HeaderCleaner, rounds: int) -> int:
    """How many damaged files could still be cleaned, and their output read again."""
    rnd, cleaned = random.Random(20261122), 0
    for _ in range(rounds):
        try:
            clean = cleaner.clean(parsed(damaged(rnd)))
        except WatcherError:
            continue
        readable(clean.dataset)
        cleaned += 1
    return cleaned


def readable(dataset: pydicom.Dataset) -> None:
    implicit, little = (bool(each) for each in dataset.original_encoding)
    del dataset.file_meta  # its transfer syntax may be among what was damaged
    buffer = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pydicom.dcmwrite(buffer, dataset, implicit_vr=implicit, little_endian=little)
        again = pydicom.filereader.read_dataset(BytesIO(buffer.getvalue()), implicit, little)
        str(again)


def test_damaged_files_never_crash_the_cleaner(cleaner: HeaderCleaner) -> None:
    assert check(cleaner, 150) > 20


@pytest.mark.long
def test_many_damaged_files_never_crash_the_cleaner(cleaner: HeaderCleaner) -> None:
    assert check(cleaner, 10_000) > 2000
