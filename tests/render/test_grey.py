"""Display mode of grey frames, against PS3.3 C.11.1 and C.11.2 by hand, one value at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from struct import pack
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.dicom.files import BIG, EXPLICIT, IMPLICIT, Coding, grey, image, native, noise
from tests.render.pictures import half_up, rendered, shown
from watcher.errors import RefusedError
from watcher.model import Reason


def linear(x: float, center: float, width: float) -> float:
    """C.11.2.1.2.1, its pseudo-code, for an output from 0 to 255."""
    if x <= center - 0.5 - (width - 1) / 2:
        return 0
    if x > center - 0.5 + (width - 1) / 2:
        return 255
    return ((x - (center - 0.5)) / (width - 1) + 0.5) * 255


def linear_exact(x: float, center: float, width: float) -> float:
    """C.11.2.1.3.2."""
    if x <= center - width / 2:
        return 0
    if x > center + width / 2:
        return 255
    return ((x - center) / width + 0.5) * 255


def sigmoid(x: float, center: float, width: float) -> float:
    """C.11.2.1.3.1."""
    power = -4 * (x - center) / width
    return 255 / (1 + math.exp(power)) if power < 700 else 0.0


FUNCTIONS: dict[str, Callable[[float, float, float], float]] = {
    "LINEAR": linear,
    "LINEAR_EXACT": linear_exact,
    "SIGMOID": sigmoid,
}


def by_hand(values: NDArray[Any], function: Callable[[float], float]) -> NDArray[Any]:
    flat = [function(float(value)) for value in values.reshape(-1)]
    return half_up(np.array(flat)).reshape(values.shape)


@given(
    function=st.sampled_from(sorted(FUNCTIONS)),
    center=st.integers(-3000, 3000),
    width=st.integers(1, 5000),
    slope=st.sampled_from([1.0, 0.5, 2.25, -1.0, 9.123]),
    intercept=st.integers(-2000, 2000),
    cells=st.lists(st.integers(-32768, 32767), min_size=6, max_size=6),
    dtype=st.sampled_from(["i2", "u2", "i4"]),
    photometric=st.sampled_from(["MONOCHROME1", "MONOCHROME2"]),
)
@example("LINEAR", 1, 1, 1.0, 0, [0, 1, 2, -1, 3, 4], "i2", "MONOCHROME2")
@settings(max_examples=200, deadline=None)
def test_windows_are_the_standards(
    function: str,
    center: int,
    width: int,
    slope: float,
    intercept: int,
    cells: list[int],
    dtype: str,
    photometric: str,
) -> None:
    """Each VOI LUT Function after rescale, turned over for MONOCHROME1."""
    array = np.array(cells).astype(dtype).reshape(2, 3)
    data = grey(
        array,
        WindowCenter=center,
        WindowWidth=width,
        RescaleSlope=slope,
        RescaleIntercept=intercept,
        VOILUTFunction=function,
        PhotometricInterpretation=photometric,
    )
    window = FUNCTIONS[function]
    expected = by_hand(array.astype(float) * slope + intercept, lambda x: window(x, center, width))
    if photometric == "MONOCHROME1":
        inverse = by_hand(
            array.astype(float) * slope + intercept, lambda x: 255 - window(x, center, width)
        )
        expected = inverse
    # Where the exact result is a half, a double may fall on either side.
    assert abs(shown(data) - expected).max() <= (1 if function == "SIGMOID" else 0) or (
        abs(shown(data) - expected).max() == 1 and width * slope % 1 != 0
    )


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG])
def test_all_values_of_a_ct_window(syntax: str) -> None:
    """Every stored value there is, through -600 / 1500 after -1024."""
    array = np.arange(-32768, 32768, dtype=np.int16).reshape(256, 256)
    data = grey(
        array, syntax, WindowCenter=-600, WindowWidth=1500, RescaleIntercept=-1024, RescaleSlope=1
    )
    expected = by_hand(array.astype(float) - 1024, lambda x: linear(x, -600, 1500))
    assert np.array_equal(shown(data), expected)


def test_the_fields_describe_the_png() -> None:
    """Not the source: 8 bits, no rescale left, black is 0."""
    data = grey(
        noise((4, 6), "i2", 12),
        BitsStored=12,
        RescaleSlope=2,
        RescaleIntercept=-1024,
        PhotometricInterpretation="MONOCHROME1",
    )
    _, fields = rendered(data)
    assert (fields.height, fields.width) == (4, 6)
    assert (fields.rescale_slope, fields.rescale_intercept) == (1, 0)
    assert (fields.photometric_interpretation, fields.samples_per_pixel) == ("MONOCHROME2", 1)
    assert (fields.bits_allocated, fields.bits_stored, fields.high_bit) == (8, 8, 7)


def test_the_first_of_several_windows_counts() -> None:
    """Multi-valued center and width."""
    array = np.arange(0, 4000, 10, dtype=np.uint16).reshape(20, 20)
    two = grey(array, WindowCenter="1000\\50", WindowWidth="500\\10")
    assert np.array_equal(shown(two), by_hand(array, lambda x: linear(x, 1000, 500)))


def lut_item(coding: Coding, first: int, bits: int, entries: bytes, count: int) -> bytes:
    descriptor = pack(f"{coding.order}HhH", count & 0xFFFF, first, bits)
    body = coding.element(0x00283002, "US", descriptor) + coding.element(0x00283006, "OW", entries)
    return coding.item(body)


def words(coding: Coding, values: list[int]) -> bytes:
    return pack(f"{coding.order}{len(values)}H", *values)


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG])
def test_a_voi_table_comes_before_a_window(syntax: str) -> None:
    """C.11.2.1.1: values outside of the table get its first and last entry."""
    coding = Coding(syntax)
    entries = [0, 100, 50, 4095, 2000]
    item = lut_item(coding, 10, 12, words(coding, entries), 5)
    extra = coding.element(0x00281050, "DS", "1 ") + coding.element(0x00281051, "DS", "1 ")
    extra += coding.sequence(0x00283010, [item])
    array = np.array([[0, 9, 10, 11], [12, 13, 14, 60000]], np.uint16)
    expected = [entries[min(max(int(x) - 10, 0), 4)] / 4095 * 255 for x in array.reshape(-1)]
    data = grey(array, syntax, extra)
    assert np.array_equal(shown(data), half_up(np.array(expected)).reshape(2, 4))


def test_a_voi_table_after_a_negative_rescale_starts_below_zero() -> None:
    """Its first value is signed where the modality LUT can put out negative values."""
    coding = Coding()
    item = lut_item(coding, -2, 8, words(coding, [10, 20, 30, 40]), 4)
    data = grey(
        np.array([[1000, 1022, 1023, 1024, 1025, 2000]], np.uint16),
        extra=coding.sequence(0x00283010, [item]),
        RescaleIntercept=-1024,
        RescaleSlope=1,
    )
    assert shown(data).tolist() == [[10, 10, 20, 30, 40, 40]]


@pytest.mark.parametrize("packed", [True, False])
def test_eight_bit_entries_packed_or_in_words(packed: bool) -> None:
    """Two to a word with the first one low, or one in each word."""
    coding = Coding()
    values = [0, 64, 128, 255]
    entries = bytes(values) if packed else words(coding, values)
    item = lut_item(coding, 0, 8, entries, 4)
    data = grey(np.array([[0, 1, 2, 3]], np.uint16), extra=coding.sequence(0x00283010, [item]))
    assert shown(data).tolist() == [values]


def test_a_modality_table_comes_before_slope_and_intercept() -> None:
    """C.11.1.1.1, then the window is over its output."""
    coding = Coding()
    entries = [5, 500, 1000, 2000]
    item = lut_item(coding, 1, 16, words(coding, entries), 4)
    extra = (
        coding.element(0x00281050, "DS", "1000")
        + coding.element(0x00281051, "DS", "2000")
        + coding.element(0x00281052, "DS", "-7")
        + coding.element(0x00281053, "DS", "3 ")
        + coding.sequence(0x00283000, [item])
    )
    array = np.array([[0, 1, 2, 3, 4, 9]], np.uint16)
    mapped = np.array([[5, 5, 500, 1000, 2000, 2000]])
    assert np.array_equal(
        shown(grey(array, extra=extra)), by_hand(mapped, lambda x: linear(x, 1000, 2000))
    )


def groups(coding: Coding, frames: list[bytes], shared: bytes) -> bytes:
    """Shared and Per-Frame Functional Groups; these come behind group 0028."""
    return coding.sequence(0x52009229, [coding.item(shared)]) + coding.sequence(
        0x52009230, [coding.item(frame) for frame in frames]
    )


def macro(coding: Coding, tag: int, *elements: tuple[int, str]) -> bytes:
    body = b"".join(coding.element(number, "DS", value) for number, value in elements)
    return coding.sequence(tag, [coding.item(body)])


def test_enhanced_frames_have_their_own_tables() -> None:
    """The frame's, then the shared, then the top level (C.7.6.16)."""
    coding = Coding()
    array = np.tile(np.arange(0, 4000, 10, dtype=np.uint16).reshape(20, 20), (3, 1, 1))
    windows = [(1000, 500), (2000, 800)]
    rescales = [(2, -100), (1, 0), (1, 0)]
    frames = []
    for index, (slope, intercept) in enumerate(rescales):
        body = macro(coding, 0x00289145, (0x00281052, str(intercept)), (0x00281053, str(slope)))
        if index < 2:
            center, width = windows[index]
            body = (
                macro(coding, 0x00289132, (0x00281050, str(center)), (0x00281051, str(width)))
                + body
            )
        frames.append(body)
    shared = macro(coding, 0x00289132, (0x00281050, "3000"), (0x00281051, "100 "))
    pixels = groups(coding, frames, shared) + native(array.tobytes())
    data = image(pixels, Rows=20, Columns=20, NumberOfFrames=3, WindowCenter=7, WindowWidth=7)
    for index, (center, width) in enumerate([*windows, (3000, 100)]):
        slope, intercept = rescales[index]
        values = array[index].astype(float) * slope + intercept
        expected = by_hand(values, lambda x, c=center, w=width: linear(x, c, w))  # type: ignore[misc]
        assert np.array_equal(shown(data, index), expected)


