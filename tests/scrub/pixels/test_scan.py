"""The gate: what it looks at closely, that it passes text on, and that anatomy is no text."""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.scrub.pixels.conftest import ArrayFrames, blank, part_of
from tests.scrub.pixels.test_reading import ULTRASOUND, ct, drawn, hidden, judge_with
from watcher.scrub.pixels import PixelVerdict
from watcher.scrub.pixels.planes import Plane, windowed
from watcher.scrub.pixels.scan import Scan
from watcher.scrub.pixels.textness import SUSPICION, Textness

HALO = 48
TEXT_FREE = {
    "CT_small.dcm": "clean",
    "MR_small.dcm": "read",  # 64 x 64, and something in it looks half like letters
    "examples_overlay.dcm": "clean",
    "explicit_VR-UN.dcm": "clean",
    "emri_small.dcm": "clean",
    "693_J2KI.dcm": "clean",
}


@cache
def scan() -> Scan:
    return Scan()


def judged(frames: ArrayFrames, **header: Any) -> PixelVerdict:
    return judge_with().judge(part_of(frames, **header), frames, frozenset())


def outline(shape: tuple[int, ...], text: str, at: tuple[int, int], pixels: int) -> NDArray[Any]:
    image = Image.new("L", (shape[1], shape[0]))
    font = ImageFont.load_default(pixels)
    ImageDraw.Draw(image).text(at, text, font=font, fill=255)
    return np.asarray(image) > 110


