"""Frames of compressed pixel data: fragments to frames, decoded one at a time (PS3.5 A.4)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from watcher.dicom.cells import conform, stored_values
from watcher.dicom.codecs import Cells, decoder_for
from watcher.dicom.codestream import SOC, SOI
from watcher.dicom.layout import Layout
from watcher.dicom.paging import release
from watcher.dicom.part10 import PixelElement
from watcher.dicom.quiet import LIBRARY_ERRORS, quiet
from watcher.errors import RefusedError
from watcher.model import Reason

_RLE = "1.2.840.10008.1.2.5"
# A frame that is blank, or a trap, unfolds to thousands of times its size: small ones harm nobody.
_RATIO, _RATIO_COUNTS_FROM = 1000, 32 << 20
Fragment = tuple[int, int]


class EncapsulatedFrames:
    """Decodes frame by frame; holds the fragments' places and no pixels."""

    def __init__(
        self, element: PixelElement, layout: Layout, syntax: str, extended: Sequence[int]
    ) -> None:
        self._decode = decoder_for(syntax)
        self.layout = layout
        self.number, self.rows, self.columns = layout.number, layout.rows, layout.columns
        self.samples = layout.samples
        self._value = element.value
        self._whole_cells = syntax == _RLE
        self._groups = frame_fragments(element, layout.number, extended)
        self._check_ratio()
        self.photometric = layout.photometric if layout.samples == 1 else self._cells(0).photometric

    def frame(self, index: int) -> NDArray[Any]:
        if not 0 <= index < self.number:
            raise RefusedError(Reason.UNDECODABLE, "frame number")
        cells = self._cells(index)
        if cells.photometric != self.photometric:
            raise RefusedError(Reason.UNDECODABLE, "frames differ in colour space")
        if self._whole_cells:
            return stored_values(cells.array, self.layout)
        return conform(cells.array, cells.precision, self.layout)

    def _check_ratio(self) -> None:
        """Decoded bytes against real length, before anything is decoded."""
        decoded = self.layout.decoded_bytes
        if decoded <= _RATIO_COUNTS_FROM:
            return
        for group in self._groups:
            if decoded > _RATIO * sum(stop - start for start, stop in group):
                raise RefusedError(Reason.OVER_LIMIT, "decoded size")

    def _cells(self, index: int) -> Cells:
        group = self._groups[index]
        if len(group) == 1:
            source = self._value[slice(*group[0])]
        else:
            source = memoryview(b"".join(self._value[slice(*fragment)] for fragment in group))
        cells = self._decode(source, self.layout)
        release(self._value, group[0][0], group[-1][1])
        return cells


def extended_offsets(dataset: Dataset) -> Sequence[int]:
    """The Extended Offset Table (7FE0,0001), or nothing."""
    try:
        with quiet():
            raw = dataset.get("ExtendedOffsetTable")
    except LIBRARY_ERRORS:
        return ()
    if not isinstance(raw, bytes) or len(raw) % 8:
        return ()
    return tuple(int(offset) for offset in np.frombuffer(raw, "<u8"))


def frame_fragments(
    element: PixelElement, number: int, extended: Sequence[int]
) -> list[Sequence[Fragment]]:
    """The fragments of each of `number` frames.

    An offset table counts when every entry points at a fragment. Without one, a fragment is a
    frame, or all are the only frame, or each codestream's first bytes start one. Anything else is
    refused: RefusedError(UNDECODABLE).
    """
    fragments = element.fragments[1:]
    if not fragments:
        raise RefusedError(Reason.UNDECODABLE, "no fragments")
    if number == 1:
        return [fragments]
    for offsets in (extended, _basic_offsets(element)):
        groups = _by_offsets(offsets, fragments, number)
        if groups:
            return groups
    if len(fragments) == number:
        return [(fragment,) for fragment in fragments]
    return _by_codestream(element, fragments, number)


def _basic_offsets(element: PixelElement) -> Sequence[int]:
    start, stop = element.fragments[0]
    if (stop - start) % 4:
        return ()
    return [int(offset) for offset in np.frombuffer(element.value[start:stop], "<u4")]


def _by_offsets(
    offsets: Sequence[int], fragments: Sequence[Fragment], number: int
) -> list[Sequence[Fragment]]:
    """Offsets count from the first fragment's item tag (PS3.5 A.4)."""
    if len(offsets) != number or offsets[0] != 0:
        return []
    origin = fragments[0][0]
    place = {start - origin: index for index, (start, _) in enumerate(fragments)}
    if not all(offset in place for offset in offsets):
        return []
    return _split([place[offset] for offset in offsets], fragments)


def _by_codestream(
    element: PixelElement, fragments: Sequence[Fragment], number: int
) -> list[Sequence[Fragment]]:
    heads = [bytes(element.value[start : start + 4]) for start, _ in fragments]
    starts = [i for i, head in enumerate(heads) if head.startswith((SOI, SOC))]
    if len(starts) != number or starts[0] != 0:
        raise RefusedError(Reason.UNDECODABLE, "fragments do not make the frames")
    return _split(starts, fragments)


def _split(starts: Sequence[int], fragments: Sequence[Fragment]) -> list[Sequence[Fragment]]:
    if any(a >= b for a, b in pairwise(starts)):
        return []
    stops = [*starts[1:], len(fragments)]
    return [fragments[start:stop] for start, stop in zip(starts, stops, strict=True)]
