"""Palette colour: from indices to 8-bit RGB (PS3.3 C.7.6.3.1.5, C.7.6.3.1.6, C.7.9.2)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from watcher.dicom.lookup import Lookup, is_little, read_descriptor, read_lookup, read_words
from watcher.dicom.quiet import quiet
from watcher.errors import RefusedError
from watcher.model import Reason

_COLOURS = ("Red", "Green", "Blue")
_DISCRETE, _LINEAR, _INDIRECT = 0, 1, 2


def palette_rgb(dataset: Dataset, indices: NDArray[Any]) -> NDArray[Any]:
    """Look `indices` of any shape up in the file's palette: (..., 3).

    Of 16-bit entries the high byte counts. Raises RefusedError(UNDECODABLE) when the file has no
    usable palette.
    """
    with quiet():
        tables = read_palette(dataset)
    channels = [table(indices) for table in tables]
    return np.stack(channels, axis=-1)


def read_palette(dataset: Dataset) -> list[_Channel]:
    """The red, green and blue tables, plain or segmented."""
    signed = dataset.get("PixelRepresentation") == 1
    segmented = "RedPaletteColorLookupTableData" not in dataset
    little = is_little(dataset)
    return [_Channel(_channel(dataset, colour, little, signed, segmented)) for colour in _COLOURS]


class _Channel:
    """One colour's table, its entries brought to eight bits."""

    def __init__(self, lookup: Lookup) -> None:
        shift = 8 if lookup.bits > 8 else 0
        self._lookup = Lookup(lookup.first, lookup.entries >> shift, 8)

    def __call__(self, indices: NDArray[Any]) -> NDArray[Any]:
        return self._lookup(indices).astype(np.uint8)


def _channel(dataset: Dataset, colour: str, little: bool, signed: bool, segmented: bool) -> Lookup:
    descriptor = f"{colour}PaletteColorLookupTableDescriptor"
    if not segmented:
        data = f"{colour}PaletteColorLookupTableData"
        return read_lookup(dataset, descriptor, data, little, signed)
    keyword = f"Segmented{colour}PaletteColorLookupTableData"
    first, length, bits = read_descriptor(dataset, descriptor, signed)
    words = read_words(dataset, keyword, little)
    cells = words.astype("<u2").view(np.uint8).astype(np.uint16) if bits == 8 else words
    entries = _Expansion(cells.tolist(), bits, length, keyword).entries()
    return Lookup(first, entries, bits)


class _Expansion:
    """Segments to entries, never more than the descriptor allows (C.7.9.2.1 to .3)."""

    def __init__(self, cells: list[int], bits: int, length: int, keyword: str) -> None:
        self._cells, self._bits, self._length, self._keyword = cells, bits, length, keyword
        self._out: list[int] = []
        self._segments_left = length + len(cells)  # segments of no length could go on for ever

    def entries(self) -> NDArray[Any]:
        pos = 0
        while len(self._out) < self._length and pos + 1 < len(self._cells):
            pos = self._segment(pos, nested=False)
        if len(self._out) != self._length:
            raise self._wrong()
        return np.array(self._out, np.int64).astype(np.uint16)

    def _segment(self, pos: int, nested: bool) -> int:
        """Expand the segment at `pos`; returns where the next one starts."""
        code, count = self._cell(pos), self._cell(pos + 1)
        self._segments_left -= 1
        if self._segments_left < 0:
            raise self._wrong()
        if len(self._out) + count > self._length and code != _INDIRECT:
            raise self._wrong()
        if code == _DISCRETE:
            if pos + 2 + count > len(self._cells):
                raise self._wrong()
            self._out += self._cells[pos + 2 : pos + 2 + count]
            return pos + 2 + count
        if code == _LINEAR and self._out:
            last, goal = self._out[-1], self._cell(pos + 2)
            # Halves away from zero would be as right: the standard does not say.
            steps = np.rint(np.linspace(last, goal, count + 1)[1:]).astype(int)
            self._out += steps.tolist()
            return pos + 3
        if code == _INDIRECT and not nested:
            return self._indirect(pos, count)
        raise self._wrong()

    def _indirect(self, pos: int, count: int) -> int:
        """Copy `count` segments from a byte offset, which is least significant cell first."""
        cells, width = (4, 8) if self._bits == 8 else (2, 16)
        offset = sum(self._cell(pos + 2 + i) << (width * i) for i in range(cells))
        at = offset if self._bits == 8 else offset // 2
        for _ in range(count):
            at = self._segment(at, nested=True)
        return pos + 2 + cells

    def _cell(self, pos: int) -> int:
        if not 0 <= pos < len(self._cells):
            raise self._wrong()
        return self._cells[pos]

    def _wrong(self) -> RefusedError:
        return RefusedError(Reason.UNDECODABLE, self._keyword)
