"""Uncompressed frames: each cell layout of PS3.5 8.1 and PS3.3 C.7.6.3, against hand arithmetic."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.dicom.files import (
    BIG,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    grey,
    image,
    native,
    noise,
    read,
)
from watcher.dicom.frames import Banded, open_rows
from watcher.dicom.paging import release
from watcher.errors import RefusedError
from watcher.model import Reason
from watcher.options import Limits

SYNTAXES = [IMPLICIT, EXPLICIT, BIG, DEFLATED]


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4"])
def test_whole_cells_come_out_as_they_are(dtype: str, syntax: str) -> None:
    """Any width and sign, in any byte order."""
    cells = noise((5, 7), dtype)
    _, frames = read(grey(cells, syntax))
    assert frames.frame(0).dtype == np.dtype(dtype)
    assert np.array_equal(frames.frame(0), cells)


@given(
    bits=st.integers(1, 16),
    shift=st.integers(0, 15),
    signed=st.booleans(),
    cells=st.lists(st.integers(0, 0xFFFF), min_size=4, max_size=4),
    syntax=st.sampled_from([EXPLICIT, BIG]),
)
def test_only_the_stored_bits_count(
    bits: int, shift: int, signed: bool, cells: list[int], syntax: str
) -> None:
    """High Bit says where they lie; what is above or below (an overlay, say) is dropped."""
    shift = min(shift, 16 - bits)
    array = np.array(cells, np.uint16).reshape(2, 2)
    high = shift + bits - 1
    data = grey(array, syntax, BitsStored=bits, HighBit=high, PixelRepresentation=int(signed))
    _, frames = read(data)
    expected = []
    for cell in cells:
        value = (cell >> shift) % (1 << bits)
        if signed and value >= 1 << (bits - 1):
            value -= 1 << bits
        expected.append(value)
    assert frames.frame(0).reshape(-1).tolist() == expected


@pytest.mark.parametrize(("rows", "columns", "count"), [(3, 5, 4), (8, 8, 2), (1, 1, 9)])
def test_single_bits_are_packed_across_frames(rows: int, columns: int, count: int) -> None:
    """The first pixel is the lowest bit; a frame may start within a byte (PS3.5 8.1.1)."""
    bits = noise((count, rows, columns), "u1", 1)
    number = sum(int(bit) << place for place, bit in enumerate(bits.reshape(-1)))
    packed = number.to_bytes(-(-bits.size // 8), "little")
    attributes: dict[str, Any] = {
        "BitsAllocated": 1,
        "Rows": rows,
        "Columns": columns,
        "NumberOfFrames": count,
    }
    _, frames = read(image(native(packed, "OB"), **attributes))
    for index in range(count):
        assert np.array_equal(frames.frame(index), bits[index])


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_colour_by_pixel_and_by_plane(dtype: str, planar: int) -> None:
    """Planar Configuration (C.7.6.3.1.3) is undone: samples are the last axis."""
    colours = noise((2, 3, 5, 3), dtype)
    cells = colours.transpose(0, 3, 1, 2) if planar else colours
    data = image(
        native(np.ascontiguousarray(cells).tobytes(), "OB" if dtype == "u1" else "OW"),
        SamplesPerPixel=3,
        PhotometricInterpretation="RGB",
        PlanarConfiguration=planar,
        BitsAllocated=8 * np.dtype(dtype).itemsize,
        Rows=3,
        Columns=5,
        NumberOfFrames=2,
    )
    _, frames = read(data)
    assert frames.photometric == "RGB"
    for index in (0, 1):
        assert np.array_equal(frames.frame(index), colours[index])


def test_subsampled_chrominance_is_repeated() -> None:
    """Y1 Y2 Cb Cr for two pixels of a row (C.7.6.3.1.2)."""
    cells = bytes([10, 20, 100, 200, 30, 40, 110, 210])
    data = image(
        native(cells, "OB"),
        SamplesPerPixel=3,
        PhotometricInterpretation="YBR_FULL_422",
        PlanarConfiguration=0,
        BitsAllocated=8,
        Rows=1,
        Columns=4,
    )
    _, frames = read(data)
    assert frames.photometric == "YBR_FULL"
    assert frames.frame(0).tolist() == [
        [[10, 100, 200], [20, 100, 200], [30, 110, 210], [40, 110, 210]]
    ]


@pytest.mark.parametrize("frames_of", [1, 3])
def test_bytes_in_big_endian_words_are_swapped_back(frames_of: int) -> None:
    """8-bit cells in an OW of a big endian file, frames of an odd length included."""
    cells = noise((frames_of, 3, 3), "u1")
    flat = cells.tobytes() + b"\0" * (cells.size % 2)
    swapped = np.frombuffer(flat, "<u2").byteswap().tobytes()
    attributes: dict[str, Any] = {
        "BitsAllocated": 8,
        "Rows": 3,
        "Columns": 3,
        "NumberOfFrames": frames_of,
    }
    for vr, value in (("OW", swapped), ("OB", flat)):
        _, frames = read(image(native(value, vr, BIG), BIG, **attributes))
        for index in range(frames_of):
            assert np.array_equal(frames.frame(index), cells[index])


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG])
@pytest.mark.parametrize(
    ("dtype", "tag", "vr"), [("f4", 0x7FE00008, "OF"), ("f8", 0x7FE00009, "OD")]
)
def test_floats_come_out_exactly(dtype: str, tag: int, vr: str, syntax: str) -> None:
    """Float and Double Float Pixel Data, with no Bits Stored."""
    values = np.random.default_rng(1).normal(size=(3, 4)).astype(dtype)
    cells = values.astype(f"{'>' if syntax == BIG else '<'}{dtype}").tobytes()
    attributes: dict[str, Any] = {"BitsStored": None, "HighBit": None, "PixelRepresentation": None}
    bits = 8 * values.dtype.itemsize
    data = image(
        native(cells, vr, syntax, tag), syntax, BitsAllocated=bits, Rows=3, Columns=4, **attributes
    )
    _, frames = read(data)
    assert frames.frame(0).dtype == np.dtype(dtype)
    assert np.array_equal(frames.frame(0), values)


def layouts() -> list[tuple[str, bytes]]:
    """One file of each kind that is read in its own way."""
    eight: NDArray[Any] = noise((2, 8, 6), "u1")
    colour: dict[str, Any] = {
        "SamplesPerPixel": 3,
        "BitsAllocated": 8,
        "Rows": 8,
        "Columns": 2,
        "NumberOfFrames": 2,
    }
    half = eight.tobytes()[:64]
    pixels = {name: native(eight.tobytes(), "OB") for name in ("pixel", "plane")}
    return [
        ("grey", grey(noise((2, 8, 6), "i2"))),
        ("cut", grey(noise((2, 8, 6), "u2"), BitsStored=12)),
        ("bits", image(native(half, "OB"), BitsAllocated=1, Rows=8, Columns=32, NumberOfFrames=2)),
        ("pixel", image(pixels["pixel"], PhotometricInterpretation="RGB", **colour)),
        (
            "plane",
            image(
                pixels["plane"], PhotometricInterpretation="RGB", PlanarConfiguration=1, **colour
            ),
        ),
        (
            "subsampled",
            image(native(half, "OB"), PhotometricInterpretation="YBR_FULL_422", **colour),
        ),
    ]


@pytest.mark.parametrize(("kind", "data"), layouts(), ids=[name for name, _ in layouts()])
def test_rows_are_the_same_with_and_without_the_rest(kind: str, data: bytes) -> None:
    """A frame in bands of any height is the frame."""
    _, frames = read(data)
    assert isinstance(frames, Banded), kind
    for index in (0, 1):
        rows = open_rows(frames, index)
        for height in (1, 3, 8):
            parts = [rows(top, min(top + height, 8)) for top in range(0, 8, height)]
            assert np.array_equal(np.concatenate(parts), frames.frame(index))


def refusal(data: bytes, limits: Limits | None = None) -> tuple[Reason, str]:
    with pytest.raises(RefusedError) as error:
        read(data, limits)
    return error.value.outcome.reason, error.value.outcome.detail


CELLS = noise((4, 4), "u2")


@pytest.mark.parametrize(
    ("changed", "reason", "place"),
    [
        ({"Rows": None}, Reason.MISSING_ATTRIBUTE, "Rows"),
        ({"BitsAllocated": None, "BitsStored": 16}, Reason.MISSING_ATTRIBUTE, "BitsAllocated"),
        ({"PixelRepresentation": None}, Reason.MISSING_ATTRIBUTE, "PixelRepresentation"),
        (
            {"PhotometricInterpretation": None},
            Reason.MISSING_ATTRIBUTE,
            "PhotometricInterpretation",
        ),
        ({"PhotometricInterpretation": "CMYK"}, Reason.UNDECODABLE, "PhotometricInterpretation"),
        ({"SamplesPerPixel": 2}, Reason.UNDECODABLE, "SamplesPerPixel"),
        ({"BitsAllocated": 12, "BitsStored": 12}, Reason.UNDECODABLE, "BitsAllocated"),
        ({"BitsStored": 17}, Reason.UNDECODABLE, "BitsStored"),
        ({"BitsStored": 12, "HighBit": 10}, Reason.UNDECODABLE, "HighBit"),
        ({"HighBit": 16}, Reason.UNDECODABLE, "HighBit"),
        ({"Rows": 0}, Reason.UNDECODABLE, "Rows"),
        ({"Rows": 5}, Reason.UNDECODABLE, "pixel data is too short"),
        ({"Rows": 3}, Reason.UNDECODABLE, "pixel data is too long"),
        ({"NumberOfFrames": 2}, Reason.UNDECODABLE, "pixel data is too short"),
        ({"NumberOfFrames": "many"}, Reason.UNDECODABLE, "NumberOfFrames"),
    ],
)
def test_attributes_that_contradict_are_refused(
    changed: dict[str, Any], reason: Reason, place: str
) -> None:
    """By the attribute's name; nothing is guessed."""
    assert refusal(grey(CELLS, **changed)) == (reason, place)