@pytest.mark.parametrize(
    ("photometric", "shape", "first"),
    [
        ("MONOCHROME2", "IDENTITY", 0),
        ("MONOCHROME2", "INVERSE", 255),
        ("MONOCHROME1", "INVERSE", 255),
        ("MONOCHROME1", None, 255),
    ],
)
def test_pictures_are_turned_over_once(photometric: str, shape: str | None, first: int) -> None:
    """MONOCHROME1 with INVERSE is one inversion (C.7.6.3.1.2, C.11.6)."""
    data = grey(
        np.array([[0, 255]], np.uint8),
        PhotometricInterpretation=photometric,
        PresentationLUTShape=shape,
    )
    assert shown(data).tolist() == [[first, 255 - first]]


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("limit", [None, -1990])
def test_padding_is_black(photometric: str, limit: int | None) -> None:
    """One value, or a range (C.7.5.1.1.2), in either polarity."""
    array = np.array([[-2000, -1995, -1990, -1000, 0, 1000]], np.int16)
    data = grey(
        array,
        WindowCenter=-1900,
        WindowWidth=400,
        PixelPaddingValue=-2000,
        PixelPaddingRangeLimit=limit,
        PhotometricInterpretation=photometric,
    )
    padding = [True, limit is not None, limit is not None, False, False, False]
    sign = -1 if photometric == "MONOCHROME1" else 1
    for value, out, padded in zip(array[0], shown(data)[0], padding, strict=True):
        y = linear(float(value), -1900, 400)
        assert out == (0 if padded else half_up(np.array(y if sign > 0 else 255 - y)))


