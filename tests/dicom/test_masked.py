"""Boxes painted over frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.dicom.files import grey, image, native, noise, read
from watcher.dicom.frames import Banded, masked, open_rows
from watcher.dicom.scrubbed import Box, Frames


class Held:
    """Frames that were decoded already, as a compressed file's are."""

    def __init__(self, array: NDArray[Any], photometric: str) -> None:
        self.array = array
        self.number, self.rows, self.columns = array.shape[:3]
        self.samples = array.shape[3] if array.ndim == 4 else 1
        self.photometric = photometric

    def frame(self, index: int) -> NDArray[Any]:
        frame: NDArray[Any] = self.array[index].copy()
        return frame


def opened(array: NDArray[Any], photometric: str, banded: bool) -> Frames:
    if not banded:
        return Held(array, photometric)
    if array.ndim == 3:
        return read(grey(array, PhotometricInterpretation=photometric))[1]
    data = image(
        native(array.tobytes(), "OB"),
        SamplesPerPixel=3,
        PhotometricInterpretation=photometric,
        PlanarConfiguration=0,
        BitsAllocated=8,
        Rows=array.shape[1],
        Columns=array.shape[2],
        NumberOfFrames=len(array),
    )
    return read(data)[1]


BOXES: tuple[Box, ...] = ((0, 1, 2, 4, 5), (2, 0, 0, 3, 1), (1, 6, 6, 99, 99))


def inside(index: int, rows: int, columns: int) -> NDArray[np.bool_]:
    """The boxes of frame `index`, by their definition."""
    mask = np.zeros((rows, columns), bool)
    for frame, left, top, right, bottom in BOXES:
        for row in range(top, min(bottom, rows)):
            for column in range(left, min(right, columns)):
                mask[row, column] |= frame in (0, index + 1)
    return mask


@pytest.mark.parametrize("banded", [True, False])
@pytest.mark.parametrize(
    ("dtype", "photometric"),
    [
        ("u1", "MONOCHROME2"),
        ("i2", "MONOCHROME2"),
        ("u2", "MONOCHROME1"),
        ("u1", "PALETTE COLOR"),
        ("u1", "RGB"),
        ("u1", "YBR_FULL"),
    ],
)
def test_boxes_are_filled_and_nothing_else_changes(
    dtype: str, photometric: str, banded: bool
) -> None:
    """With black, the darkest value of the frame, or the palette's background."""
    shape = (2, 9, 8, 3) if photometric in ("RGB", "YBR_FULL") else (2, 9, 8)
    array = noise(shape, dtype)
    if photometric == "PALETTE COLOR":
        array[:, :, :3] = 77
    frames = masked(opened(array, photometric, banded), BOXES)
    fills: dict[str, Any] = {
        "MONOCHROME2": array.min(axis=(1, 2)) if array.ndim == 3 else None,
        "MONOCHROME1": array.max(axis=(1, 2)) if array.ndim == 3 else None,
        "PALETTE COLOR": [77, 77],
        "RGB": [[0, 0, 0]] * 2,
        "YBR_FULL": [[0, 128, 128]] * 2,
    }
    assert isinstance(frames, Banded) == banded
    for index in (1, 0):
        box = inside(index, 9, 8)
        out = frames.frame(index)
        assert (out[box] == np.array(fills[photometric][index])).all()
        assert np.array_equal(out[~box], array[index][~box])
        rows = open_rows(frames, index)
        parts = [rows(top, min(top + 2, 9)) for top in range(0, 9, 2)]
        assert np.array_equal(np.concatenate(parts), out)


def test_no_boxes_no_change() -> None:
    """The frames themselves come back."""
    frames = Held(noise((1, 4, 4), "u1"), "MONOCHROME2")
    assert masked(frames, ()) is frames


def test_the_source_is_not_painted_over() -> None:
    """A masked view and the original stand side by side."""
    _, frames = read(grey(noise((9, 8), "u2")))
    before = frames.frame(0).copy()
    masked(frames, BOXES).frame(0)
    assert np.array_equal(frames.frame(0), before)
