"""Memory of a worker: bounded by the frame, or by a band where nothing is compressed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from openjpeg.utils import encode_array

from tests.dicom.files import Coding, image, noise
from watcher.dicom.elements import Coding as _Coding
from watcher.dicom.encoding import element_header

MB = 1 << 20
CONSTANT = 48 * MB  # buffers, tables, code that is loaded on first use


def sparse(path: Path, number: int, rows: int, columns: int) -> None:
    """A 16-bit file whose pixels are a hole, but for a pattern at each frame's start."""
    length = number * rows * columns * 2
    head = image(b"", Rows=rows, Columns=columns, NumberOfFrames=number, BitsStored=12)
    head += element_header(0x7FE00010, "OW", length, _Coding(explicit=True, little=True))
    pattern = noise((min(rows, 16), columns), "u2", 12).tobytes()
    with path.open("wb") as file:
        file.write(head)
        for index in range(number):
            file.seek(len(head) + index * rows * columns * 2)
            file.write(pattern)
        file.truncate(len(head) + length)


def growth(source: Path, mode: str = "display", *actions: str) -> int:
    """Bytes by which the peak of a fresh process grows on the way."""
    command = [sys.executable, "-m", "tests.render.lean", str(source), mode, *(actions or ["copy"])]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_a_frame_of_128_megabytes_never_stands_in_memory(tmp_path: Path) -> None:
    """Rows go from disk to disk, also when it is written anew or masked."""
    sparse(tmp_path / "big.dcm", 1, 8192, 8192)
    assert growth(tmp_path / "big.dcm", "display", "copy", "rewrite", "mask") < CONSTANT


def test_many_frames_take_no_more_than_one(tmp_path: Path) -> None:
    """128 MB in 16 frames of 8 MB."""
    sparse(tmp_path / "many.dcm", 16, 2048, 2048)
    assert growth(tmp_path / "many.dcm", "lossless") < CONSTANT


def test_compressed_frames_take_less_than_two(tmp_path: Path) -> None:
    """One is decoded at a time; the decoder's own work comes on top of it, and is let go."""
    frame = (np.indices((2048, 2048)).sum(axis=0) % 4096).astype(np.uint16)
    stream = bytes(encode_array(frame, bits_stored=12))
    pixels = Coding().encapsulated([stream] * 6)
    data = image(
        pixels,
        "1.2.840.10008.1.2.4.90",
        Rows=2048,
        Columns=2048,
        NumberOfFrames=6,
        BitsStored=12,
    )
    (tmp_path / "six.dcm").write_bytes(data)
    assert growth(tmp_path / "six.dcm") < 6 * frame.nbytes + CONSTANT


@pytest.mark.long
@pytest.mark.parametrize("mode", ["display", "lossless"])
def test_two_gigabytes_in_frames(mode: str, tmp_path: Path) -> None:
    """1024 frames of 2 MB, each read, written and rendered: two frames and a constant."""
    sparse(tmp_path / "cine.dcm", 1024, 1024, 1024)
    assert growth(tmp_path / "cine.dcm", mode) < 2 * 2 * MB + CONSTANT


@pytest.mark.long
def test_half_a_gigabyte_in_one_frame(tmp_path: Path) -> None:
    """Never in memory at once: not the pixels, the PNG, nor its base64."""
    sparse(tmp_path / "huge.dcm", 1, 16384, 16384)
    assert growth(tmp_path / "huge.dcm", "lossless", "copy", "rewrite", "mask") < CONSTANT