def percentile_window(values: NDArray[Any]) -> tuple[float, float]:
    """The least value with at least 1 % of all at or below it, and the same for 99 %."""
    ordered = np.sort(values.reshape(-1))
    count = len(ordered)
    low = ordered[math.ceil(count * 0.01) - 1]
    high = ordered[math.ceil(count * 0.99) - 1]
    return float(low), float(high)


@pytest.mark.parametrize("dtype", ["u2", "i2", "i4", "u4"])
def test_without_a_window_the_percentiles_count(dtype: str) -> None:
    """From the 1st to the 99th, of what is not padding; outliers saturate."""
    array = noise((50, 40), dtype, 11)
    array[0, :5] = 2000
    array[3, :] = 77
    data = grey(array, PixelPaddingValue=77, RescaleSlope=3, RescaleIntercept=-100)
    values = array.astype(float) * 3 - 100
    low, high = percentile_window(values[array != 77])
    width = high - low
    expected = by_hand(values, lambda x: linear_exact(x, low + width / 2, width))
    expected[array == 77] = 0
    assert np.array_equal(shown(data), expected)


def test_a_window_that_is_none_is_not_used() -> None:
    """Width 0, or below 1 for LINEAR (C.11.2.1.2.1); a center alone."""
    array = noise((50, 40), "u2", 11)
    plain = shown(grey(array))
    assert np.array_equal(shown(grey(array, WindowCenter=100, WindowWidth=0)), plain)
    assert np.array_equal(shown(grey(array, WindowCenter=100, WindowWidth="0.5")), plain)
    assert np.array_equal(shown(grey(array, WindowCenter=100)), plain)
    exact = grey(array, WindowCenter=100, WindowWidth="0.5", VOILUTFunction="LINEAR_EXACT")
    assert not np.array_equal(shown(exact), plain)


