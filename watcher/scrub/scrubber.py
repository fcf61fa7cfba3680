"""The scrub room's one door: a parsed file in, a `Scrubbed` out, or a refusal."""

from __future__ import annotations

from dataclasses import dataclass

from watcher.dicom.frames import masked
from watcher.dicom.names import Dataset
from watcher.dicom.part10 import Part10, PixelElement
from watcher.dicom.residue import bare
from watcher.dicom.scrubbed import Box, Frames, Scrubbed
from watcher.errors import RefusedError
from watcher.model import Reason, StudyFields
from watcher.options import PixelOptions, ScrubOptions
from watcher.scrub.classes import verdict
from watcher.scrub.cleaner import HeaderCleaner
from watcher.scrub.elements import value_of
from watcher.scrub.keys import CustomerKey
from watcher.scrub.pixels import PixelJudge

_PER_YEAR = {"Y": 1.0, "M": 12.0, "W": 365.25 / 7, "D": 365.25}


@dataclass(frozen=True)
class Scrubber:
    """Header and pixels of one customer's files, cleaned or refused."""

    header: HeaderCleaner
    judge: PixelJudge

    @classmethod
    def load(cls, options: ScrubOptions, pixels: PixelOptions, key: CustomerKey) -> Scrubber:
        """Read and prove the recipes and what reads the pixels. Raises ConfigError."""
        return cls(HeaderCleaner.load(options, key), PixelJudge.load(pixels))

    @property
    def loosened(self) -> tuple[str, ...]:
        """Fields that a site's recipe cleans less than the profile, to be logged at start."""
        return self.header.recipe.loosened

    def scrub(
        self, part: Part10, frames: Frames | None, approved: tuple[Box, ...] | None = None
    ) -> Scrubbed:
        """Clean header and pixels of one Instance; `approved` are boxes that a person decided on.

        Raises ExcludedError(NOT_AN_IMAGE) and RefusedError(MISSING_ATTRIBUTE, UNSUPPORTED_CLASS,
        BURNED_IN), and what decoding the pixels raises.
        """
        verdict(part.dataset, frames is not None)
        if frames is None:
            raise RefusedError(Reason.MISSING_ATTRIBUTE, "PixelData")
        clean = self.header.clean(part)
        cleared = self.judge.judge(part, frames, clean.identity.words, approved)
        names = self.header.names
        return Scrubbed(
            dataset=clean.dataset,
            frames=masked(frames, cleared.boxes),
            verbatim=None if cleared.boxes or cleared.clear_high_bits else _bare(part),
            verdict=cleared.verdict,
            boxes=cleared.boxes,
            leak=self.header.guard(clean).leak,
            uid_digest=names.digest("instance", clean.subject.instance),
            recipe=self.header.recipe.name,
            key_id=names.key_id,
            study=_study(clean.dataset),
            sop_class_uid=clean.subject.sop_class,
            sop_instance_uid=value_of(clean.dataset, "SOPInstanceUID"),
            pixels=cleared.report,
        )


def _bare(part: Part10) -> PixelElement | None:
    return bare(part.pixels) if part.pixels is not None else None


def _study(dataset: Dataset) -> StudyFields:
    return StudyFields(
        value_of(dataset, "StudyInstanceUID"),
        value_of(dataset, "SeriesInstanceUID"),
        value_of(dataset, "AccessionNumber"),
        value_of(dataset, "PatientID"),
        _years(value_of(dataset, "PatientAge")),
    )


def _years(age: str) -> str | None:
    """An age (PS3.5 AS) in whole years, as the contract spells it."""
    per_year = _PER_YEAR.get(age[-1:])
    if per_year is None or not age[:-1].isdigit():
        return None
    return f"{int(int(age[:-1]) / per_year):03d}Y"
