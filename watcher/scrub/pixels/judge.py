"""The verdict on one Instance's pixels: clean, redacted and verified, or refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from watcher.dicom.names import LIBRARY_ERRORS, Dataset
from watcher.dicom.part10 import Part10
from watcher.dicom.scrubbed import Box, Frames
from watcher.dicom.whole_cells import WholeCells
from watcher.errors import RefusedError
from watcher.model import Reason
from watcher.options import PixelOptions
from watcher.scrub.pixels.cine import CineReader
from watcher.scrub.pixels.classes import why_suspect
from watcher.scrub.pixels.marks import Markers, OwnWords
from watcher.scrub.pixels.planes import Planes
from watcher.scrub.pixels.reading import Budget, Picture, PictureReader, Text
from watcher.scrub.pixels.recipe import Rule, read_rules
from watcher.scrub.pixels.regions import Regions, apply_rules, as_rectangles

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class PixelVerdict:
    """How an Instance's pixels were cleared.

    `verdict` is "clean" (no sign of text), "read" (suspect, read, none found), "regions" (a
    device's rule was applied, no other text found) or "redacted" (text was found, filled, and the
    picture read again). `boxes` is what must be filled, `scores` how sure the reader was of each,
    1 for a rule's. `suspect` names the attribute for which the pixels were read in full, or is "".
    `clear_high_bits` says that bits outside of Bits Stored are in use (an overlay, PS3.5 8.1.1)
    and must not travel. `readings` counts full readings. No text that was read is kept.
    """

    verdict: str
    boxes: tuple[Box, ...]
    clear_high_bits: bool
    scores: tuple[float, ...] = ()
    suspect: str = ""
    readings: int = 0
    known_device: bool = False


@dataclass(frozen=True)
class PixelJudge:
    """Device rules and readers, loaded once; judges one Instance after the other."""

    rules: tuple[Rule, ...]
    reader: PictureReader
    full_readings: int

    @classmethod
    def load(cls, options: PixelOptions) -> PixelJudge:
        """Read our rules, deid's, and the site's on top; load the models. Raises ConfigError."""
        rules = read_rules(HERE / "house.recipe", strict=True)
        rules += read_rules(bundled_recipe(), strict=False)
        if options.recipe is not None:
            rules += read_rules(options.recipe, strict=True)
        return cls(rules, PictureReader(Markers(options.markers)), options.full_readings)

    def judge(self, part: Part10, frames: Frames, words: frozenset[str]) -> PixelVerdict:
        """Say what must be filled, or raise RefusedError(BURNED_IN) when that is not certain.

        `words` are the file's own identifying values, for comparison with what is read.
        """
        try:
            return self._judge(part.dataset, frames, OwnWords(words))
        except (cv2.error, *LIBRARY_ERRORS):
            raise RefusedError(Reason.BURNED_IN, "the reader failed") from None

    def _judge(self, dataset: Dataset, frames: Frames, words: OwnWords) -> PixelVerdict:
        regions = apply_rules(self.rules, dataset, frames.rows, frames.columns)
        suspect = why_suspect(dataset)
        budget = Budget(self.full_readings)
        fill = 255 if frames.photometric == "MONOCHROME1" else 0
        cine = CineReader(self.reader, words, budget, fill)
        high_bits = False
        for picture, used in _pictures(dataset, frames, bool(suspect)):
            high_bits |= used
            for plane in picture.planes + picture.faint:
                plane[regions.masked] = np.uint8(fill)
            cine.take(picture)
        return _verdict(regions, cine.found, suspect, budget.spent, high_bits)


def _pictures(dataset: Dataset, frames: Frames, suspect: bool) -> Iterator[tuple[Picture, bool]]:
    """Each frame as a picture, the first of a suspect with its faint planes, and whether bits
    outside of Bits Stored are in use in it.
    """
    cells, planes = WholeCells(frames), Planes(dataset, frames)
    for index in range(frames.number):
        values, used = cells.frame(index)
        faint = planes.faint(values) if suspect and index == 0 else []
        yield Picture(planes.of(values), faint), used


def _verdict(
    regions: Regions, texts: list[Text], suspect: str, readings: int, high_bits: bool
) -> PixelVerdict:
    ruled = as_rectangles(regions.masked)
    if texts:
        word = "redacted"
    elif ruled:
        word = "regions"
    else:
        word = "read" if suspect else "clean"
    return PixelVerdict(
        verdict=word,
        boxes=tuple((0, *box) for box in [*ruled, *(text.box for text in texts)]),
        clear_high_bits=high_bits,
        scores=(*(1.0 for _ in ruled), *(round(text.score, 3) for text in texts)),
        suspect=suspect,
        readings=readings,
        known_device=regions.known_device,
    )


def bundled_recipe() -> Path:
    """deid's own `deid.dicom`, found without importing deid (which imports matplotlib)."""
    spec = find_spec("deid")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    return Path(folders[0] if folders else "deid") / "data" / "deid.dicom"
