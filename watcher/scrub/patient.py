"""Whom a file is about: what its pseudonyms and its date shift hang on."""

from __future__ import annotations

from dataclasses import dataclass

from watcher.errors import RefusedError
from watcher.model import Reason
from watcher.scrub.elements import value_of
from watcher.scrub.nested import Item


@dataclass(frozen=True, slots=True)
class Subject:
    """The file's own identifiers, bare of padding; `patient` is what tells the patient apart.

    That is the Patient ID, with its issuer where the settings say that issuers matter. Without a
    Patient ID it is name and birth date together, and without a name the study: then nothing may
    be linked across studies, because nothing says that it is the same person.
    """

    patient: str
    patient_id: str
    accession_number: str
    study: str
    series: str
    instance: str
    sop_class: str

    @classmethod
    def of(cls, source: Item, issuer_distinguishes: bool) -> Subject:
        """Read from a source. Raises RefusedError(MISSING_ATTRIBUTE) without one of its UIDs."""
        study = _needed(source, "StudyInstanceUID")
        patient_id = value_of(source, "PatientID")
        issuer = value_of(source, "IssuerOfPatientID") if issuer_distinguishes else ""
        patient = f"{patient_id}\0{issuer}" if patient_id and issuer else patient_id
        return cls(
            patient or _without_id(source, study),
            patient_id,
            value_of(source, "AccessionNumber"),
            study,
            _needed(source, "SeriesInstanceUID"),
            _needed(source, "SOPInstanceUID"),
            _needed(source, "SOPClassUID"),
        )


def _without_id(source: Item, study: str) -> str:
    name, born = value_of(source, "PatientName", "PN"), value_of(source, "PatientBirthDate")
    return f"name\0{name.casefold()}\0{born}" if name.strip("^= ") and born else f"study\0{study}"


def _needed(source: Item, keyword: str) -> str:
    value = value_of(source, keyword)
    if not value:
        raise RefusedError(Reason.MISSING_ATTRIBUTE, keyword)
    return value
