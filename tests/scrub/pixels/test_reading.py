"""Reading pictures: text is found and filled, pictures without text are left as they are."""

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

from tests.scrub.pixels.conftest import ArrayFrames, blank, part_of
from watcher.dicom.frames import masked
from watcher.errors import ConfigError, RefusedError
from watcher.model import Reason
from watcher.options import PixelOptions
from watcher.scrub.pixels import PixelJudge, PixelVerdict, engine, reader, reading
from watcher.scrub.pixels.planes import Plane, Planes
from watcher.scrub.pixels.reader import Reader

NAME = "KOWALSKA, ANNA"
ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6.1"


@cache
def judge_with(markers: tuple[str, ...] = PixelOptions().markers) -> PixelJudge:
    return PixelJudge.load(PixelOptions(markers=markers))


def ct() -> NDArray[Any]:
    """pydicom's CT_small.dcm, 128 x 128, twice as large; it shows no text."""
    path = get_testdata_file("CT_small.dcm")
    assert isinstance(path, str)
    array = pydicom.dcmread(path).pixel_array
    return np.asarray(cv2.resize(array, None, fx=3, fy=3, interpolation=cv2.INTER_LINEAR))


def drawn(
    shape: tuple[int, ...], text: str, at: tuple[int, int], scale: float = 0.5, thick: int = 1
) -> NDArray[np.bool_]:
    """Where the ink of `text` lies in a frame of `shape`."""
    canvas = np.zeros(shape[:2], np.uint8)
    cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thick)
    return canvas > 0


def hidden(verdict: PixelVerdict, ink: NDArray[np.bool_], index: int = 0) -> float:
    """Share of the ink that lies in the verdict's boxes."""
    filled = np.zeros(ink.shape, bool)
    for frame, left, top, right, bottom in verdict.boxes:
        if frame in (0, index + 1):
            filled[top:bottom, left:right] = True
    return float(filled[ink].mean())


def judged(frames: ArrayFrames, words: frozenset[str] = frozenset(), **header: Any) -> PixelVerdict:
    return judge_with().judge(part_of(frames, **header), frames, words)


def test_a_ct_without_text_passes_the_gate_and_no_pixel_changes() -> None:
    verdict = judged(ArrayFrames(ct()[None]))
    assert (verdict.verdict, verdict.boxes, verdict.clear_high_bits) == ("clean", (), False)


@pytest.mark.parametrize("value", [4000, -1000, 1100])
def test_light_dark_and_grey_text_over_anatomy_is_hidden(value: int) -> None:
    """CT_small shows values from 128 to 2191."""
    array = ct()
    ink = drawn(array.shape, NAME, (60, 200), 0.7)
    array[ink] = np.clip(value, array.min(), array.max())
    if value == 1100:
        array[190:205] = 300
        array[ink] = value
    verdict = judged(ArrayFrames(array[None]))
    assert verdict.verdict == "redacted"
    assert hidden(verdict, ink) > 0.95


def test_no_trace_of_the_text_is_left_in_the_stored_values() -> None:
    array = ct()
    ink = drawn(array.shape, NAME, (40, 40), 0.6)
    array[ink] = 4000
    frames = ArrayFrames(array[None])
    after = masked(frames, judged(frames).boxes).frame(0)
    assert np.unique(np.asarray(after)[ink]).size == 1


@pytest.mark.parametrize("turns", [1, 3])
def test_standing_text_is_hidden(turns: int) -> None:
    lying = drawn((384, 384), NAME, (40, 372), 0.5)
    ink = np.rot90(lying, turns)
    array = ct()
    array[ink] = 3000
    assert hidden(judged(ArrayFrames(array[None])), ink) > 0.95


@pytest.mark.parametrize("scale", [0.35, 2.4])
def test_small_and_large_letters_are_hidden(scale: float) -> None:
    """Capitals of 8 and of 52 pixels."""
    frames = blank(480, 640)
    ink = drawn((480, 640), "MRN 60718", (30, 200), scale, max(1, round(scale * 2)))
    frames.array[0][ink] = 200
    assert hidden(judged(frames), ink) > 0.95


