"""The header of one customer's files, cleaned by the recipe, the profile and the customer's key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from watcher.dicom import charset, dictionary
from watcher.dicom.names import (
    LIBRARY_ERRORS,
    UID,
    Dataset,
    FileMetaDataset,
    Tag,
    tag_for_keyword,
)
from watcher.dicom.part10 import Part10
from watcher.errors import RefusedError
from watcher.model import Reason
from watcher.options import ScrubOptions
from watcher.scrub.elements import Clean, Coding
from watcher.scrub.functions import Functions
from watcher.scrub.guard import Guard
from watcher.scrub.header import Header, Trace, Treated
from watcher.scrub.identity import Identity, Kind, Known
from watcher.scrub.keys import CustomerKey
from watcher.scrub.nested import Item, tree
from watcher.scrub.patient import Subject
from watcher.scrub.plan import KEEP, Plan
from watcher.scrub.private import PrivateRules
from watcher.scrub.pseudonyms import Pseudonyms
from watcher.scrub.recipe import Recipe, load_recipe
from watcher.scrub.record import record
from watcher.scrub.technical import clean_known, clean_technical
from watcher.scrub.text import clean
from watcher.scrub.text.terms import is_term

_CHARACTER_SET, _PATIENT_ID, _ACCESSION = Tag(0x00080005), Tag(0x00100020), Tag(0x00080050)
_RECORD = "PS3.15 E.1.1: says what was done"
_WHY_ADDED = {
    int(_CHARACTER_SET): "text beyond ASCII is written as UTF-8",
    int(_PATIENT_ID): "the backend needs it: keyed pseudonym",
    int(_ACCESSION): "the backend needs it: keyed pseudonym",
}


@dataclass(frozen=True, slots=True)
class CleanHeader:
    """A clean data set, and who its source was about."""

    dataset: Dataset
    subject: Subject
    identity: Identity


@dataclass(frozen=True)
class HeaderCleaner:
    """Everything about headers that is the same for every file of one customer."""

    options: ScrubOptions
    recipe: Recipe
    plan: Plan
    private: PrivateRules
    names: Pseudonyms
    _records: dict[tuple[bool, bool], Clean] = field(default_factory=dict, compare=False)

    @classmethod
    def load(cls, options: ScrubOptions, key: CustomerKey) -> HeaderCleaner:
        """Read and prove the recipes. Raises ConfigError."""
        recipe = load_recipe(options)
        return cls(
            options,
            recipe,
            Plan(recipe.lines, options),
            PrivateRules.load(recipe.lines, options.keep_safe_private),
            Pseudonyms(key),
        )

    def clean(self, part: Part10, trace: Trace | None = None) -> CleanHeader:
        """The clean header of a parsed file, which is left as it is.

        Raises RefusedError(MISSING_ATTRIBUTE) without one of the UIDs that every Instance has, and
        (CORRUPT) for a sequence that cannot be read or a transfer syntax that is no single UID.
        """
        source = _tree(part.dataset)
        subject = Subject.of(source, self.options.issuer_distinguishes)
        identity = Identity.of(source)
        coding = Coding(part.dataset)
        functions = self.functions(subject, identity)
        header = Header(self.plan, self.private, functions.table(), coding, trace)
        dataset = self._complete(header.clean(source, charset.codecs(())), coding, subject)
        dataset.file_meta = _meta(part.dataset)
        return CleanHeader(dataset, subject, identity)

    def explain(self, part: Part10) -> Sequence[Treated]:
        """Element by element, in file order, what would be done to a file and by which rule; what
        is added comes last."""
        rows: list[Treated] = []
        made = self.clean(part, rows.append).dataset
        places = {
            int(row.before.tag): n for n, row in enumerate(rows) if row.before and not row.path
        }
        for element in made.values():
            tag = int(element.tag)
            place = places.get(tag)
            if place is None:
                why = _WHY_ADDED.get(tag, _RECORD)
                rows.append(
                    Treated((), dictionary.label(tag), element.VR or "", why, None, element)
                )
            elif rows[place].after is not element:
                why = _WHY_ADDED.get(tag, _RECORD)
                rows[place] = replace(rows[place], after=element, why=why)
        return rows

    def guard(self, clean: CleanHeader) -> Guard:
        """What searches outputs for this patient's values, but for those that are meant to stay."""
        identity = clean.identity
        known = tuple(each for each in identity.known if not self._may_stay(each))
        if len(known) < len(identity.known):  # else: what the header made of it is used again
            identity = replace(identity, known=known)
        moved = self.options.dates == "modified"
        shift = self.names.shift_days(clean.subject.patient) if moved else 0
        return Guard(identity, shift)

    def _may_stay(self, known: Known) -> bool:
        """Whether an option or a site's recipe lets this value through."""
        if known.kind is Kind.UID and self.options.keep_uids:
            return True
        tag = tag_for_keyword(known.tag)
        if tag is None:
            return False
        steps = self.plan.steps(int(tag), dictionary.vr(int(tag)), known.tag)
        return steps[0].act == KEEP

    def functions(self, subject: Subject, identity: Identity) -> Functions:
        """The recipe's functions for one file."""
        shift = self.names.shift_days(subject.patient) if self.options.dates != "full" else 0

        def clean_text(value: str, keyword: str) -> str:
            return clean(value, identity, shift, keyword)

        def technical(value: str) -> str:
            return clean_technical(value, identity)

        def known(value: str) -> str:
            return clean_known(value, identity)

        def term(value: str) -> bool:
            return is_term(value, identity)

        return Functions(
            self.names, subject, clean_text, technical, known, identity.is_number, term
        )

    def _complete(self, found: Clean, coding: Coding, subject: Subject) -> Dataset:
        """What a clean header has besides the source's elements."""
        for line in self.plan.additions:
            if line.tag is not None:
                tag = Tag(line.tag)
                found[tag] = coding.element(tag, dictionary.vr(line.tag), line.value)
        # The backend asks for both, also where the source has neither.
        for tag, vr, pseudonym in (
            (_PATIENT_ID, "LO", self.names.patient_id(subject.patient)),
            (_ACCESSION, "SH", self.names.accession_number(f"study\0{subject.study}")),
        ):
            if tag not in found or not found[tag].value:
                found[tag] = coding.element(tag, vr, pseudonym)
        found |= self._record(coding)
        if coding.wide:
            found[_CHARACTER_SET] = coding.element(_CHARACTER_SET, "CS", "ISO_IR 192")
        return coding.dataset(found)

    def _record(self, coding: Coding) -> Clean:
        """What was done: the same of every file in this coding, and nothing of any patient."""
        made = self._records.get((coding.implicit, coding.little))
        if made is None:
            made = record(coding, self.options, self.recipe.name, self.names.key_id)
            if not coding.wide:  # text that needs another character set must say so in each file
                self._records[coding.implicit, coding.little] = made
        return made


def _tree(dataset: Dataset) -> Item:
    try:
        return tree(dataset)
    except LIBRARY_ERRORS:  # pydicom reads the sequences that are not written by the book
        raise RefusedError(Reason.CORRUPT, "sequence") from None


def _meta(source: Dataset) -> FileMetaDataset:
    """All that is taken over of group 0002, which is written anew."""
    syntax = source.file_meta.TransferSyntaxUID
    if not isinstance(syntax, str):
        raise RefusedError(Reason.CORRUPT, "TransferSyntaxUID")
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(syntax)
    return meta
