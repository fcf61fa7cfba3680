"""Colour and palette frames in display mode, by the equations of PS3.3 C.7.6.3.1.2 and C.7.9.2."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from struct import pack
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.pixels.processing import apply_color_lut, convert_color_space

from tests.dicom.files import BIG, EXPLICIT, Coding, image, native, noise, read
from tests.render.pictures import half_up, rendered, shown
from watcher.errors import RefusedError


def colour(array: NDArray[Any], photometric: str, **more: Any) -> bytes:
    vr = "OB" if array.dtype.itemsize == 1 else "OW"
    stated: dict[str, Any] = {
        "SamplesPerPixel": 3,
        "PhotometricInterpretation": photometric,
        "PlanarConfiguration": 0,
        "BitsAllocated": 8 * array.dtype.itemsize,
        "Rows": array.shape[0],
        "Columns": array.shape[1],
    }
    return image(native(array.tobytes(), vr), **stated | more)


def every_ybr() -> NDArray[Any]:
    """Corners and edges of the colour cube densely, the inside in steps."""
    levels = sorted({*range(0, 256, 15), *range(4), *range(252, 256), *range(124, 133), 3, 253})
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)
    cube: NDArray[Any] = grid.astype(np.uint8).reshape(len(levels), -1, 3)
    return cube


def test_ybr_full_to_rgb() -> None:
    """The standard's matrix solved for R, G and B, in double precision."""
    ybr = every_ybr()
    forward = np.array([[0.299, 0.587, 0.114], [-0.299, -0.587, 0.886], [0.701, -0.587, -0.114]])
    forward[1] /= 2 * 0.886
    forward[2] /= 2 * 0.701
    exact = (ybr.astype(float) - [0, 128, 128]) @ np.linalg.inv(forward).T
    got = shown(colour(ybr, "YBR_FULL")).astype(int)
    # Within half a step of the exact colour, wherever that lies in the range.
    assert abs(got - np.clip(exact, 0, 255)).max() <= 0.5 + 1e-9


def test_ybr_full_is_what_pydicom_makes_of_it() -> None:
    """A second implementation; it may round its halves the other way."""
    ybr = every_ybr()
    expected = convert_color_space(ybr.copy(), "YBR_FULL", "RGB").astype(int)
    assert abs(shown(colour(ybr, "YBR_FULL")) - expected).max() <= 1


def test_ybr_partial_to_rgb() -> None:
    """Black at 16, white at 235, chrominance 16 to 240 around 128."""
    cells = np.array([[16, 16, 128, 128], [235, 235, 128, 128], [81, 145, 90, 240]], np.uint8)
    data = image(
        native(cells.tobytes(), "OB"),
        SamplesPerPixel=3,
        PhotometricInterpretation="YBR_PARTIAL_422",
        PlanarConfiguration=0,
        BitsAllocated=8,
        Rows=3,
        Columns=2,
    )
    pixels = shown(data).astype(int)
    assert pixels[0].tolist() == [[0, 0, 0]] * 2
    assert pixels[1].tolist() == [[255, 255, 255]] * 2
    # ITU-R BT.601: (81, 90, 240) is pure red.
    assert abs(pixels[2, 0] - [255, 0, 0]).max() <= 1


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_rgb_of_more_bits_is_brought_to_eight(bits: int) -> None:
    """Full range to full range."""
    array = noise((6, 5, 3), "u1" if bits == 8 else "u2", bits)
    data = colour(array, "RGB", BitsStored=bits)
    assert np.array_equal(shown(data), half_up(array.astype(float) * 255 / (2**bits - 1)))


def test_the_fields_of_colour_describe_the_png() -> None:
    """RGB in display mode, whatever it was."""
    for photometric in ("RGB", "YBR_FULL"):
        _, fields = rendered(colour(noise((6, 5, 3), "u1"), photometric))
        assert (fields.photometric_interpretation, fields.samples_per_pixel) == ("RGB", 3)
        assert (fields.bits_allocated, fields.bits_stored, fields.high_bit) == (8, 8, 7)
        assert (fields.rescale_slope, fields.rescale_intercept) == (1, 0)


def palette(
    indices: NDArray[Any],
    first: int,
    bits: int,
    tables: list[bytes],
    count: int,
    syntax: str = EXPLICIT,
    segmented: bool = False,
) -> bytes:
    coding = Coding(syntax)
    descriptor = pack(f"{coding.order}HhH", count & 0xFFFF, first, bits)
    names = (0x00281101, 0x00281102, 0x00281103)
    start = 0x00281221 if segmented else 0x00281201
    extra = b"".join(coding.element(tag, "US", descriptor) for tag in names)
    extra += b"".join(coding.element(start + i, "OW", table) for i, table in enumerate(tables))
    order = ">" if syntax == BIG else "<"
    cells = indices.astype(f"{order}u{indices.dtype.itemsize}").tobytes()
    vr = "OB" if indices.dtype.itemsize == 1 else "OW"
    return image(
        native(cells, vr, syntax),
        syntax,
        extra,
        PhotometricInterpretation="PALETTE COLOR",
        BitsAllocated=8 * indices.dtype.itemsize,
        Rows=indices.shape[0],
        Columns=indices.shape[1],
    )


def words(values: list[int], syntax: str = EXPLICIT) -> bytes:
    return pack(f"{'>' if syntax == BIG else '<'}{len(values)}H", *values)