@pytest.mark.parametrize(
    "limits",
    [Limits(rows=3), Limits(columns=3), Limits(frame_bytes=31), Limits(frames=1)],
)
def test_limits_hold_before_any_pixel_is_touched(limits: Limits) -> None:
    """Rows, columns, frames and the bytes of a frame."""
    data = grey(noise((2, 4, 4), "u2"))
    assert refusal(data, limits)[0] is Reason.OVER_LIMIT


def test_padding_of_pixel_data_is_one_byte_or_zeros() -> None:
    """Anything more could hold something that nobody judged."""
    cells = noise((3, 3), "u1")
    attributes: dict[str, Any] = {"BitsAllocated": 8, "Rows": 3, "Columns": 3}
    for extra in (b"", b"\0", b"\x20", bytes(7)):
        _, frames = read(image(native(cells.tobytes() + extra, "OB"), **attributes))
        assert np.array_equal(frames.frame(0), cells)
    for extra in (b"DOE^JOHN", bytes(9)):
        data = image(native(cells.tobytes() + extra, "OB"), **attributes)
        assert refusal(data) == (Reason.UNDECODABLE, "pixel data is too long")


def test_frames_of_a_mapped_file_give_their_pages_back(tmp_path: Path) -> None:
    """Reading every frame leaves little of the file resident; the values are right all the same."""
    cells = noise((8, 1024, 1024), "u2")
    path = tmp_path / "mapped.dcm"
    path.write_bytes(grey(cells))
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    _, frames = read(mapped)  # type: ignore[arg-type]
    for index in range(8):
        assert np.array_equal(frames.frame(index), cells[index])
    assert resident(mapped) < 6 << 20
    assert np.array_equal(frames.frame(0), cells[0])


@pytest.mark.parametrize("behind", [0, 1, 100, mmap.PAGESIZE - 1, mmap.PAGESIZE])
def test_pages_are_given_back_up_to_the_end_of_the_file(behind: int, tmp_path: Path) -> None:
    """Also by who asks for more than there is, as the last piece of a copy does."""
    path, page = tmp_path / "mapped", mmap.PAGESIZE
    path.write_bytes(bytes(4 * page + behind))
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    view = memoryview(mapped)[10:]
    for start in (0, 3 * page, 4 * page - 11, len(view) - 1):
        release(view, start, start + 100 * page)
    assert bytes(view) == bytes(4 * page + behind - 10)


def resident(mapped: mmap.mmap) -> int:
    """Bytes of a mapping that are in memory, from the kernel's own account."""
    address = np.frombuffer(mapped, np.uint8).ctypes.data
    lines = Path("/proc/self/smaps").read_text(encoding="ascii").splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(f"{address:x}-"))
    line = next(line for line in lines[at:] if line.startswith("Rss:"))
    return int(line.split()[1]) << 10