def covered(plane: Plane, ink: NDArray[Any]) -> float:
    """Share of the ink that the windows of one of the scales hold."""
    best, shown, shrunk = 0.0, plane, ink
    for _ in range(3):
        filled = np.zeros(shown.shape, bool)
        for left, top, right, bottom in scan().windows(shown, SUSPICION, HALO):
            filled[top:bottom, left:right] = True
        best = max(best, float(filled[shrunk].mean()))
        size = (shown.shape[1] // 2, shown.shape[0] // 2)
        shown = np.asarray(cv2.resize(shown, size, interpolation=cv2.INTER_AREA), np.uint8)
        shrunk = shrunk[: size[1] * 2 : 2, : size[0] * 2 : 2]
    return best


@pytest.mark.parametrize("pixels", [11, 12, 14, 18, 24, 34])
@pytest.mark.parametrize("value", [60, 120, 235])
@pytest.mark.parametrize("turns", [0, 1])
def test_text_on_a_ct_is_passed_on(pixels: int, value: int, turns: int) -> None:
    """An outlined face of 8 to 24 pixels, dark and light on grey, lying and standing."""
    plane = windowed(ct())
    ink = np.rot90(outline(plane.shape, "KOWALSKA 24.03.1961", (30, 200), pixels), turns)
    plane[cv2.dilate(ink.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0] = 0
    plane[ink] = value
    assert covered(plane, ink) > 0.98


@pytest.mark.parametrize("scale", [0.35, 0.5, 0.8, 1.2])
@pytest.mark.parametrize("ground", [0, 90, 255])
def test_stroke_text_on_an_even_ground_is_passed_on(scale: float, ground: int) -> None:
    plane = np.full((300, 500), ground, np.uint8)
    ink = drawn(plane.shape, "MRN 60718", (20, 150), scale)
    plane[ink] = 150 if ground != 90 else 125
    assert covered(plane, ink) > 0.98


def test_an_even_picture_costs_no_second_look() -> None:
    assert scan().windows(np.full((512, 512), 77, np.uint8), SUSPICION, HALO) == []


def test_the_map_has_a_cell_for_every_eight_pixels_of_large_and_odd_pictures() -> None:
    assert scan().map(np.zeros((1201, 333), np.uint8)).shape == (151, 42)


def test_a_picture_seen_in_strips_is_the_same_picture() -> None:
    """Strips overlap by what the layers see."""
    rng = np.random.default_rng(4)
    noise = cv2.GaussianBlur(rng.normal(size=(1300, 200)).astype(np.float32), (0, 0), 1.5)
    plane = windowed(noise)
    whole = scan()._strip(plane)
    assert np.abs(whole - scan().map(plane)).max() < 0.02


@pytest.mark.parametrize("at", [(0, 40), (250, 333), (700, 620), (1010, 795)])
def test_text_far_out_in_a_black_picture_is_seen_as_in_the_whole(at: tuple[int, int]) -> None:
    """What is left out of the look is a border of one grey, with letters at its very edge too."""
    plane = np.zeros((801, 1203), np.uint8)
    plane[drawn(plane.shape, "KOWALSKA 60718", at, 0.5)] = 180
    seen, whole = scan().map(plane), scan()._strip(plane)[:101, :151]
    assert whole.max() > SUSPICION
    assert seen.shape == whole.shape
    assert np.abs(seen - whole)[whole > 0.2].max() < 0.05
    assert (seen[whole < 0.05] < 0.1).all()


def test_windows_lie_in_the_picture_and_touch_no_other() -> None:
    plane = np.zeros((600, 600), np.uint8)
    for at in ((3, 20), (400, 20), (3, 580), (250, 300)):
        plane[drawn(plane.shape, "NAME 123", at)] = 200
    windows = scan().windows(plane, SUSPICION, HALO)
    assert windows
    seen = np.zeros(plane.shape, np.uint8)
    for left, top, right, bottom in windows:
        assert 0 <= left < right <= 600
        assert 0 <= top < bottom <= 600
        seen[top:bottom, left:right] += 1
    assert seen.max() == 1


def test_a_window_shows_the_network_what_the_whole_picture_would() -> None:
    plane = windowed(ct())
    ink = drawn(plane.shape, "KOWALSKA", (100, 190), 0.6)
    plane[ink] = 255
    textness = Textness()
    seen = textness.map(plane)
    whole = np.zeros_like(seen)
    textness._look(plane, (0, 0, plane.shape[1], plane.shape[0]), whole)
    cells = whole > 0.5
    assert cells.any()
    assert (seen[cells] > 0.25).mean() > 0.95


@pytest.mark.parametrize(("name", "verdict"), TEXT_FREE.items())
def test_a_packaged_picture_without_text_is_left_as_it_is(name: str, verdict: str) -> None:
    path = get_testdata_file(name, download=False)
    if not isinstance(path, str):
        pytest.skip("not installed")
    dataset = pydicom.dcmread(path)
    array = dataset.pixel_array
    frames = ArrayFrames(array if array.ndim == 3 else array[None])
    assert (judged(frames).boxes, judged(frames).verdict) == ((), verdict)


@pytest.mark.parametrize(
    ("seed", "side", "text", "height", "contrast", "noise", "spread"),
    [
        (27, 256, "ID 774411 B", 12, 6, 0.3, 1.0),
        (56, 256, "KOWALSKA", 10, 15, 1.5, 1.0),
        (37, 192, "12.03.1961", 48, 10, 0.3, 0.6),
    ],
)
def test_faint_text_in_noise_passes_the_scan_to_those_who_can_read_it(
    seed: int, side: int, text: str, height: int, contrast: int, noise: float, spread: float
) -> None:
    """The scan gives less than 0.55 to these, of which the map is sure."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    ground = 60 + 80 * np.exp(-((x - 0.5) ** 2 + (y - 0.5) ** 2) / 0.06)
    ground += noise * cv2.GaussianBlur(rng.normal(0, 14, (side, side)), (0, 0), spread)
    canvas = Image.new("L", (side, side))
    font = ImageFont.load_default(height)
    ImageDraw.Draw(canvas).text((side // 6, side // 3), text, fill=255, font=font)
    ink = np.asarray(canvas) / 255
    frames = ArrayFrames(np.clip(ground + ink * contrast, 0, 255).astype(np.uint8)[None])
    header = {"Modality": "MR", "ImageType": ["ORIGINAL", "PRIMARY"]}
    verdict = judged(frames, SOPClassUID="1.2.840.10008.5.1.4.1.1.4", **header)
    assert (verdict.report.suspect, hidden(verdict, ink > 0.5) > 0.95) == ("", True)


def test_noise_of_an_odd_size_is_no_text() -> None:
    """Rows that were repeated to fill a cell once looked like letters."""
    rng = np.random.default_rng(9)
    frames = ArrayFrames(rng.integers(0, 4096, (4, 138, 110)).astype(np.uint16))
    assert judged(frames).boxes == ()


def test_a_picture_smaller_than_three_letters_is_left_as_it_is() -> None:
    rng = np.random.default_rng(3)
    frames = ArrayFrames(rng.integers(0, 255, (1, 10, 10), dtype=np.uint8))
    assert judged(frames).boxes == ()


def declared() -> Sequence:
    """One ultrasound region: the frame without its first 40 rows."""
    region = Dataset()
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 0, 40
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 639, 479
    return Sequence([region])


def test_an_ultrasound_with_declared_regions_and_nothing_in_them_is_not_read() -> None:
    verdict = judged(blank(), SOPClassUID=ULTRASOUND, SequenceOfUltrasoundRegions=declared())
    assert (verdict.report.readings, verdict.verdict) == (0, "regions")


def test_text_within_a_declared_region_is_hidden() -> None:
    frames = blank()
    ink = drawn((480, 640), "KOWALSKA, ANNA", (100, 300), 0.5)
    frames.array[0][ink] = 110
    verdict = judged(frames, SOPClassUID=ULTRASOUND, SequenceOfUltrasoundRegions=declared())
    assert hidden(verdict, ink) > 0.95
    assert verdict.report.readings == 1
