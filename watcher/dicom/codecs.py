"""The decoders, one function per family of transfer syntaxes: one compressed frame in, cells out.

Each checks what the stream says of itself against the attributes before it decodes. gdcm has JPEG
(8 to 16 bits, lossy and lossless), CharLS has JPEG-LS, OpenJPEG has JPEG 2000 and HTJ2K, pylibjpeg
has RLE.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gdcm
import jpeg_ls
import numpy as np
from numpy.typing import NDArray
from openjpeg.utils import decode_pixel_data as decode_jpeg2000
from rle.utils import decode_pixel_data as decode_rle

from watcher.dicom.codestream import StreamHeader, read_header
from watcher.dicom.layout import Layout
from watcher.dicom.quiet import LIBRARY_ERRORS, quiet
from watcher.errors import RefusedError
from watcher.model import Reason

_JPEG = "1.2.840.10008.1.2.4."
_BASELINE, _EXTENDED, _LOSSLESS = 0xC0, 0xC1, 0xC3
_JPEG_PROCESSES = frozenset({_BASELINE, _EXTENDED, _LOSSLESS})
gdcm.Trace.DebugOff()
gdcm.Trace.WarningOff()
gdcm.Trace.ErrorOff()


@dataclass(frozen=True, slots=True)
class Cells:
    """Decoded cells, shaped as `Layout.shape`; `precision` bits of each hold the value."""

    array: NDArray[Any]
    precision: int
    photometric: str


Decoder = Callable[[memoryview, Layout], Cells]


def undecodable(place: str) -> RefusedError:
    """What a frame raises that is not what its attributes say."""
    return RefusedError(Reason.UNDECODABLE, place)


def decoder_for(transfer_syntax: str) -> Decoder:
    """The decoder of an encapsulated transfer syntax (PS3.5 A.4), or RefusedError."""
    decoder = _DECODERS.get(transfer_syntax)
    if decoder is None:
        raise undecodable("transfer syntax")
    return decoder


def _checked(frame: memoryview, layout: Layout) -> StreamHeader:
    header = read_header(frame)
    stated = (layout.rows, layout.columns, layout.samples)
    if (header.rows, header.columns, header.components) != stated:
        raise undecodable("codestream dimensions")
    if header.precision > max(layout.bits_allocated, 1):
        raise undecodable("codestream precision")
    return header


def _shaped(raw: bytes | bytearray | NDArray[Any], dtype: str, layout: Layout) -> NDArray[Any]:
    array = np.frombuffer(raw, dtype)
    if array.size != layout.rows * layout.columns * layout.samples:
        raise undecodable("decoded length")
    return array.reshape(layout.shape)


def _space(header: StreamHeader, layout: Layout) -> str:
    """The colour space of components that a decoder hands out as they were coded."""
    if layout.samples == 1:
        return layout.photometric
    if header.space:
        return "YBR_FULL" if header.space == "YBR" else "RGB"
    if layout.photometric not in ("RGB", "YBR_FULL", "YBR_FULL_422"):
        raise undecodable("PhotometricInterpretation")
    return "RGB" if layout.photometric == "RGB" else "YBR_FULL"


def _jpeg(frame: memoryview, layout: Layout) -> Cells:
    header = _checked(frame, layout)
    if header.process not in _JPEG_PROCESSES:
        raise undecodable("JPEG process")
    space = _space(header, layout)
    raw = _gdcm_jpeg(frame, layout, header, space)
    array = _shaped(raw, "u1" if header.precision <= 8 else "<u2", layout)
    if header.process != _LOSSLESS:
        array = _saturated(array, header.precision, layout)
    return Cells(array, header.precision, space)


def _saturated(array: NDArray[Any], precision: int, layout: Layout) -> NDArray[Any]:
    """Cells of a lossy frame that overshot Bits Stored, brought back to its greatest value.

    A stream of 12 bits for 10 stored ones may ring a little beyond them at an edge; other decoders
    cut such a value to its low bits, and white becomes black. Far beyond them Bits Stored is wrong.
    """
    bits = layout.bits_stored
    if layout.signed or precision <= bits or not (array >> bits).any():
        return array
    if (array >> (bits - 1) > 2).any():
        raise undecodable("BitsStored")
    held: NDArray[Any] = np.minimum(array, array.dtype.type((1 << bits) - 1))
    return held


def _gdcm_jpeg(frame: memoryview, layout: Layout, header: StreamHeader, space: str) -> bytes:
    """Decode with gdcm, told the stream's own precision and colours: it converts nothing."""
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(bytes(frame))
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((layout.columns, layout.rows, 1))
    image.SetDataElement(element)
    kind = gdcm.PhotometricInterpretation.GetPIType(space)
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(kind))
    if layout.samples > 1:
        image.SetPlanarConfiguration(0)
    syntax = _SYNTAX_OF_PROCESS[header.process]
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(syntax)))
    # Told of fewer than 8 bits in a byte, gdcm aborts the process; the values are the same.
    cell, bits = (8, 8) if header.precision <= 8 else (16, header.precision)
    image.SetPixelFormat(gdcm.PixelFormat(layout.samples, cell, bits, bits - 1, 0))
    buffer = image.GetBuffer()
    if buffer is None:
        raise undecodable("JPEG")
    return bytes(buffer.encode("utf-8", "surrogateescape"))


