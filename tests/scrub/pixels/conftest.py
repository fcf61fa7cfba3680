"""Frames and files in memory, for the verdict on pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from watcher.dicom.part10 import Part10


@dataclass
class ArrayFrames:
    """Frames from one array, (frames, rows, columns[, samples]); counts how often it is asked."""

    array: NDArray[Any]
    photometric: str = "MONOCHROME2"

    def __post_init__(self) -> None:
        self.number, self.rows, self.columns = self.array.shape[:3]
        self.samples = self.array.shape[3] if self.array.ndim == 4 else 1

    def frame(self, index: int) -> NDArray[Any]:
        frame: NDArray[Any] = self.array[index]
        return frame


def part_of(frames: ArrayFrames, **attributes: Any) -> Part10:
    """A file around `frames`; attributes by keyword, on top of an unsuspicious CT's."""
    dataset = Dataset()
    defaults: dict[str, Any] = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2",
        "Modality": "CT",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "Rows": frames.rows,
        "Columns": frames.columns,
        "SamplesPerPixel": frames.samples,
        "PhotometricInterpretation": frames.photometric,
        "BitsAllocated": frames.array.dtype.itemsize * 8,
        "BitsStored": frames.array.dtype.itemsize * 8,
        "HighBit": frames.array.dtype.itemsize * 8 - 1,
        "PixelRepresentation": int(frames.array.dtype.kind == "i"),
    }
    for keyword, value in (defaults | attributes).items():
        if value is not None:
            setattr(dataset, keyword, value)
    return Part10(dataset, None)


def blank(rows: int = 480, columns: int = 640, frames: int = 1, samples: int = 1) -> ArrayFrames:
    """Frames that show nothing."""
    shape = (frames, rows, columns) if samples == 1 else (frames, rows, columns, samples)
    return ArrayFrames(np.zeros(shape, np.uint8), "MONOCHROME2" if samples == 1 else "RGB")
