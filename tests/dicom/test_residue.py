"""What travels in compressed pixel data besides the picture is blanked; the picture stays."""

from __future__ import annotations

import warnings
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from struct import pack

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames

from watcher.dicom.frames import open_frames
from watcher.dicom.part10 import Part10, parse
from watcher.dicom.residue import bare
from watcher.dicom.walk import walk
from watcher.options import Limits

NAME = b"Qorvinberg^Zelda"
JPEG, JPEG_LS, J2K = (
    "SC_rgb_jpeg_gdcm.dcm",
    "JPEGLSNearLossless_08.dcm",
    "MR_small_jp2klossless.dcm",
)
RLE = "MR_small_RLE.dcm"


def planted(name: str, position: int, extra: bytes, pieces: int = 1) -> Part10:
    """A packaged file with `extra` put into its codestream; position -1 is behind its end."""
    dataset = pydicom.dcmread(str(get_testdata_file(name)))
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    frame = frame if frame[-1] else frame[:-1]
    at = len(frame) if position < 0 else position
    stream = frame[:at] + extra + frame[at:]
    dataset.PixelData = encapsulate([stream + b"\0" * (len(stream) % 2)], pieces, has_bot=False)
    buffer = BytesIO()
    dataset.save_as(buffer)
    return parsed(buffer.getvalue())


def parsed(data: bytes) -> Part10:
    view, limits = memoryview(data), Limits()
    return parse(view, walk(view, limits), limits)


def segment(marker: int, body: bytes) -> bytes:
    return pack(">HH", marker, len(body) + 2) + body


def after_siz(name: str) -> int:
    """Where the first segment behind SIZ starts (ISO/IEC 15444-1 A.5.1)."""
    dataset = pydicom.dcmread(str(get_testdata_file(name)))
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    return 4 + int.from_bytes(frame[4:6])


CASES = [
    (JPEG, 2, segment(0xFFFE, NAME)),
    (JPEG, 2, segment(0xFFE1, b"Exif\0\0" + NAME)),
    (JPEG, 2, segment(0xFFE0, b"JFXX\0\x10" + NAME)),
    (JPEG, -1, NAME),
    (JPEG_LS, 2, segment(0xFFFE, NAME)),
    (JPEG_LS, -1, NAME),
    (J2K, after_siz(J2K), segment(0xFF64, b"\0\1" + NAME)),
    (J2K, -1, NAME),
]


@pytest.mark.parametrize("pieces", [1, 3])
@pytest.mark.parametrize(("name", "position", "extra"), CASES)
def test_comments_and_trailers_go_and_the_picture_stays(
    name: str, position: int, extra: bytes, pieces: int
) -> None:
    """Also where a codestream is cut into several fragments (PS3.5 A.4)."""
    part = planted(name, position, extra, pieces)
    assert part.pixels is not None
    assert NAME in bytes(part.pixels.value) or pieces > 1
    blanked = bare(part.pixels)
    assert blanked is not None
    joined = b"".join(bytes(blanked.value[a:b]) for a, b in blanked.fragments[1:])
    assert NAME[:4] not in joined
    assert len(blanked.value) == len(part.pixels.value)
    assert blanked.fragments == part.pixels.fragments
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = open_frames(part, Limits())
        after = open_frames(replace(part, pixels=blanked), Limits())
    assert before is not None
    assert after is not None
    assert np.array_equal(before.frame(0), after.frame(0))


def test_a_clean_stream_is_not_copied() -> None:
    for name in (RLE, "CT_small.dcm"):
        part = parsed(Path(str(get_testdata_file(name))).read_bytes())
        assert part.pixels is not None
        assert bare(part.pixels) is part.pixels


def test_the_gaps_of_an_rle_header_are_blanked() -> None:
    """PS3.5 G.5: 64 bytes, of which two segments use twelve."""
    data = bytearray(Path(str(get_testdata_file(RLE))).read_bytes())
    part = parsed(bytes(data))
    assert part.pixels is not None
    start = part.pixels.fragments[1][0]
    value = bytearray(part.pixels.value)
    value[start + 40 : start + 40 + len(NAME)] = NAME
    blanked = bare(replace(part.pixels, value=memoryview(bytes(value))))
    assert blanked is not None
    assert bytes(blanked.value) == bytes(part.pixels.value)


@pytest.mark.parametrize("head", [b"\0\0\0\x0cjP  ", b"\xff\xd8\xff", b"\xff\xd8\0\0\0\0", b"none"])
def test_what_is_not_understood_must_be_written_anew(head: bytes) -> None:
    """JP2 boxes may hold anything; a stream without an end is none."""
    part = parsed(Path(str(get_testdata_file(RLE))).read_bytes())
    assert part.pixels is not None
    start = part.pixels.fragments[1][0]
    value = bytes(part.pixels.value[:start]) + head
    fragments = (part.pixels.fragments[0], (start, start + len(head)))
    assert bare(replace(part.pixels, value=memoryview(value), fragments=fragments)) is None