def _jpeg_ls(frame: memoryview, layout: Layout) -> Cells:
    header = _checked(frame, layout)
    raw, info = jpeg_ls.decode_pixel_data(bytes(frame))
    dtype = "u1" if header.precision <= 8 else "<u2"
    planes = layout.samples > 1 and info["interleave_mode"] == 0
    array = _from_planes(raw, dtype, layout) if planes else _shaped(raw, dtype, layout)
    return Cells(array, header.precision, _space(header, layout))


def _jpeg_2000(frame: memoryview, layout: Layout) -> Cells:
    header = _checked(frame, layout)
    raw = decode_jpeg2000(bytes(frame), version=2)
    size = 1 if header.precision <= 8 else 2 if header.precision <= 16 else 4
    array = _shaped(raw, f"<{'i' if header.signed else 'u'}{size}", layout)
    space = layout.photometric  # the component transform is undone: YBR_ICT and _RCT came from RGB
    return Cells(array, header.precision, "RGB" if space in ("YBR_ICT", "YBR_RCT") else space)


def _rle(frame: memoryview, layout: Layout) -> Cells:
    if layout.bits_allocated not in (8, 16, 32):
        raise undecodable("RLE cell size")
    raw = decode_rle(
        bytes(frame),
        version=2,
        rows=layout.rows,
        columns=layout.columns,
        bits_allocated=layout.bits_allocated,
    )
    array = _from_planes(raw, f"<u{layout.bits_allocated // 8}", layout)
    full = "YBR_FULL" if layout.photometric == "YBR_FULL_422" else layout.photometric
    return Cells(array, layout.bits_allocated, full)


def _from_planes(raw: bytes | bytearray | NDArray[Any], dtype: str, layout: Layout) -> NDArray[Any]:
    """Colour-by-plane to colour-by-pixel, as a view."""
    array = np.frombuffer(raw, dtype)
    if array.size != layout.rows * layout.columns * layout.samples:
        raise undecodable("decoded length")
    if layout.samples == 1:
        return array.reshape(layout.shape)
    planes = array.reshape(layout.samples, layout.rows, layout.columns)
    return planes.transpose(1, 2, 0)


def _guarded(decoder: Decoder) -> Decoder:
    """The decoder, with its library's messages and warnings dropped: they may quote values."""

    def decode(frame: memoryview, layout: Layout) -> Cells:
        try:
            with quiet():
                return decoder(frame, layout)
        except LIBRARY_ERRORS:
            raise undecodable("codestream") from None

    return decode


_SYNTAX_OF_PROCESS = {_BASELINE: _JPEG + "50", _EXTENDED: _JPEG + "51", _LOSSLESS: _JPEG + "57"}
_DECODERS: dict[str, Decoder] = {
    **{_JPEG + suffix: _guarded(_jpeg) for suffix in ("50", "51", "57", "70")},
    **{_JPEG + suffix: _guarded(_jpeg_ls) for suffix in ("80", "81")},
    **{_JPEG + suffix: _guarded(_jpeg_2000) for suffix in ("90", "91", "201", "202", "203")},
    "1.2.840.10008.1.2.5": _guarded(_rle),
}