def test_large_letters_are_filled_with_a_margin_around_them() -> None:
    """A letter or so at both ends, a quarter of the line's height above and below."""
    ink = drawn((400, 900), NAME, (250, 220), 2.0, 3)
    lines, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    verdict = judged(ArrayFrames(np.where(ink, 200, 0).astype(np.uint8)[None]))
    _, lefts, tops, rights, bottoms = zip(*verdict.boxes, strict=True)
    height = int(np.ptp(lines))
    assert height >= 40
    assert min(lefts) <= columns[0] - 0.9 * height
    assert max(rights) >= columns[-1] + 0.9 * height
    assert min(tops) <= lines[0] - 0.2 * height
    assert max(bottoms) >= lines[-1] + 0.2 * height


def test_faint_text_on_an_even_ground_is_hidden() -> None:
    """Five of 255 steps, on a screen that shows black and white as well."""
    ink = drawn((480, 640), NAME, (300, 400), 0.4)
    page = np.full((480, 640), 255, np.uint8)
    page[100:200, 100:200] = 0
    page[ink] = 250
    frames = ArrayFrames(np.repeat(page[..., None], 3, axis=2)[None], "RGB")
    verdict = judged(frames, SOPClassUID="1.2.840.10008.5.1.4.1.1.7")
    assert hidden(verdict, ink) >= 0.95


def test_coloured_text_of_the_grounds_brightness_is_hidden() -> None:
    """Told by its hue alone."""
    frames = blank(samples=3)
    frames.array[:] = (100, 100, 100)
    ink = drawn((480, 640), NAME, (100, 100), 0.8, 2)
    frames.array[0][ink] = (235, 50, 3)
    assert hidden(judged(frames, SOPClassUID=ULTRASOUND), ink) > 0.95


