"""The PNG encoder against the standard, against Pillow, and against Pillow's size."""

from __future__ import annotations

import io
import stat
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from pydicom.data import get_testdata_file

from tests.dicom.files import noise, read, scrubbed
from tests.render.pictures import chunks_of, decode
from watcher.digest import fingerprint
from watcher.model import SpoolFile
from watcher.options import RenderOptions
from watcher.render import render
from watcher.render.deflate import Coding
from watcher.render.filters import ADAPTIVE, SINGLE
from watcher.render.png import Method, PngWriter


def written(path: Path, rows: NDArray[Any], bands: int = 0) -> tuple[bytes, SpoolFile]:
    bands = bands or len(rows)
    with PngWriter(path, len(rows), rows[len(rows) // 2 :]) as writer:
        for top in range(0, len(rows), bands):
            writer.write(rows[top : top + bands])
        spooled = writer.close(path.name)
    return path.read_bytes(), spooled


SHAPES = [(1, 1), (1, 7), (7, 1), (33, 20), (5, 4, 3), (1, 1, 3), (40, 3, 3)]


@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_what_is_read_is_what_was_written(
    shape: tuple[int, ...], dtype: str, tmp_path: Path
) -> None:
    """Noise and ramps, grey and RGB, 8 and 16 bits, in bands of any height."""
    ramp = (np.indices(shape).sum(axis=0) * 3).astype(dtype)
    for name, rows in (("noise", noise(shape, dtype)), ("ramp", ramp)):
        for bands in (1, 3, 1000):
            data, _ = written(tmp_path / f"{name}{bands}.png", rows, bands)
            assert np.array_equal(decode(data), rows)


@pytest.mark.parametrize(
    ("shape", "dtype"), [((33, 20), "u1"), ((33, 20), "u2"), ((5, 4, 3), "u1")]
)
def test_pillow_reads_it(shape: tuple[int, ...], dtype: str, tmp_path: Path) -> None:
    """A reader that is not ours."""
    rows = noise(shape, dtype)
    written(tmp_path / "a.png", rows)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), rows)


@given(
    rows=st.lists(st.lists(st.integers(0, 255), min_size=6, max_size=6), min_size=1, max_size=8),
    colour=st.booleans(),
)
@settings(max_examples=60)
def test_any_small_picture_survives(rows: list[list[int]], colour: bool) -> None:
    """Every mixture of filters."""
    array = np.array(rows, np.uint8)
    array = array.reshape(len(rows), 2, 3) if colour else array
    with tempfile.TemporaryDirectory() as folder:
        assert np.array_equal(decode(written(Path(folder) / "a.png", array)[0]), array)


def test_only_critical_chunks(tmp_path: Path) -> None:
    """IHDR, IDAT, IEND: nothing in which text, time or a profile could travel."""
    data, _ = written(tmp_path / "a.png", noise((900, 900), "u1"))
    kinds = [kind for kind, _ in chunks_of(data)]
    assert kinds[0] == b"IHDR"
    assert kinds[-1] == b"IEND"
    assert set(kinds[1:-1]) == {b"IDAT"}
    assert len(kinds) > 3  # a large image comes in several, none of them held longer


def test_size_and_hash_are_of_the_file(tmp_path: Path) -> None:
    """And it is private, and never written over another."""
    path = tmp_path / "a.png"
    data, spooled = written(path, noise((33, 20), "u2"))
    assert spooled == SpoolFile("a.png", len(data), fingerprint(data))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        PngWriter(path, 1, noise((1, 1), "u1"))


def test_an_error_leaves_no_file(tmp_path: Path) -> None:
    """Half a picture is none."""

    def half(path: Path) -> None:
        with PngWriter(path, 33, noise((1, 20), "u1")) as writer:
            writer.write(noise((10, 20), "u1"))
            writer.close("a.png")

    with pytest.raises(ValueError, match="rows"):
        half(tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def test_the_method_of_another_frame_changes_the_size_and_no_pixel(tmp_path: Path) -> None:
    """Every choice of filters and coding, on rows for which another one would be chosen."""
    for rows in (noise((40, 30), "u1"), noise((40, 30, 3), "u1"), noise((40, 30), "u2")):
        colour = rows.ndim == 3
        for filters in (ADAPTIVE[colour], *((kind,) for kind in SINGLE[colour])):
            for coding in Coding:
                path = tmp_path / "a.png"
                with PngWriter(path, 40, rows[:1], method=Method(filters, coding)) as writer:
                    for top in range(0, 40, 7):
                        writer.write(rows[top : top + 7])
                    writer.close(path.name)
                assert np.array_equal(decode(path.read_bytes()), rows)
                path.unlink()


def test_frames_of_one_instance_have_the_first_ones_method(tmp_path: Path) -> None:
    """And are the same bytes whenever they are made."""
    part, frames = read(
        Path(str(get_testdata_file("examples_ybr_color.dcm", download=False))).read_bytes()
    )
    clean = scrubbed(part, frames)
    first = render(clean, 0, RenderOptions(), tmp_path / "0.png")
    made = [
        render(clean, 1, RenderOptions(), tmp_path / name, first.method) for name in ("1.png", "2")
    ]
    assert [each.method for each in made] == [first.method] * 2
    assert made[0].png.digest == made[1].png.digest
    with Image.open(tmp_path / "1.png") as picture:
        alone = render(clean, 1, RenderOptions(), tmp_path / "alone.png")
        assert np.array_equal(np.asarray(picture), np.asarray(Image.open(tmp_path / "alone.png")))
        assert alone.width == picture.width


PICTURES = (
    "examples_rgb_color.dcm",  # ultrasound, colour
    "examples_ybr_color.dcm",  # 30 frames of echo, colour
    "examples_palette.dcm",
    "examples_overlay.dcm",  # MR
    "CT_small.dcm",
    "examples_jpeg2k.dcm",
    "JPGExtended.dcm",  # NM
    "693_J2KI.dcm",  # CT
    "RG3_J2KR.dcm",  # CR
)


@pytest.mark.parametrize("mode", ["display", "lossless"])
def test_it_is_at_most_a_tenth_larger_than_pillow(mode: Any, tmp_path: Path) -> None:
    """Over a mix of modalities, against Pillow's level 6 with all its filters."""
    ours = theirs = 0
    for name in PICTURES:
        part, frames = read(Path(str(get_testdata_file(name, download=False))).read_bytes())
        path = tmp_path / name
        ours += render(scrubbed(part, frames), 0, RenderOptions(mode=mode), path).png.size
        buffer = io.BytesIO()
        Image.open(path).save(buffer, "PNG", compress_level=6)
        theirs += buffer.tell()
    assert ours <= 1.1 * theirs