def test_eight_bits_without_a_window_are_shown_as_they_are() -> None:
    """An ultrasound keeps its blacks and its gain; one bit is black and white."""
    array = noise((50, 40), "u1")
    assert np.array_equal(shown(grey(array // 2)), array // 2)
    bits = image(native(b"\x0f", "OB"), BitsAllocated=1, Rows=2, Columns=4)
    assert shown(bits).tolist() == [[255] * 4, [0] * 4]


def test_a_constant_frame_is_black() -> None:
    """There is nothing to stretch."""
    assert shown(grey(np.full((3, 3), 500, np.uint16))).max() == 0


def test_floats_are_windowed_and_what_is_no_number_is_black() -> None:
    """NaN and infinities take no part in the window."""
    values = np.linspace(-1, 3, 400, dtype=np.float32).reshape(20, 20)
    values[0, 0], values[0, 1], values[5, 5] = np.nan, np.inf, -np.inf
    none: dict[str, Any] = {"BitsStored": None, "HighBit": None, "PixelRepresentation": None}
    pixels = native(values.tobytes(), "OF", tag=0x7FE00008)
    data = image(pixels, BitsAllocated=32, Rows=20, Columns=20, **none)
    good = np.isfinite(values)
    low, high = percentile_window(values[good].astype(float))
    expected = half_up((np.where(good, values, low).astype(float) - low) / (high - low) * 255)
    assert np.array_equal(shown(data), expected)


@pytest.mark.parametrize("index", [0, 1])
def test_frames_are_windowed_each_by_its_own_values(index: int) -> None:
    """Where the file states no window."""
    array = noise((2, 50, 40), "u2", 11)
    array[1] *= 2
    low, high = percentile_window(array[index].astype(float))
    expected = half_up((array[index].astype(float) - low) / (high - low) * 255)
    assert np.array_equal(shown(grey(array), index), expected)


def test_a_slope_of_zero_is_refused() -> None:
    """It would make every pixel the same."""
    with pytest.raises(RefusedError) as error:
        shown(grey(noise((4, 4), "u2"), RescaleSlope=0, RescaleIntercept=5))
    assert error.value.outcome.reason is Reason.UNDECODABLE


def test_a_table_shorter_than_its_descriptor_is_refused() -> None:
    """It would paint a wrong picture."""
    coding = Coding()
    item = lut_item(coding, 0, 16, words(coding, [1, 2, 3]), 9)
    with pytest.raises(RefusedError) as error:
        shown(grey(noise((4, 4), "u2"), extra=coding.sequence(0x00283010, [item])))
    assert error.value.outcome.detail == "LUTData"


def test_pixels_that_are_not_square_stay_one_to_one() -> None:
    """Neither mode resamples: what a model finds has the Instance's coordinates."""
    coding = Coding()
    aspect = coding.element(0x00280034, "IS", "2\\1 ")
    array = noise((6, 4), "u1")
    assert np.array_equal(shown(grey(array, extra=aspect)), array)
