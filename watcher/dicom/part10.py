"""A DICOM Part 10 file in memory: its data set, and where its Pixel Data lies."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset


@dataclass(frozen=True, slots=True)
class PixelElement:
    """Pixel Data (7FE0,0010), Float (7FE0,0008) or Double Float Pixel Data (7FE0,0009).

    `value` is a view of the element's value field in the source bytes. When `encapsulated`, it
    runs from the Basic Offset Table item to before the Sequence Delimitation Item (PS3.5 A.4).
    """

    tag: int
    vr: str
    value: memoryview
    encapsulated: bool


@dataclass(frozen=True, slots=True)
class Part10:
    """One parsed file. `dataset` has its `file_meta`, and every element but the Pixel Data."""

    dataset: Dataset
    pixels: PixelElement | None
