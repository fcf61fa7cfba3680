"""Writing a scrubbed Instance as a Part 10 file, its pixels streamed from disk to disk (PS3.10 7).

The coding of the header is the source's: pydicom cannot swap the 16-bit words of other elements
(lookup tables, overlays), so a big endian file stays big endian. Compressed pixels stay compressed
when they are copied and become Explicit VR Little Endian when they are written anew; so does a
deflated file in either case.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from struct import pack
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from watcher.dicom.elements import UNDEFINED, Coding
from watcher.dicom.encoding import Change, element_header, encode
from watcher.dicom.frames import Rows, bands, open_rows
from watcher.dicom.paging import release
from watcher.dicom.part10 import PixelElement
from watcher.dicom.scrubbed import Frames, Scrubbed
from watcher.dicom.walk import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from watcher.digest import Fingerprint
from watcher.errors import RefusedError
from watcher.model import Reason

IMPLEMENTATION_CLASS_UID = "2.25.239471908571260943118563271406325879114"
IMPLEMENTATION_VERSION_NAME = "IMG-INGESTION"
_CHUNK = 1 << 20
_PIXEL_TAGS = range(0x7FE00008, 0x7FE00011)
_META = Coding(explicit=True, little=True)
_FLOAT_TAGS = {4: (0x7FE00008, "OF"), 8: (0x7FE00009, "OD")}
_SEQUENCE_END = pack("<HHL", 0xFFFE, 0xE0DD, 0)
_MOST = 0xFFFFFFFE  # the greatest even defined length


@dataclass(frozen=True, slots=True)
class Written:
    """The file that was written: size in bytes, fingerprint, all its bytes but the pixels."""

    size: int
    digest: str
    header: bytes


@dataclass(frozen=True, slots=True)
class _Pixels:
    """What the pixel element will be. `length` None: encapsulated, of undefined length."""

    tag: int
    vr: str
    length: int | None
    chunks: Iterator[memoryview]


def write(scrubbed: Scrubbed, path: Path) -> Written:
    """Write `scrubbed` to a new file, mode 0600.

    The preamble is zero and group 0002 is made here. The pixel element is the source's, byte for
    byte, when `scrubbed.verbatim` is set, and otherwise native, frame by frame. Raises
    RefusedError(CORRUPT) for a header that cannot be encoded, (UNDECODABLE) for a frame that
    cannot be decoded, (OVER_LIMIT) for native pixels beyond 4 GB; FileExistsError; OSError.
    """
    syntax = _syntax(scrubbed)
    coding = Coding(explicit=syntax != IMPLICIT_LITTLE, little=syntax != EXPLICIT_BIG)
    dataset = scrubbed.dataset
    changes: Sequence[Change] = ()
    if scrubbed.verbatim is None:
        pixels, changes = _native(scrubbed.frames, dataset, coding.little)
    else:
        pixels = _verbatim(scrubbed.verbatim)
    lower, upper = encode(dataset, coding, changes, _PIXEL_TAGS)
    length = UNDEFINED if pixels.length is None else pixels.length
    head = _meta(scrubbed, syntax) + lower + element_header(pixels.tag, pixels.vr, length, coding)
    tail = upper if pixels.length is not None else _SEQUENCE_END + upper
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        return _stream(file, head, pixels, tail)


def _syntax(scrubbed: Scrubbed) -> str:
    source = str(scrubbed.dataset.file_meta.TransferSyntaxUID)
    if scrubbed.verbatim is not None and scrubbed.verbatim.encapsulated:
        return source
    return source if source in (IMPLICIT_LITTLE, EXPLICIT_BIG) else EXPLICIT_LITTLE


def _meta(scrubbed: Scrubbed, syntax: str) -> bytes:
    """Preamble, prefix and File Meta Information (PS3.10 7.1)."""
    uids = (
        (0x00020002, scrubbed.sop_class_uid),
        (0x00020003, scrubbed.sop_instance_uid),
        (0x00020010, syntax),
        (0x00020012, IMPLEMENTATION_CLASS_UID),
    )
    elements = [_meta_element(0x00020001, "OB", b"\0\1")]
    elements += [_meta_element(tag, "UI", uid.encode("ascii", "replace")) for tag, uid in uids]
    elements.append(_meta_element(0x00020013, "SH", IMPLEMENTATION_VERSION_NAME.encode("ascii")))
    group = b"".join(elements)
    length = _meta_element(0x00020000, "UL", pack("<L", len(group)))
    return bytes(128) + b"DICM" + length + group


def _meta_element(tag: int, vr: str, value: bytes) -> bytes:
    value += (b" " if vr == "SH" else b"\0") * (len(value) % 2)
    return element_header(tag, vr, len(value), _META) + value


def _stream(file: BinaryIO, head: bytes, pixels: _Pixels, tail: bytes) -> Written:
    """Write and hash in one pass; an odd length is padded with a zero."""
    digest, written = Fingerprint(), 0
    file.write(head)
    digest.update(head)
    for chunk in pixels.chunks:
        file.write(chunk)
        digest.update(chunk)
        written += len(chunk)
    tail = b"\0" * (written % 2) + tail
    file.write(tail)
    digest.update(tail)
    return Written(len(head) + written + len(tail), str(digest), head + tail)


def _verbatim(element: PixelElement) -> _Pixels:
    length = None if element.encapsulated else len(element.value) + len(element.value) % 2
    return _Pixels(element.tag, element.vr, length, _chunks(element.value))


def _chunks(value: memoryview) -> Iterator[memoryview]:
    for start in range(0, len(value), _CHUNK):
        yield value[start : start + _CHUNK]
        release(value, start, start + _CHUNK)


def _native(frames: Frames, header: Dataset, little: bool) -> tuple[_Pixels, Sequence[Change]]:
    """Frames written anew, and the attributes that describe them (PS3.3 C.7.6.3)."""
    rows = open_rows(frames, 0)
    cell = rows(0, 1).dtype
    bits = 1 if header.get("BitsAllocated") == 1 else 8 * cell.itemsize
    cells = frames.rows * frames.columns * frames.samples * frames.number
    length = -(-cells * bits // 8)
    length += length % 2
    if length > _MOST:
        raise RefusedError(Reason.OVER_LIMIT, "pixels beyond 4 GB cannot be written uncompressed")
    parts, changes = _bands(frames, rows), _described(frames, header, bits)
    if cell.kind == "f":
        return _Pixels(*_FLOAT_TAGS[cell.itemsize], length, _cells(parts, little)), changes
    chunks = _bits(parts) if bits == 1 else _cells(parts, little)
    return _Pixels(0x7FE00010, "OB" if bits <= 8 else "OW", length, chunks), changes


def _described(frames: Frames, header: Dataset, bits: int) -> Sequence[Change]:
    stored = header.get("BitsStored")
    return (
        Change(0x00280002, "US", frames.samples),
        Change(0x00280004, "CS", frames.photometric),
        Change(0x00280006, "US", 0 if frames.samples > 1 else None),
        Change(0x00280010, "US", frames.rows),
        Change(0x00280011, "US", frames.columns),
        Change(0x00280100, "US", bits),
        Change(0x00280102, "US", stored - 1 if stored else None),
        Change(0x7FE00001, "OV", None),  # offset tables of fragments that are no more
        Change(0x7FE00002, "OV", None),
    )


def _bands(frames: Frames, opened: Rows | None) -> Iterator[NDArray[Any]]:
    """Every frame in bands; `opened` is the first one, held no longer than it is needed."""
    height = max(1, _CHUNK // (8 * frames.columns * frames.samples))
    for index in range(frames.number):
        yield from bands(opened or open_rows(frames, index), frames.rows, height)
        opened = None


def _cells(parts: Iterator[NDArray[Any]], little: bool) -> Iterator[memoryview]:
    for part in parts:
        ordered = part.astype(part.dtype.newbyteorder("<" if little else ">"), copy=False)
        yield _bytes(np.ascontiguousarray(ordered))


def _bits(parts: Iterator[NDArray[Any]]) -> Iterator[memoryview]:
    """1-bit cells packed from the low bit up, across frames (PS3.5 8.1.1)."""
    left = np.empty(0, np.uint8)
    for part in parts:
        bits = np.concatenate([left, part.reshape(-1).astype(np.uint8)])
        whole = len(bits) - len(bits) % 8
        left = bits[whole:]
        yield _bytes(np.packbits(bits[:whole], bitorder="little"))
    if len(left):
        yield _bytes(np.packbits(left, bitorder="little"))


def _bytes(array: NDArray[Any]) -> memoryview:
    return array.reshape(-1).view(np.uint8).data