TABLES = [[0, 50, 255, 7], [10, 60, 0, 8], [20, 70, 128, 9]]
INDICES = np.array([[0, 4, 5, 6], [7, 8, 9, 200]], np.uint8)
# Below the first value mapped the first entry, above the last one the last (C.7.6.3.1.5).
EXPECTED = [
    [[table[min(max(int(i) - 5, 0), 3)] for table in TABLES] for i in row] for row in INDICES
]


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG])
@pytest.mark.parametrize("kind", ["packed", "words", "sixteen"])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_palettes_of_eight_and_sixteen_bits(kind: str, syntax: str, dtype: str) -> None:
    """8-bit entries two to a word or one in each; the high byte of 16-bit ones."""
    order = 1 if syntax == EXPLICIT else -1
    tables = {
        "packed": [b"".join(bytes(t[i : i + 2][::order]) for i in (0, 2)) for t in TABLES],
        "words": [words(t, syntax) for t in TABLES],
        "sixteen": [words([v * 256 + 255 - v for v in t], syntax) for t in TABLES],
    }[kind]
    bits = 16 if kind == "sixteen" else 8
    data = palette(INDICES.astype(dtype), 5, bits, tables, 4, syntax)
    assert shown(data).tolist() == EXPECTED


def test_a_palette_in_lossless_mode_is_indices() -> None:
    """And says so."""
    data = palette(INDICES, 5, 8, [words(t) for t in TABLES], 4)
    array, fields = rendered(data, "lossless")
    assert np.array_equal(array, INDICES)
    assert (fields.photometric_interpretation, fields.samples_per_pixel) == ("PALETTE COLOR", 1)


def segments(values: list[tuple[int, list[int]]]) -> list[int]:
    return [number for code, rest in values for number in (code, *rest)]


def test_segmented_palettes() -> None:
    """Discrete, linear and indirect segments (C.7.9.2.1 to .3)."""
    red = segments([(0, [2, 0, 65280]), (1, [4, 0]), (0, [2, 256, 512])])
    # The indirect segment copies the linear one, which starts at byte 8.
    green = segments([(0, [2, 512, 1024]), (1, [3, 25600]), (2, [1, 8, 0])])
    blue = segments([(0, [8, *range(0, 8 * 256, 256)])])
    data = palette(
        np.arange(8, dtype=np.uint8).reshape(1, 8),
        0,
        16,
        [words(red), words(green), words(blue)],
        8,
        segmented=True,
    )
    reds = [0, 65280, 48960, 32640, 16320, 0, 256, 512]
    greens = [512, 1024, *(round(1024 + (25600 - 1024) * i / 3) for i in (1, 2, 3)), *[25600] * 3]
    expected = [[r >> 8, g >> 8, b] for r, g, b in zip(reds, greens, range(8), strict=True)]
    assert shown(data)[0].tolist() == expected


def test_segmented_palettes_of_eight_bits() -> None:
    """Cells of a byte, two to a word."""
    cells = bytes(segments([(0, [2, 0, 100]), (1, [5, 200]), (0, [1, 9])]))
    table = cells + b"\0" * (len(cells) % 2)
    data = palette(np.arange(8, dtype=np.uint8).reshape(1, 8), 0, 8, [table] * 3, 8, segmented=True)
    assert shown(data)[0, :, 0].tolist() == [0, 100, 120, 140, 160, 180, 200, 9]


@pytest.mark.parametrize(
    "cells",
    [
        [1, 4, 5],
        [2, 1, 0, 0],
        [0, 2, 1, 2, 1, 60000, 9],
        [0, 2, 1, 2, 9, 2, 1, 2],
        [0, 9, 1, 2],
        [0, 2, 1, 2],
        [0, 2, 1, 2, 2, 1, 99, 99],
        [0, 2, 1, 2, 2, 60000, 8, 0],
        [0, 1, 5, 0, 0, *([2, 60000, 6, 0] * 9)],
    ],
    ids=[
        "linear-first",
        "indirect-first",
        "too-long",
        "unknown",
        "cut",
        "too-short",
        "outside",
        "in-itself",
        "empty-for-ever",
    ],
)
def test_segments_that_make_no_table_are_refused(cells: list[int]) -> None:
    """And never unfold beyond the descriptor."""
    table = words(cells)
    indices = np.zeros((1, 8), np.uint8)
    with pytest.raises(RefusedError):
        shown(palette(indices, 0, 16, [table] * 3, 8, segmented=True))


@given(cells=st.lists(st.integers(0, 12), max_size=40))
@settings(max_examples=100, deadline=None)
def test_any_segments_end_in_a_picture_or_a_refusal(cells: list[int]) -> None:
    """Damage in a table is no way to crash."""
    data = palette(np.zeros((1, 8), np.uint8), 0, 16, [words(cells)] * 3, 8, segmented=True)
    with contextlib.suppress(RefusedError):
        assert shown(data).shape == (1, 8, 3)


def test_a_missing_palette_is_refused() -> None:
    """There is no colour to guess."""
    data = image(
        native(INDICES.tobytes(), "OB"),
        PhotometricInterpretation="PALETTE COLOR",
        BitsAllocated=8,
        Rows=2,
        Columns=4,
    )
    with pytest.raises(RefusedError):
        shown(data)


@pytest.mark.parametrize(
    "name", ["examples_palette.dcm", "OT-PAL-8-face.dcm", "gdcm-US-ALOKA-16.dcm"]
)
def test_real_palettes_are_what_pydicom_makes_of_them(name: str) -> None:
    """A second implementation, on files of real machines."""
    data = Path(str(get_testdata_file(name, download=False))).read_bytes()
    dataset = dcmread(io.BytesIO(data), force=True)
    dataset.file_meta.TransferSyntaxUID = read(data)[0].dataset.file_meta.TransferSyntaxUID
    rgb = apply_color_lut(dataset.pixel_array, dataset)[..., :3]
    expected = rgb >> 8 if rgb.dtype == np.uint16 else rgb
    assert np.array_equal(shown(data), expected)
