"""The scrub room's one door: a parsed file in, a `Scrubbed` out, or a refusal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from watcher.dicom import charset, dictionary
from watcher.dicom.frames import masked
from watcher.dicom.names import UID, Dataset, FileMetaDataset, Tag
from watcher.dicom.part10 import Part10
from watcher.dicom.scrubbed import Frames, Scrubbed
from watcher.errors import RefusedError
from watcher.model import Reason, StudyFields
from watcher.options import PixelOptions, ScrubOptions
from watcher.scrub.classes import verdict
from watcher.scrub.elements import Clean, Coding, value_of
from watcher.scrub.functions import Functions
from watcher.scrub.guard import Guard
from watcher.scrub.header import Header, Trace, Treated
from watcher.scrub.identity import Identity
from watcher.scrub.keys import CustomerKey
from watcher.scrub.nested import Item, tree
from watcher.scrub.patient import Subject
from watcher.scrub.pixels import PixelJudge
from watcher.scrub.plan import Plan
from watcher.scrub.private import PrivateRules
from watcher.scrub.pseudonyms import Pseudonyms
from watcher.scrub.recipe import Recipe, load_recipe
from watcher.scrub.record import record
from watcher.scrub.technical import clean_technical
from watcher.scrub.text import clean

_CHARACTER_SET, _PATIENT_ID, _ACCESSION = 0x00080005, 0x00100020, 0x00080050
# A UUID of our own (PS3.5 B.2), the same for every installation.
_IMPLEMENTATION = UID("2.25.278361052890873184226514973628137165093")


@dataclass(frozen=True)
class Scrubber:
    """Everything that is the same for every file of one customer."""

    options: ScrubOptions
    recipe: Recipe
    plan: Plan
    private: PrivateRules
    names: Pseudonyms
    judge: PixelJudge

    @classmethod
    def load(cls, options: ScrubOptions, pixels: PixelOptions, key: CustomerKey) -> Scrubber:
        """Read and prove the recipes. Raises ConfigError."""
        recipe = load_recipe(options)
        return cls(
            options,
            recipe,
            Plan(recipe.lines, options),
            PrivateRules.load(recipe.lines, options.keep_safe_private),
            Pseudonyms(key),
            PixelJudge.load(pixels),
        )

    @property
    def loosened(self) -> tuple[str, ...]:
        """Fields that a site's recipe cleans less than the profile, to be logged at start."""
        return self.recipe.loosened

    def scrub(self, part: Part10, frames: Frames | None) -> Scrubbed:
        """Clean header and pixels of one Instance.

        Raises ExcludedError(NOT_AN_IMAGE) and RefusedError(MISSING_ATTRIBUTE, UNSUPPORTED_CLASS,
        BURNED_IN), and what decoding the pixels raises.
        """
        verdict(part.dataset, frames is not None)
        if frames is None:
            raise RefusedError(Reason.MISSING_ATTRIBUTE, "PixelData")
        source = tree(part.dataset)  # before anyone converts elements for reading
        subject = Subject.of(source, self.options.issuer_distinguishes)
        identity = Identity.of(source)
        cleared = self.judge.judge(part, frames, identity.words)
        dataset = self._header(part.dataset, source, subject, identity, None)
        touched = cleared.boxes or cleared.clear_high_bits
        return Scrubbed(
            dataset=dataset,
            frames=masked(frames, cleared.boxes),
            verbatim=None if touched else part.pixels,
            verdict=cleared.verdict,
            boxes=cleared.boxes,
            leak=Guard(identity).leak,
            uid_digest=self.names.digest("instance", subject.instance),
            recipe=self.recipe.name,
            key_id=self.names.key_id,
            study=_study(dataset),
            sop_class_uid=subject.sop_class,
            sop_instance_uid=value_of(dataset, "SOPInstanceUID"),
        )

    def explain(self, part: Part10) -> Sequence[Treated]:
        """Element by element, in file order, what would be done to a file and by which rule."""
        source = tree(part.dataset)
        subject = Subject.of(source, self.options.issuer_distinguishes)
        rows: list[Treated] = []
        self._header(part.dataset, source, subject, Identity.of(source), rows.append)
        return rows

    def _header(
        self,
        parsed: Dataset,
        source: Item,
        subject: Subject,
        identity: Identity,
        trace: Trace | None,
    ) -> Dataset:
        def clean_text(value: str, keyword: str) -> str:
            return clean(value, identity, shift, keyword)

        def technical(value: str) -> str:
            return clean_technical(value, identity)

        functions = Functions(
            self.names, subject.patient, subject.patient_id, clean_text, technical
        )
        shift = functions.shift_days if self.options.dates != "full" else 0
        coding = Coding(parsed)
        header = Header(self.plan, self.private, functions.table(), coding, trace)
        found = header.clean(source, charset.codecs(()))
        found |= self._additions(coding)
        self._fill(found, coding, subject)
        found |= record(coding, self.options, self.recipe.name, self.names.key_id)
        if coding.wide:
            found[Tag(_CHARACTER_SET)] = coding.element(Tag(_CHARACTER_SET), "CS", "ISO_IR 192")
        return _with_meta(coding.dataset(found), parsed)

    def _additions(self, coding: Coding) -> Clean:
        """The recipe's ADD lines."""
        return {
            Tag(line.tag): coding.element(Tag(line.tag), dictionary.vr(line.tag), line.value)
            for line in self.plan.additions
            if line.tag is not None
        }

    def _fill(self, found: Clean, coding: Coding, subject: Subject) -> None:
        """Give a Patient ID and an Accession Number to a file that had none: the backend asks."""
        for tag, vr, pseudonym in (
            (_PATIENT_ID, "LO", self.names.patient_id(subject.patient)),
            (_ACCESSION, "SH", self.names.accession_number(f"study\0{subject.study}")),
        ):
            if Tag(tag) not in found or not found[Tag(tag)].value:
                found[Tag(tag)] = coding.element(Tag(tag), vr, pseudonym)


def _with_meta(dataset: Dataset, source: Dataset) -> Dataset:
    """Group 0002 written anew; nothing of the source's is taken but its transfer syntax."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(value_of(dataset, "SOPClassUID"))
    meta.MediaStorageSOPInstanceUID = UID(value_of(dataset, "SOPInstanceUID"))
    meta.TransferSyntaxUID = source.file_meta.TransferSyntaxUID
    meta.ImplementationClassUID = _IMPLEMENTATION
    meta.ImplementationVersionName = "IMG-INGESTION"
    dataset.file_meta = meta
    return dataset


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
    per_year = {"Y": 1.0, "M": 12.0, "W": 52.18, "D": 365.25}.get(age[-1:])
    if per_year is None or not age[:-1].isdigit():
        return None
    return f"{int(int(age[:-1]) / per_year):03d}Y"
