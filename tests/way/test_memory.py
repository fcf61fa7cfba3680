"""Memory of a real worker that takes a long multi-frame all the way: two frames and a constant."""

from __future__ import annotations

from pathlib import Path
from struct import pack
from typing import Any

import pytest

from tests.dicom.files import EXPLICIT, UNDEFINED, Coding, image
from tests.dicom.test_compressed import RLE
from tests.way.test_attacks import job, only_worker, peak
from watcher.model import Prepared
from watcher.options import WorkerOptions
from watcher.scrub.keys import make_key
from watcher.workers import Workers

MB = 1 << 20
SIDE = 1024
FRAME = SIDE * SIDE * 2
# On top of what a worker has that took a short one, whose text was read frame by frame as well.
CONSTANT = 96 * MB
SHORT, SOME, TWO_GIGABYTES = 36, 128, 1024


def described(frames: int) -> dict[str, Any]:
    size = {"Rows": SIDE, "Columns": SIDE, "NumberOfFrames": frames, "BitsStored": 12}
    return size | {"WindowCenter": 2000, "WindowWidth": 4000}


def native(path: Path, frames: int) -> int:
    """16-bit cells that are a hole in the file."""
    head = image(Coding().head(0x7FE00010, "OW", frames * FRAME), **described(frames))
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + frames * FRAME)
    return path.stat().st_size


def encapsulated(path: Path, frames: int) -> int:
    """Frames of RLE that are holes: two zero bytes are one literal cell of zero (PS3.5 G.3.1)."""
    coding = Coding(EXPLICIT)
    frames //= 2  # each is twice as long as what it unfolds to
    segment = FRAME  # half a frame's bytes, two for each
    start = pack("<16L", 2, 64, 64 + segment, *[0] * 13)
    head = image(coding.head(0x7FE00010, "OB", UNDEFINED), RLE, **described(frames))
    with path.open("wb") as file:
        file.write(head + coding.item(b""))
        for _ in range(frames):
            file.write(pack("<HHL", 0xFFFE, 0xE000, 64 + 2 * segment) + start)
            file.seek(2 * segment, 1)
        file.write(coding.delimiter(0xE0DD))
    return path.stat().st_size


@pytest.mark.long
@pytest.mark.parametrize("make", [native, encapsulated])
@pytest.mark.parametrize("frames", [SOME, TWO_GIGABYTES])
async def test_a_long_multi_frame_takes_two_frames_and_a_constant(
    make: Any, frames: int, tmp_path: Path
) -> None:
    """The greatest resident set of the worker process, as the kernel has it: mapped pages, too.

    The constant is what a short multi-frame takes, libraries and models included: reading for
    burned-in text takes some hundred megabytes, however many frames there are.
    """
    (tmp_path / "out").mkdir()
    make_key(tmp_path / "key")
    make(tmp_path / "short.dcm", SHORT)
    size = make(tmp_path / "large.dcm", frames)
    assert size > max(frames * FRAME, 64 * MB)  # from here on a file is mapped
    async with Workers(WorkerOptions(processes=1, timeout=3000)) as workers:
        assert isinstance(await workers.prepare(job(tmp_path, "short")), Prepared)
        pid, before = only_worker(), peak(only_worker())
        outcome = await workers.prepare(job(tmp_path, "large"))
        assert only_worker() == pid
        grown = peak(pid) - before
    assert isinstance(outcome, Prepared), outcome
    assert len(outcome.images) == (frames if make is native else frames // 2)
    assert grown < 2 * FRAME + CONSTANT < size // 2
