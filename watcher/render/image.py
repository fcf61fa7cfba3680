"""One frame to one PNG, in two modes, in bands, and the contract's fields for what was written.

| frame | display | lossless |
|---|---|---|
| MONOCHROME1/2 to 16 bits | modality LUT, VOI LUT or window, 8 bits, black is 0 | stored values |
| the same, signed | as above | moved up by half the range; intercept moved down |
| MONOCHROME, 17 to 32 bits, float | as above | refused: a PNG holds 16 bits |
| 1 bit | 0 and 255 | 0 and 1, described as 8 bits: the contract asks high bit >= 1 |
| PALETTE COLOR | RGB, high byte of 16-bit entries | the indices, PALETTE COLOR |
| RGB | 8 bits, full range to full range | stored values |
| YBR_FULL, _422, PARTIAL_422 | RGB, chrominance repeated | YBR as decoded, photometric says so |
| YBR_ICT, YBR_RCT | RGB: the decoder undoes the transform | RGB |

Display: a Modality LUT Sequence before slope and intercept, a VOI LUT Sequence before the first
window; of an enhanced multi-frame those of the frame, then the shared, then the top level. Without
either, unsigned values of up to 8 bits without a rescale are shown from 0 to their greatest, others
from the 1st to the 99th percentile of what is not padding. MONOCHROME1 and Presentation LUT Shape
INVERSE are turned over once. Pixel padding is black. Overlays, presentation states, ICC profiles
and supplemental palettes are not applied.

Neither mode resamples: pixels that are not square stay one to one, so that what a model finds has
the coordinates of the Instance. A Modality LUT Sequence cannot be put into slope and intercept; in
lossless mode such a file has 1 and 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from watcher.dicom.frames import Rows, bands, open_rows
from watcher.dicom.names import Dataset, quiet
from watcher.dicom.palette import palette_rgb
from watcher.dicom.scrubbed import Frames, Scrubbed
from watcher.model import SpoolFile
from watcher.options import RenderOptions
from watcher.render.colour import to_rgb8
from watcher.render.grey import grey_of
from watcher.render.lossless import stored_of
from watcher.render.png import BAND_BYTES, Method, PngWriter

_STRIPS, _STRIP = 4, 4  # of so many rows


@dataclass(frozen=True, slots=True)
class Rendered:
    """A PNG and what the contract says of it; every field describes the PNG, not the source."""

    png: SpoolFile
    height: int
    width: int
    rescale_slope: float
    rescale_intercept: float
    photometric_interpretation: str
    samples_per_pixel: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    method: Method


@dataclass(frozen=True, slots=True)
class _Plan:
    """How rows become PNG rows, and how those are described."""

    convert: Callable[[NDArray[Any]], NDArray[Any]]
    photometric: str
    samples: int
    depth: int
    bits_stored: int
    slope: float = 1.0
    intercept: float = 0.0


def render(
    scrubbed: Scrubbed,
    index: int,
    options: RenderOptions,
    path: Path,
    method: Method | None = None,
) -> Rendered:
    """Write frame `index`, from 0, to the new file `path`.

    Native frames are read in bands and never held; compressed ones are held decoded, once. How the
    PNG is made small is found by trial, or is the `method` that was found for a frame like this.
    Raises RefusedError(UNDECODABLE) naming what stands in the way; FileExistsError; OSError.
    """
    frames = scrubbed.frames
    rows = open_rows(frames, index)
    dtype = rows(0, 1).dtype
    with quiet():
        if options.mode == "display":
            plan = _display(scrubbed.dataset, frames, index, rows, dtype)
        else:
            plan = _lossless(scrubbed.dataset, frames, index, dtype)
    row_bytes = frames.columns * plan.samples * plan.depth // 8
    sample = [plan.convert(strip) for strip in _strips(rows, frames.rows, 1 if method else _STRIPS)]
    with PngWriter(path, frames.rows, *sample, method=method) as writer:
        for band in bands(rows, frames.rows, _height(row_bytes)):
            writer.write(plan.convert(band))
        png = writer.close(path.name)
    return Rendered(
        png,
        frames.rows,
        frames.columns,
        plan.slope,
        plan.intercept,
        plan.photometric,
        plan.samples,
        plan.depth,
        plan.bits_stored,
        plan.bits_stored - 1,
        writer.method,
    )


def _display(
    dataset: Dataset, frames: Frames, index: int, rows: Rows, dtype: np.dtype[Any]
) -> _Plan:
    if frames.photometric == "PALETTE COLOR":
        return _Plan(_by_palette(dataset, dtype), "RGB", 3, 8, 8)
    if frames.samples == 3:
        bits = int(dataset.get("BitsStored") or 8)
        convert = partial(to_rgb8, photometric=frames.photometric, bits_stored=bits)
        return _Plan(convert, "RGB", 3, 8, 8)
    everything = partial(bands, rows, frames.rows, _height(frames.columns * dtype.itemsize))
    pixels = frames.rows * frames.columns
    grey = grey_of(dataset, index, frames.photometric, dtype, everything, pixels)
    return _Plan(grey, "MONOCHROME2", 1, 8, 8)


def _lossless(dataset: Dataset, frames: Frames, index: int, dtype: np.dtype[Any]) -> _Plan:
    stored = stored_of(dataset, index, frames.photometric, dtype)
    return _Plan(
        stored.convert,
        frames.photometric,
        frames.samples,
        stored.depth,
        stored.bits_stored,
        stored.slope,
        stored.intercept,
    )


def _strips(rows: Rows, number: int, strips: int) -> Iterator[NDArray[Any]]:
    """Rows from here and there, top to bottom, which tell what the rest is like."""
    for i in range(strips):
        top = max(0, (number - _STRIP) * i // max(1, strips - 1))
        yield rows(top, min(top + _STRIP, number))


def _height(row_bytes: int) -> int:
    return max(1, BAND_BYTES // row_bytes)


def _by_palette(dataset: Dataset, dtype: np.dtype[Any]) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Indices to RGB through one table of every index there may be."""
    index = f"u{dtype.itemsize}"
    every = np.arange(1 << 8 * dtype.itemsize, dtype=index).view(dtype)
    table = palette_rgb(dataset, every)
    return lambda indices: np.take(table, indices.view(index), axis=0)