def test_text_in_a_palette_image_is_seen_through_its_palette() -> None:
    """Neighbouring indices, far apart in brightness."""
    frames = blank()
    frames.photometric = "PALETTE COLOR"
    frames.array[:] = 10
    ink = drawn((480, 640), NAME, (100, 100), 0.7)
    frames.array[0][ink] = 11
    ramp = np.zeros(256, "<u2")
    ramp[11] = 65535
    tables: dict[str, Any] = {}
    for colour in ("Red", "Green", "Blue"):
        tables[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        tables[f"{colour}PaletteColorLookupTableData"] = ramp.tobytes()
    assert hidden(judged(frames, **tables), ink) > 0.95


def test_text_on_one_frame_only_is_found_and_cleared_on_all() -> None:
    frames = blank(240, 320, frames=12)
    ink = drawn((240, 320), NAME, (20, 100), 0.6)
    frames.array[7][ink] = 255
    verdict = judged(frames)
    assert all(box[0] == 0 for box in verdict.boxes)
    assert hidden(verdict, ink) > 0.95


def test_a_cine_of_300_frames_with_a_banner_costs_few_full_readings() -> None:
    rng = np.random.default_rng(5)
    moving = rng.integers(0, 90, (300, 60, 80), dtype=np.uint8)
    frames = ArrayFrames(np.zeros((300, 120, 240), np.uint8))
    frames.array[:, 50:110, 80:160] = moving
    ink = drawn((120, 240), NAME, (8, 20), 0.5)
    frames.array[:, ink] = 255
    verdict = judged(frames, SOPClassUID="1.2.840.10008.5.1.4.1.1.3.1", Modality="US")
    assert verdict.report.readings < 10
    assert hidden(verdict, ink, 299) > 0.95


def test_a_suspect_without_text_is_read_and_passes() -> None:
    verdict = judged(blank(), SOPClassUID=ULTRASOUND)
    assert (verdict.verdict, verdict.report.suspect, verdict.report.readings) == (
        "read",
        "SOPClassUID",
        1,
    )


def test_a_marker_of_the_list_stays_and_goes_when_the_customer_keeps_none() -> None:
    frames = blank(200, 300)
    ink = drawn((200, 300), "ERECT", (100, 100), 0.9, 2)
    frames.array[0][ink] = 255
    assert hidden(judged(frames), ink) == 0
    strict = judge_with(()).judge(part_of(frames), frames, frozenset())
    assert hidden(strict, ink) > 0.95


def test_a_marker_that_is_the_patients_own_name_goes() -> None:
    frames = blank(200, 300)
    ink = drawn((200, 300), "ERECT", (100, 100), 0.9, 2)
    frames.array[0][ink] = 255
    assert hidden(judged(frames, frozenset({"ERECT"})), ink) > 0.95


def test_text_that_comes_back_after_filling_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Verification: whoever fills must be believed by whoever reads."""
    frames = blank(200, 300)
    frames.array[0][drawn((200, 300), NAME, (20, 100), 0.7)] = 255
    monkeypatch.setattr(reading, "paint", lambda *_: None)
    with pytest.raises(RefusedError) as refused:
        judged(frames)
    assert refused.value.outcome.reason is Reason.BURNED_IN


@pytest.mark.parametrize("error", [ValueError, RuntimeError, cv2.error, MemoryError])
def test_a_reader_that_fails_never_lets_a_picture_through(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fail(*_: Any) -> Any:
        raise error("reader")

    monkeypatch.setattr(Planes, "of", fail)
    with pytest.raises((RefusedError, MemoryError)):
        judged(blank())


def test_a_model_that_fails_on_a_picture_refuses_it() -> None:
    broken = reader.Reader()._recogniser
    with pytest.raises(RefusedError):
        broken.run(np.zeros((1, 7, 5, 5), np.float32))


def test_a_missing_model_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "find_spec", lambda _: None)
    reading.networks.cache_clear()
    with pytest.raises(ConfigError, match="not installed"):
        PixelJudge.load(PixelOptions())


def test_a_broken_model_stops_the_start(tmp_path: Any) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(ConfigError, match=r"model\.onnx"):
        engine.Engine(tmp_path / "model.onnx")


def test_text_that_nobody_can_read_on_one_late_frame_is_hidden() -> None:
    """A dot matrix on the third frame: it fills most of what moved, and little of the frame."""
    image = Image.new("L", (100, 12))
    font = ImageFont.load_default_imagefont()
    ImageDraw.Draw(image).text((0, 0), "ISBELDUN^OSBEL", font=font, fill=255)
    dots = np.kron(np.asarray(image), np.ones((3, 3), np.uint8))
    dots[::3] = dots[:, ::3] = 0
    ink = np.zeros((384, 384), bool)
    ink[4 : 4 + dots.shape[0], 4 : 4 + dots.shape[1]] = dots > 110
    array = np.stack([ct()] * 6)
    array[2][ink] = 1100
    assert hidden(judged(ArrayFrames(array)), ink, 2) > 0.95


def test_a_large_picture_is_shown_twice_as_large_only_where_there_is_a_hint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And small letters in it are found there."""
    plane = np.zeros((1200, 1200), np.uint8)
    ink = drawn(plane.shape, "KOWALSKA 60718", (700, 900), 0.4)
    plane[ink] = 200
    shown: list[float] = []
    tile = Reader._tile

    def counted(self: Reader, part: Plane, scale: float) -> NDArray[np.float32]:
        shown.append(part.size * scale**2)
        return tile(self, part, scale)

    monkeypatch.setattr(Reader, "_tile", counted)
    finds = list(judge_with().reader._detected(plane))
    seen = np.zeros(plane.shape, bool)
    for left, top, right, bottom in (find.box for find in finds):
        seen[top:bottom, left:right] = True
    assert seen[ink].mean() > 0.95
    assert sum(shown) < 2 * plane.size
