"""Lossless mode: the stored values, and a slope and intercept that give back what they mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dicom.files import Coding, grey, image, native, noise
from tests.render.pictures import rendered
from watcher.errors import RefusedError
from watcher.model import Reason


@given(
    bits=st.integers(1, 16),
    signed=st.booleans(),
    allocated=st.sampled_from([8, 16, 32]),
    slope=st.sampled_from([None, 1.0, 0.5, 2.25, -1.5]),
    intercept=st.sampled_from([None, 0.0, -1024.0, 7.5]),
)
@settings(max_examples=120, deadline=None)
def test_what_a_value_means_is_unchanged(
    bits: int, signed: bool, allocated: int, slope: float | None, intercept: float | None
) -> None:
    """slope * png + intercept is slope * stored + intercept, for every value there may be."""
    bits = min(bits, allocated)
    dtype = f"{'i' if signed else 'u'}{allocated // 8}"
    low = -(1 << bits - 1) if signed else 0
    values = np.linspace(low, low + (1 << bits) - 1, 64).astype(dtype).reshape(8, 8)
    data = grey(values, BitsStored=bits, RescaleSlope=slope, RescaleIntercept=intercept)
    array, fields = rendered(data, "lossless")
    meant = values.astype(float) * (1 if slope is None else slope) + (intercept or 0)
    assert np.array_equal(array * fields.rescale_slope + fields.rescale_intercept, meant)
    assert fields.bits_allocated == (8 if bits <= 8 else 16) == 8 * array.dtype.itemsize
    assert fields.bits_stored == (8 if bits == 1 else bits)
    assert fields.high_bit == fields.bits_stored - 1 >= 1
    assert int(array.max()) < 1 << fields.bits_stored
    assert fields.photometric_interpretation == "MONOCHROME2"


@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_unsigned_values_are_the_stored_ones(dtype: str) -> None:
    """Bit for bit, MONOCHROME1 included: nothing is turned over."""
    values = noise((9, 7), dtype)
    array, fields = rendered(grey(values, PhotometricInterpretation="MONOCHROME1"), "lossless")
    assert np.array_equal(array, values)
    assert fields.photometric_interpretation == "MONOCHROME1"
    assert (fields.rescale_slope, fields.rescale_intercept) == (1, 0)


def test_spare_bits_are_not_sent() -> None:
    """What lies above High Bit is no pixel."""
    values = noise((9, 7), "u2")
    array, fields = rendered(grey(values, BitsStored=12), "lossless")
    assert np.array_equal(array, values & 0xFFF)
    assert (fields.bits_allocated, fields.bits_stored, fields.high_bit) == (16, 12, 11)


def test_single_bits_are_zero_and_one() -> None:
    """Described as eight bits, which they are in the PNG."""
    data = image(native(b"\xa5", "OB"), BitsAllocated=1, Rows=2, Columns=4)
    array, fields = rendered(data, "lossless")
    assert array.tolist() == [[1, 0, 1, 0], [0, 1, 0, 1]]
    assert (fields.bits_allocated, fields.bits_stored, fields.high_bit) == (8, 8, 7)


@pytest.mark.parametrize(
    ("dtype", "photometric"), [("u1", "RGB"), ("u2", "RGB"), ("u1", "YBR_FULL")]
)
def test_colour_is_sent_as_decoded(dtype: str, photometric: str) -> None:
    """In its own colour space, which the field names; a rescale has no meaning there."""
    values = noise((5, 6, 3), dtype)
    data = image(
        native(values.tobytes(), "OB" if dtype == "u1" else "OW"),
        SamplesPerPixel=3,
        PhotometricInterpretation=photometric,
        PlanarConfiguration=0,
        BitsAllocated=8 * values.dtype.itemsize,
        Rows=5,
        Columns=6,
        RescaleSlope=3,
        RescaleIntercept=5,
    )
    array, fields = rendered(data, "lossless")
    assert np.array_equal(array, values)
    assert fields.photometric_interpretation == photometric
    assert (fields.rescale_slope, fields.rescale_intercept) == (1, 0)


def test_each_frame_has_its_own_rescale() -> None:
    """From its functional group."""
    coding = Coding()
    items = []
    for slope in ("2 ", "3 "):
        body = coding.element(0x00281052, "DS", "-5") + coding.element(0x00281053, "DS", slope)
        macro = coding.sequence(0x00289145, [coding.item(body)])
        items.append(coding.item(macro))
    values = noise((2, 4, 4), "u2", 12)
    pixels = coding.sequence(0x52009230, items) + native(values.tobytes())
    data = image(pixels, Rows=4, Columns=4, NumberOfFrames=2, BitsStored=12)
    for index, slope_of in enumerate((2, 3)):
        array, fields = rendered(data, "lossless", index)
        assert np.array_equal(array, values[index])
        assert (fields.rescale_slope, fields.rescale_intercept) == (slope_of, -5)


def test_a_modality_table_leaves_slope_and_intercept_alone() -> None:
    """It cannot be put into them; the stored values are sent all the same."""
    coding = Coding()
    descriptor = coding.element(0x00283002, "US", [2, 0, 16])
    item = coding.item(descriptor + coding.element(0x00283006, "US", [5, 9]))
    values = noise((4, 4), "u2", 12)
    data = grey(values, extra=coding.sequence(0x00283000, [item]))
    array, fields = rendered(data, "lossless")
    assert np.array_equal(array, values)
    assert (fields.rescale_slope, fields.rescale_intercept) == (1, 0)


def unfit() -> list[tuple[str, bytes]]:
    none: dict[str, Any] = {"BitsStored": None, "HighBit": None, "PixelRepresentation": None}
    floats = native(np.ones((4, 4), np.float32).tobytes(), "OF", tag=0x7FE00008)
    return [
        ("deep", grey(noise((4, 4), "u4"))),
        ("17", grey(noise((4, 4), "u4", 17), BitsStored=17)),
        ("float", image(floats, BitsAllocated=32, Rows=4, Columns=4, **none)),
    ]


@pytest.mark.parametrize("data", [d for _, d in unfit()], ids=[name for name, _ in unfit()])
def test_what_a_png_cannot_hold_is_refused(data: bytes) -> None:
    """More than 16 bits, and floats: never squeezed in without a word."""
    with pytest.raises(RefusedError) as error:
        rendered(data, "lossless")
    assert error.value.outcome.reason is Reason.UNDECODABLE
