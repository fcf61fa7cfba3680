"""The verdict on one Instance's pixels: clean, redacted and verified, or refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import cv2

from watcher.dicom.names import LIBRARY_ERRORS, Dataset
from watcher.dicom.part10 import Part10
from watcher.dicom.scrubbed import Box, Frames
from watcher.dicom.whole_cells import WholeCells
from watcher.errors import RefusedError
from watcher.model import PixelReport, Reason
from watcher.options import PixelOptions
from watcher.scrub.pixels.cine import CineReader
from watcher.scrub.pixels.classes import why_suspect
from watcher.scrub.pixels.devices import Device
from watcher.scrub.pixels.margins import with_margins
from watcher.scrub.pixels.marks import Markers, OwnWords
from watcher.scrub.pixels.picture import Budget, Picture, Text, paint
from watcher.scrub.pixels.planes import Planes
from watcher.scrub.pixels.reading import PictureReader
from watcher.scrub.pixels.recipe import read_rules
from watcher.scrub.pixels.regions import Rectangle, RuleBook, apply_rules, as_rectangles

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class PixelVerdict:
    """How an Instance's pixels were cleared.

    `verdict` is "clean" (no sign of text), "read" (read in full, none found), "regions" (a
    device's rule was applied, no other text found) or "redacted" (text was found, filled, and the
    picture read again), or "approved" (a person's boxes were filled, and no own word of the file
    can be read outside of them). `boxes` is what must be filled. `clear_high_bits` says that bits
    outside of Bits Stored are in use (an overlay, PS3.5 8.1.1) and must not travel. `report` says
    why.
    """

    verdict: str
    boxes: tuple[Box, ...]
    clear_high_bits: bool
    report: PixelReport = field(default_factory=PixelReport)


@dataclass(frozen=True)
class PixelJudge:
    """Device rules and readers, loaded once; judges one Instance after the other."""

    rules: RuleBook
    reader: PictureReader
    full_readings: int

    @classmethod
    def load(cls, options: PixelOptions) -> PixelJudge:
        """Read our rules, deid's, and the site's on top; load the models. Raises ConfigError."""
        rules = read_rules(HERE / "house.recipe", strict=True)
        rules += read_rules(bundled_recipe(), strict=False)
        if options.recipe is not None:
            rules += read_rules(options.recipe, strict=True)
        return cls(RuleBook(rules), PictureReader(Markers(options.markers)), options.full_readings)

    def judge(
        self,
        part: Part10,
        frames: Frames,
        words: frozenset[str],
        approved: tuple[Box, ...] | None = None,
    ) -> PixelVerdict:
        """Say what must be filled, or raise RefusedError(BURNED_IN) when that is not certain.

        `words` are the file's own identifying values, for comparison with what is read. With
        `approved` a person has looked and these boxes are all that must be filled: the picture is
        still read again, and refused when one of `words` is left in it.
        """
        try:
            if approved is not None:
                return self._approved(part.dataset, frames, OwnWords(words), approved)
            return self._judge(part.dataset, frames, OwnWords(words))
        except (cv2.error, *LIBRARY_ERRORS):
            raise RefusedError(Reason.BURNED_IN, "the reader failed") from None

    def sketch(self, part: Part10, frames: Frames) -> list[Rectangle]:
        """Where the first frame seems to show text, whether or not it can be hidden; for a draft.

        Raises RefusedError as `judge` does.
        """
        planes = Planes(part.dataset, frames).of(frames.frame(0))
        return self.reader.seen(planes)

    def _approved(
        self, dataset: Dataset, frames: Frames, words: OwnWords, boxes: tuple[Box, ...]
    ) -> PixelVerdict:
        fill = 255 if frames.photometric == "MONOCHROME1" else 0
        budget, high_bits = Budget(self.full_readings), False
        for number, (picture, used) in enumerate(_pictures(dataset, frames, True), 1):
            high_bits |= used
            planes = picture.planes + picture.faint
            mine = [box[1:] for box in boxes if box[0] in (0, number)]
            paint(planes, [Text(box, 1.0) for box in mine], fill)
            if self.reader.own_words(planes, words, budget.spend()):
                raise RefusedError(Reason.BURNED_IN, "own words left outside of the boxes")
        device = Device.of(dataset, frames.rows, frames.columns).row
        report = PixelReport("", tuple(1.0 for _ in boxes), budget.spent, device)
        return PixelVerdict("approved", boxes, high_bits, report)

    def _judge(self, dataset: Dataset, frames: Frames, words: OwnWords) -> PixelVerdict:
        regions = apply_rules(self.rules, dataset, frames.rows, frames.columns)
        suspect = why_suspect(dataset)
        budget = Budget(self.full_readings)
        fill = 255 if frames.photometric == "MONOCHROME1" else 0
        ruled = [Text(box, 1.0) for box in as_rectangles(regions.masked)]
        cine = CineReader(self.reader, words, budget, fill)
        high_bits = False
        ruled_device = regions.known_device or regions.declared
        thorough = bool(suspect) and not ruled_device
        for picture, used in _pictures(dataset, frames, thorough, keen=bool(suspect)):
            high_bits |= used
            paint(picture.planes + picture.faint, ruled, fill)
            cine.take(picture)
        texts = [*ruled, *with_margins(cine.found, frames.rows, frames.columns)]
        return PixelVerdict(
            verdict=_word(ruled, cine.found, budget.spent),
            boxes=tuple((0, *text.box) for text in texts),
            clear_high_bits=high_bits,
            report=PixelReport(
                suspect=suspect,
                scores=tuple(round(text.score, 3) for text in texts),
                readings=budget.spent,
                device=Device.of(dataset, frames.rows, frames.columns).row,
                ruled=regions.known_device,
            ),
        )


def _pictures(
    dataset: Dataset, frames: Frames, thorough: bool, *, keen: bool = False
) -> Iterator[tuple[Picture, bool]]:
    """Each frame as a picture, the first with its faint planes if `thorough`, and whether bits
    outside of Bits Stored are in use in it.
    """
    cells, planes = WholeCells(frames), Planes(dataset, frames)
    for index in range(frames.number):
        values, used = cells.frame(index)
        faint = planes.faint(values) if thorough and index == 0 else []
        yield Picture(planes.of(values), faint, keen), used


def _word(ruled: list[Text], found: list[Text], readings: int) -> str:
    if found:
        return "redacted"
    if ruled:
        return "regions"
    return "read" if readings else "clean"


def bundled_recipe() -> Path:
    """deid's own `deid.dicom`, found without importing deid (which imports matplotlib)."""
    spec = find_spec("deid")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    return Path(folders[0] if folders else "deid") / "data" / "deid.dicom"
