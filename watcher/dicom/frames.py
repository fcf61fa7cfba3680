"""The one way to pixels: open a file's frames, read them in bands, paint boxes over them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from watcher.dicom.encapsulated import EncapsulatedFrames, extended_offsets
from watcher.dicom.layout import read_layout
from watcher.dicom.native import NativeFrames
from watcher.dicom.part10 import Part10
from watcher.dicom.scrubbed import Box, Frames
from watcher.dicom.walk import DEFLATED, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from watcher.errors import RefusedError
from watcher.model import Reason
from watcher.options import Limits

_BAND_CELLS = 1 << 20
_NATIVE = frozenset({IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG}) | DEFLATED
# Black in the colour spaces of PS3.3 C.7.6.3.1.2, in halves of the range.
_BLACK: dict[str, tuple[int, ...]] = {
    "RGB": (0, 0, 0),
    "YBR_FULL": (0, 1, 1),
    "YBR_PARTIAL_422": (0, 1, 1),
}


@runtime_checkable
class Banded(Protocol):
    """Frames whose rows can be read without the rest of the frame."""

    def band(self, index: int, top: int, bottom: int) -> NDArray[Any]: ...


def open_frames(part: Part10, limits: Limits) -> Frames | None:
    """The frames of a parsed file, or None when it has no pixel element; nothing is decoded yet.

    The arrays hold stored values: what lies above High Bit is gone. Raises RefusedError:
    MISSING_ATTRIBUTE, OVER_LIMIT, or UNDECODABLE when attributes and pixel element disagree, or no
    decoder exists.
    """
    element = part.pixels
    if element is None:
        return None
    layout = read_layout(part.dataset, element.tag, limits)
    syntax = str(part.dataset.file_meta.TransferSyntaxUID)
    if (syntax in _NATIVE) == element.encapsulated:
        raise RefusedError(Reason.UNDECODABLE, "transfer syntax")
    if element.encapsulated:
        return EncapsulatedFrames(element, layout, syntax, extended_offsets(part.dataset))
    return NativeFrames(element, layout, syntax == EXPLICIT_BIG)


Rows = Callable[[int, int], NDArray[Any]]


def open_rows(frames: Frames, index: int) -> Rows:
    """Frame `index` as a function of (top, bottom) to those rows.

    Native frames read only what is asked for; others are decoded here, once.
    """
    if isinstance(frames, Banded):
        return partial(frames.band, index)
    whole: NDArray[Any] = frames.frame(index)
    return lambda top, bottom: whole[top:bottom]


def bands(rows: Rows, number: int, height: int) -> Iterator[NDArray[Any]]:
    """`number` rows from the top, `height` at a time."""
    for top in range(0, number, height):
        yield rows(top, min(top + height, number))


def masked(frames: Frames, boxes: Sequence[Box]) -> Frames:
    """The same frames with each box filled with what cannot be told from background.

    Colours: black. A single sample: the smallest value of the frame, the greatest for MONOCHROME1.
    Palette: the frame's most frequent index, which is its background. Boxes may overhang.
    """
    if not boxes:
        return frames
    return (
        BandedMaskedFrames(frames, boxes)
        if isinstance(frames, Banded)
        else MaskedFrames(frames, boxes)
    )


class MaskedFrames:
    """Frames with boxes painted over; see `masked`."""

    def __init__(self, frames: Frames, boxes: Sequence[Box]) -> None:
        self._frames = frames
        self._boxes = tuple(boxes)
        self.number, self.rows, self.columns = frames.number, frames.rows, frames.columns
        self.samples, self.photometric = frames.samples, frames.photometric

    def frame(self, index: int) -> NDArray[Any]:
        source: NDArray[Any] = self._frames.frame(index)
        if not self._boxes_of(index):
            return source
        return self._painted(source, index, 0, _fill([source], self.photometric))

    def _boxes_of(self, index: int) -> list[tuple[int, ...]]:
        return [box[1:] for box in self._boxes if box[0] in (0, index + 1)]

    def _painted(self, rows: NDArray[Any], index: int, top: int, fill: Any) -> NDArray[Any]:
        """`rows`, which start at row `top` of the frame, with its boxes filled."""
        out = rows if rows.flags.writeable else rows.copy()
        for left, upper, right, lower in self._boxes_of(index):
            out[max(upper - top, 0) : max(lower - top, 0), max(left, 0) : max(right, 0)] = fill
        return out


class BandedMaskedFrames(MaskedFrames):
    """Masked frames whose rows can be read without the rest; the fill is found in a first pass."""

    def __init__(self, frames: Frames, boxes: Sequence[Box]) -> None:
        super().__init__(frames, boxes)
        self._filled: tuple[int, Any] = (-1, None)

    def band(self, index: int, top: int, bottom: int) -> NDArray[Any]:
        """Rows top to bottom of frame `index`."""
        rows = self._source(index, top, bottom)
        if not self._boxes_of(index):
            return rows
        if self._filled[0] != index:
            height = max(1, _BAND_CELLS // (self.columns * self.samples))
            parts = bands(open_rows(self._frames, index), self.rows, height)
            self._filled = (index, _fill(parts, self.photometric))
        return self._painted(rows, index, top, self._filled[1])

    def _source(self, index: int, top: int, bottom: int) -> NDArray[Any]:
        if not isinstance(self._frames, Banded):
            raise TypeError
        return self._frames.band(index, top, bottom)


def _fill(parts: Iterable[NDArray[Any]], photometric: str) -> Any:
    """The fill of a frame that comes in `parts`."""
    if photometric in _BLACK:
        dtype = next(iter(parts)).dtype
        return np.array([half << (8 * dtype.itemsize - 1) for half in _BLACK[photometric]], dtype)
    if photometric == "PALETTE COLOR":
        counts: Counter[int] = Counter()
        for part in parts:
            counts.update(
                dict(zip(*(a.tolist() for a in np.unique(part, return_counts=True)), strict=True))
            )
        return counts.most_common(1)[0][0]
    if photometric == "MONOCHROME1":
        return max(np.nanmax(part) for part in parts)
    return min(np.nanmin(part) for part in parts)
