"""DICOM files made byte by byte, so that what is tested is never also what made the test."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from struct import pack
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from watcher.dicom.frames import open_frames
from watcher.dicom.part10 import Part10, parse
from watcher.dicom.scrubbed import Frames, Scrubbed
from watcher.dicom.walk import walk
from watcher.model import StudyFields
from watcher.options import Limits

IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"
SR_CLASS = "1.2.840.10008.5.1.4.1.1.88.11"
UNDEFINED = 0xFFFFFFFF
_LONG = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
_NUMBERS = {"US": "H", "SS": "h", "UL": "L", "FD": "d", "FL": "f"}


class Coding:
    """Writes elements in one of the three codings of PS3.5 7."""

    def __init__(self, syntax: str = EXPLICIT) -> None:
        self.explicit = syntax != IMPLICIT
        self.order = ">" if syntax == BIG else "<"

    def head(self, tag: int, vr: str, length: int) -> bytes:
        group, number = tag >> 16, tag & 0xFFFF
        if not self.explicit:
            return pack(f"{self.order}HHL", group, number, length)
        if vr in _LONG:
            return pack(f"{self.order}HH2sHL", group, number, vr.encode(), 0, length)
        return pack(f"{self.order}HH2sH", group, number, vr.encode(), length)

    def element(self, tag: int, vr: str, value: Any = b"") -> bytes:
        data = self.value(vr, value)
        return self.head(tag, vr, len(data)) + data

    def value(self, vr: str, value: Any) -> bytes:
        if isinstance(value, bytes):
            return value + b"\0" * (len(value) % 2)
        if vr in _NUMBERS:
            numbers = value if isinstance(value, (list, tuple)) else [value]
            return b"".join(pack(self.order + _NUMBERS[vr], number) for number in numbers)
        text = str(value).encode()
        return text + (b"\0" if vr == "UI" else b" ") * (len(text) % 2)

    def item(self, body: bytes, defined: bool = True) -> bytes:
        head = pack(f"{self.order}HHL", 0xFFFE, 0xE000, len(body) if defined else UNDEFINED)
        return head + body + (b"" if defined else self.delimiter(0xE00D))

    def delimiter(self, number: int) -> bytes:
        return pack(f"{self.order}HHL", 0xFFFE, number, 0)

    def sequence(self, tag: int, items: Iterable[bytes], defined: bool = True) -> bytes:
        body = b"".join(items)
        if defined:
            return self.head(tag, "SQ", len(body)) + body
        return self.head(tag, "SQ", UNDEFINED) + body + self.delimiter(0xE0DD)

    def encapsulated(self, fragments: Iterable[bytes], offsets: Iterable[int] = ()) -> bytes:
        table = b"".join(pack("<L", offset) for offset in offsets)
        padded = [fragment + b"\0" * (len(fragment) % 2) for fragment in fragments]
        items = b"".join(self.item(fragment) for fragment in [table, *padded])
        return self.head(0x7FE00010, "OB", UNDEFINED) + items + self.delimiter(0xE0DD)


def part10(body: bytes, syntax: str = EXPLICIT, sop_class: str = CT_CLASS) -> bytes:
    """Preamble, File Meta Information and `body`, deflated where the syntax says so."""
    plain = Coding()
    meta = b"".join(
        (
            plain.element(0x00020001, "OB", b"\0\1"),
            plain.element(0x00020002, "UI", sop_class),
            plain.element(0x00020003, "UI", "1.2.3"),
            plain.element(0x00020010, "UI", syntax),
        )
    )
    head = bytes(128) + b"DICM" + plain.element(0x00020000, "UL", len(meta)) + meta
    if syntax == DEFLATED:
        squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
        body = squeeze.compress(body) + squeeze.flush()
        body += b"\0" * (len(body) % 2)
    return head + body


def header(coding: Coding, sop_class: str = CT_CLASS) -> bytes:
    """What stands before group 0028, with a sequence of each kind and a private element."""
    inner = coding.element(0x00080100, "SH", "T-1") + coding.element(0x00080104, "LO", "meaning")
    nested = coding.sequence(0x00081140, [coding.item(inner, False)], defined=False)
    return b"".join(
        (
            coding.element(0x00080005, "CS", "ISO_IR 100"),
            coding.element(0x00080016, "UI", sop_class),
            coding.element(0x00080018, "UI", "1.2.3"),
            coding.element(0x00080060, "CS", "CT"),
            coding.sequence(0x00081110, [coding.item(inner), coding.item(nested, False)]),
            coding.sequence(0x00082218, [coding.item(inner, False)], defined=False),
            coding.element(0x00090010, "LO", "MAKER"),
            coding.element(0x00091001, "UN" if coding.explicit else "LO", b"\1\2\3\4"),
            coding.element(0x0020000D, "UI", "1.2.4"),
            coding.element(0x0020000E, "UI", "1.2.5"),
        )
    )


_MODULE: Mapping[str, tuple[int, str]] = {
    "SamplesPerPixel": (0x00280002, "US"),
    "PhotometricInterpretation": (0x00280004, "CS"),
    "PlanarConfiguration": (0x00280006, "US"),
    "NumberOfFrames": (0x00280008, "IS"),
    "Rows": (0x00280010, "US"),
    "Columns": (0x00280011, "US"),
    "BitsAllocated": (0x00280100, "US"),
    "BitsStored": (0x00280101, "US"),
    "HighBit": (0x00280102, "US"),
    "PixelRepresentation": (0x00280103, "US"),
    "PixelPaddingValue": (0x00280120, "SS"),
    "PixelPaddingRangeLimit": (0x00280121, "SS"),
    "WindowCenter": (0x00281050, "DS"),
    "WindowWidth": (0x00281051, "DS"),
    "RescaleIntercept": (0x00281052, "DS"),
    "RescaleSlope": (0x00281053, "DS"),
    "VOILUTFunction": (0x00281056, "CS"),
    "PresentationLUTShape": (0x20500020, "CS"),
}


def image(pixels: bytes, syntax: str = EXPLICIT, extra: bytes = b"", **attributes: Any) -> bytes:
    """An image file. `pixels` is the whole pixel element; `extra` more elements of group 0028.

    Attributes default to one 16-bit unsigned grey frame; None leaves one out.
    """
    coding = Coding(syntax)
    stated: dict[str, Any] = {
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "PixelRepresentation": 0,
    } | attributes
    if "BitsStored" not in stated:
        stated["BitsStored"] = stated["BitsAllocated"]
    if "HighBit" not in stated and stated["BitsStored"] is not None:
        stated["HighBit"] = stated["BitsStored"] - 1
    written = [
        (_MODULE[name][0], coding.element(*_MODULE[name], value))
        for name, value in stated.items()
        if value is not None
    ]
    late = b"".join(data for tag, data in sorted(written) if tag > 0x00290000)
    early = b"".join(data for tag, data in sorted(written) if tag < 0x00290000)
    return part10(header(coding) + early + extra + late + pixels, syntax)


def native(cells: bytes, vr: str = "OW", syntax: str = EXPLICIT, tag: int = 0x7FE00010) -> bytes:
    """A pixel element of uncompressed cells."""
    return Coding(syntax).element(tag, vr, cells)


def grey(array: NDArray[Any], syntax: str = EXPLICIT, extra: bytes = b"", **more: Any) -> bytes:
    """A file of one or, with three axes, several uncompressed grey frames of an integer array."""
    order: Literal["<", ">"] = ">" if syntax == BIG else "<"
    cells = array.astype(array.dtype.newbyteorder(order)).tobytes()
    frames = {"NumberOfFrames": len(array)} if array.ndim == 3 else {}
    attributes = {
        "Rows": array.shape[-2],
        "Columns": array.shape[-1],
        "BitsAllocated": 8 * array.dtype.itemsize,
        "PixelRepresentation": int(array.dtype.kind == "i"),
    }
    vr = "OB" if array.dtype.itemsize == 1 else "OW"
    return image(native(cells, vr, syntax), syntax, extra, **attributes | frames | more)


def read(data: bytes, limits: Limits | None = None) -> tuple[Part10, Frames]:
    """Walk, parse and open a file's bytes."""
    limits = limits or Limits()
    view = memoryview(data)
    part = parse(view, walk(view, limits), limits)
    frames = open_frames(part, limits)
    assert frames is not None
    return part, frames


def scrubbed(part: Part10, frames: Frames, verbatim: bool = True) -> Scrubbed:
    """As the scrub room would hand it on, nothing changed."""
    return Scrubbed(
        dataset=part.dataset,
        frames=frames,
        verbatim=part.pixels if verbatim else None,
        verdict="clean",
        boxes=(),
        leak=lambda _: None,
        uid_digest="",
        recipe="",
        key_id="",
        study=StudyFields("1", "2", "3", "4"),
        sop_class_uid=CT_CLASS,
        sop_instance_uid="1.2.3",
    )


def noise(shape: tuple[int, ...], dtype: str, bits: int | None = None) -> NDArray[Any]:
    """The same pseudo-random cells for the same arguments, over the whole range of `bits`."""
    kind = np.dtype(dtype)
    bits = bits or 8 * kind.itemsize
    low, high = (-(1 << bits - 1), 1 << bits - 1) if kind.kind == "i" else (0, 1 << bits)
    return np.random.default_rng(bits).integers(low, high, shape, dtype=kind)
