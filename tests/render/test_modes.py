"""Every way in which cells can be coded, all the way to the PNG, in both modes.

The cells are known before they are encoded, and what a window makes of them is done by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jpeg_ls
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.dicom.files import (
    BIG,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    Coding,
    grey,
    image,
    native,
    noise,
)
from tests.dicom.jpegs import lossless
from tests.dicom.test_compressed import (
    J2K,
    JPEG_LS,
    RLE,
    SV1,
    described,
    jpeg2000,
    rle,
    split,
    wrapped,
)
from tests.render.pictures import half_up, rendered, shown

CENTER, WIDTH, SLOPE, INTERCEPT = 900, 1700, 2, -700
Encode = Callable[[NDArray[Any]], bytes]


def by_jpeg_ls(cells: NDArray[Any]) -> bytes:
    return bytes(jpeg_ls.encode_array(cells))


CODED: dict[str, tuple[str, Encode]] = {
    "jpeg-lossless": (SV1, lambda cells: lossless(cells, 12, 1)),
    "jpeg-ls": (JPEG_LS, by_jpeg_ls),
    "jpeg-2000": (J2K, lambda cells: jpeg2000(cells, 12)),
    "rle": (RLE, rle),
}
WINDOWED: dict[str, Any] = {
    "WindowCenter": CENTER,
    "WindowWidth": WIDTH,
    "RescaleSlope": SLOPE,
    "RescaleIntercept": INTERCEPT,
}


def through_the_window(stored: NDArray[Any]) -> NDArray[Any]:
    """PS3.3 C.11.1.1.2, then the pseudo-code of C.11.2.1.2.1."""
    x = stored.astype(float) * SLOPE + INTERCEPT
    center, width = CENTER - 0.5, WIDTH - 1
    inside = ((x - center) / width + 0.5) * 255
    return half_up(
        np.where(x <= center - width / 2, 0, np.where(x > center + width / 2, 255, inside))
    )


def both(data: bytes, frame: NDArray[Any], offset: int, index: int = 0) -> None:
    """Both modes of one grey frame whose stored values are `frame`."""
    assert np.array_equal(shown(data, index), through_the_window(frame))
    array, fields = rendered(data, "lossless", index)
    assert np.array_equal(array, frame + offset)
    assert (fields.rescale_slope, fields.rescale_intercept) == (SLOPE, INTERCEPT - SLOPE * offset)
    assert (fields.bits_allocated, fields.bits_stored, fields.high_bit) == (16, 12, 11)


@pytest.mark.parametrize("name", CODED)
@pytest.mark.parametrize("table", ["offsets", "none"])
def test_compressed_frames_in_both_modes(name: str, table: str) -> None:
    """Three frames, each of one or two fragments."""
    syntax, encode = CODED[name]
    frames = [noise((40, 36), "u2", 12)[::step].copy() for step in (1, -1)]
    frames.append(np.roll(frames[0], 3))
    streams: list[bytes] = [encode(frame) for frame in frames]
    offsets: list[int] = []
    if table == "offsets":
        streams, offsets = split(streams)
    data = wrapped(
        streams, syntax, tuple(offsets), NumberOfFrames=3, **described(frames[0], 12), **WINDOWED
    )
    for index, frame in enumerate(frames):
        both(data, frame, 0, index)


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG, DEFLATED])
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize(("allocated", "shift"), [(16, 0), (16, 3), (32, 0), (32, 9)])
def test_uncompressed_frames_in_both_modes(
    syntax: str, signed: bool, allocated: int, shift: int
) -> None:
    """12 bits anywhere in 16 or 32, in each byte order; what lies around them is not shown."""
    frame = noise((10, 14), "i4" if signed else "u4", 12).astype(np.int64)
    around = noise((10, 14), "u4").astype(np.int64) & ~(0xFFF << shift)
    cells = (((frame & 0xFFF) << shift) | around) & ((1 << allocated) - 1)
    data = grey(
        cells.astype(f"u{allocated // 8}"),
        syntax,
        BitsStored=12,
        HighBit=shift + 11,
        PixelRepresentation=int(signed),
        **WINDOWED,
    )
    both(data, frame, 2048 if signed else 0)


@pytest.mark.parametrize("bits", [17, 24, 31, 32])
@pytest.mark.parametrize("signed", [True, False])
def test_more_than_sixteen_bits_are_shown(bits: int, signed: bool) -> None:
    """Through the same window, value by value."""
    frame = noise((10, 14), "i4" if signed else "u4", bits).astype(np.int64)
    frame[0] = np.arange(-3, 11) if signed else np.arange(400, 1800, 100)
    cells = (frame & ((1 << bits) - 1)).astype("u4")
    data = grey(cells, BitsStored=bits, PixelRepresentation=int(signed), **WINDOWED)
    assert np.array_equal(shown(data), through_the_window(frame))


@pytest.mark.parametrize(
    ("dtype", "tag", "vr", "padding"),
    [("f4", 0x7FE00008, "OF", 0x00280122), ("f8", 0x7FE00009, "OD", 0x00280123)],
)
def test_floats_with_a_window_and_padding(dtype: str, tag: int, vr: str, padding: int) -> None:
    """Float and Double Float Pixel Data, and their own Padding Value (C.7.6.24, C.7.6.25)."""
    values = np.linspace(-500, 1500, 140).astype(dtype).reshape(10, 14)
    values[3, 3] = -9999.5
    none: dict[str, Any] = {"BitsStored": None, "HighBit": None, "PixelRepresentation": None}
    data = image(
        native(values.tobytes(), vr, tag=tag),
        extra=Coding().element(padding, "FL" if dtype == "f4" else "FD", -9999.5),
        BitsAllocated=8 * values.dtype.itemsize,
        Rows=10,
        Columns=14,
        PhotometricInterpretation="MONOCHROME1",
        WindowCenter=900,
        WindowWidth=1700,
        **none,
    )
    center, width = 900 - 0.5, 1700 - 1
    y = np.clip((values.astype(float) - center) / width + 0.5, 0, 1) * 255
    expected = half_up(255 - y)
    expected[3, 3] = 0
    assert np.array_equal(shown(data), expected)


def test_enhanced_frames_with_functions_and_a_shared_rescale() -> None:
    """Each frame its own VOI LUT Function; slope and intercept of all (C.7.6.16.2.10b, .9b)."""
    coding = Coding()

    def macro(tag: int, *elements: tuple[int, str, str]) -> bytes:
        body = b"".join(coding.element(number, vr, value) for number, vr, value in elements)
        return coding.sequence(tag, [coding.item(body)])

    def window(center: int, width: int, function: str) -> bytes:
        return macro(
            0x00289132,
            (0x00281050, "DS", str(center)),
            (0x00281051, "DS", str(width)),
            (0x00281056, "CS", function),
        )

    shared = macro(0x00289145, (0x00281052, "DS", "-1024"), (0x00281053, "DS", "0.5"))
    array = noise((2, 10, 14), "u2", 12)
    groups = coding.sequence(0x52009229, [coding.item(shared)]) + coding.sequence(
        0x52009230,
        [
            coding.item(window(-300, 700, "LINEAR_EXACT")),
            coding.item(window(100, 400, "SIGMOID")),
        ],
    )
    data = image(
        groups + native(array.tobytes()), Rows=10, Columns=14, NumberOfFrames=2, BitsStored=12
    )
    x = array.astype(float) * 0.5 - 1024
    assert np.array_equal(shown(data, 0), half_up((np.clip((x[0] + 300) / 700 + 0.5, 0, 1)) * 255))
    sigmoid = 255 / (1 + np.exp(-4 * (x[1] - 100) / 400))
    assert np.array_equal(shown(data, 1), half_up(sigmoid))
    for index in (0, 1):
        pixels, fields = rendered(data, "lossless", index)
        assert np.array_equal(pixels, array[index])
        assert (fields.rescale_slope, fields.rescale_intercept) == (0.5, -1024)


@pytest.mark.parametrize("mode", ["display", "lossless"])
def test_no_mode_resamples_pixels_that_are_not_square(mode: Any) -> None:
    """Pixel Aspect Ratio 2 to 1: rows and columns stay those of the Instance."""
    frame = noise((6, 4), "u1")
    data = grey(frame, extra=Coding().element(0x00280034, "IS", "2\\1 "))
    array, fields = rendered(data, mode)
    assert np.array_equal(array, frame)
    assert (fields.height, fields.width) == (6, 4)
