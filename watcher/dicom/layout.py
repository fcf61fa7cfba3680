"""The Image Pixel attributes of a file, checked before any pixel is touched (PS3.3 C.7.6.3)."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from watcher.dicom.quiet import LIBRARY_ERRORS, quiet
from watcher.errors import RefusedError
from watcher.model import Reason
from watcher.options import Limits

_FLOATS = frozenset({0x7FE00008, 0x7FE00009})
_SUBSAMPLED = frozenset({"YBR_FULL_422", "YBR_PARTIAL_422"})
_BITS, _FLOAT_BITS = (1, 8, 16, 32, 64), (32, 64)
_SAMPLES = {
    "MONOCHROME1": 1,
    "MONOCHROME2": 1,
    "PALETTE COLOR": 1,
    "RGB": 3,
    "YBR_FULL": 3,
    "YBR_FULL_422": 3,
    "YBR_PARTIAL_422": 3,
    "YBR_ICT": 3,
    "YBR_RCT": 3,
}


@dataclass(frozen=True, slots=True)
class Layout:
    """How the pixel cells of one file are laid out. `floating`: IEEE values, no bit fields."""

    number: int
    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    planar: bool
    photometric: str
    floating: bool

    @property
    def dtype(self) -> np.dtype[Any]:
        """The native-endian type that holds a stored value."""
        if self.floating:
            return np.dtype(f"f{self.bits_allocated // 8}")
        return np.dtype(f"{'i' if self.signed else 'u'}{max(self.bits_allocated, 8) // 8}")

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, columns) or (rows, columns, samples)."""
        plane = (self.rows, self.columns)
        return plane if self.samples == 1 else (*plane, self.samples)

    @property
    def frame_bits(self) -> int:
        """Bits of one native frame as it lies in the file (PS3.5 8.1.1, C.7.6.3.1.2)."""
        cells = self.rows * self.columns * (2 if self.subsampled else self.samples)
        return cells * self.bits_allocated

    @property
    def decoded_bytes(self) -> int:
        """Bytes of one decoded frame."""
        return self.rows * self.columns * self.samples * max(self.bits_allocated, 8) // 8

    @property
    def subsampled(self) -> bool:
        """Whether a native frame holds one Cb and one Cr for two pixels of a row."""
        return self.photometric in _SUBSAMPLED


def read_layout(dataset: Dataset, pixel_tag: int, limits: Limits) -> Layout:
    """Read and check the attributes that say what the pixel element holds.

    Raises RefusedError: MISSING_ATTRIBUTE, OVER_LIMIT, or UNDECODABLE for values that contradict
    each other or that no decoder here knows.
    """
    with quiet():
        layout = _read(dataset, pixel_tag)
    _within(layout, limits)
    _consistent(layout)
    if layout.floating and layout.bits_allocated != (32 if pixel_tag == 0x7FE00008 else 64):
        raise RefusedError(Reason.UNDECODABLE, "BitsAllocated")
    return layout


def _read(dataset: Dataset, pixel_tag: int) -> Layout:
    floating = pixel_tag in _FLOATS
    samples = _integer(dataset, "SamplesPerPixel")
    allocated = _integer(dataset, "BitsAllocated")
    stored = allocated if floating else _integer(dataset, "BitsStored")
    return Layout(
        number=_integer(dataset, "NumberOfFrames", 1) or 1,
        rows=_integer(dataset, "Rows"),
        columns=_integer(dataset, "Columns"),
        samples=samples,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=stored - 1 if floating else _integer(dataset, "HighBit", stored - 1),
        signed=not floating and _integer(dataset, "PixelRepresentation") == 1,
        planar=samples > 1 and _integer(dataset, "PlanarConfiguration", 0) == 1,
        photometric=_text(dataset, "PhotometricInterpretation"),
        floating=floating,
    )


@functools.cache
def _tag(keyword: str) -> BaseTag:
    return Tag(keyword)


def _value(dataset: Dataset, keyword: str) -> object:
    element: Any = dataset.get_item(_tag(keyword))
    if isinstance(element, RawDataElement) and element.VR == "US":
        value = element.value
        if isinstance(value, bytes) and len(value) == 2:  # a tenth of the library's time
            return int.from_bytes(value, "little" if element.is_little_endian else "big")
    try:
        return dataset.get(keyword)
    except LIBRARY_ERRORS:
        raise RefusedError(Reason.UNDECODABLE, keyword) from None


def _integer(dataset: Dataset, keyword: str, default: int | None = None) -> int:
    value = _value(dataset, keyword)
    if value is None or value == "":
        if default is None:
            raise RefusedError(Reason.MISSING_ATTRIBUTE, keyword)
        return default
    if not isinstance(value, int) or value < 0:
        raise RefusedError(Reason.UNDECODABLE, keyword)
    return int(value)


def _text(dataset: Dataset, keyword: str) -> str:
    value = _value(dataset, keyword)
    if not value:
        raise RefusedError(Reason.MISSING_ATTRIBUTE, keyword)
    return str(value).strip().upper() if isinstance(value, str) else ""


def _within(layout: Layout, limits: Limits) -> None:
    for name, value, most in (
        ("rows", layout.rows, limits.rows),
        ("columns", layout.columns, limits.columns),
        ("frames", layout.number, limits.frames),
        ("frame size", layout.decoded_bytes, limits.frame_bytes),
    ):
        if value > most:
            raise RefusedError(Reason.OVER_LIMIT, name)


def _consistent(layout: Layout) -> None:
    for name, holds in (
        ("Rows", layout.rows > 0),
        ("Columns", layout.columns > 0),
        ("PhotometricInterpretation", layout.photometric in _SAMPLES),
        ("SamplesPerPixel", _SAMPLES.get(layout.photometric) == layout.samples),
        ("BitsAllocated", layout.bits_allocated in (_FLOAT_BITS if layout.floating else _BITS)),
        ("BitsStored", 1 <= layout.bits_stored <= layout.bits_allocated),
        ("HighBit", layout.bits_stored - 1 <= layout.high_bit < layout.bits_allocated),
    ):
        if not holds:
            raise RefusedError(Reason.UNDECODABLE, name)
