"""Whom a file is about: what its pseudonyms and its date shift hang on."""

from __future__ import annotations

from dataclasses import dataclass

from watcher.dicom import charset
from watcher.dicom.names import Dataset, tag_for_keyword
from watcher.errors import RefusedError
from watcher.model import Reason
from watcher.scrub.elements import charset_terms, text


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
    def of(cls, dataset: Dataset, issuer_distinguishes: bool) -> Subject:
        """Read from a source. Raises RefusedError(MISSING_ATTRIBUTE) without one of its UIDs."""
        study = _needed(dataset, "StudyInstanceUID")
        patient_id = _bare(dataset, "PatientID")
        issuer = _bare(dataset, "IssuerOfPatientID") if issuer_distinguishes else ""
        patient = f"{patient_id}\0{issuer}" if patient_id and issuer else patient_id
        return cls(
            patient or _without_id(dataset, study),
            patient_id,
            _bare(dataset, "AccessionNumber"),
            study,
            _needed(dataset, "SeriesInstanceUID"),
            _needed(dataset, "SOPInstanceUID"),
            _needed(dataset, "SOPClassUID"),
        )


def _without_id(dataset: Dataset, study: str) -> str:
    name, born = _bare(dataset, "PatientName"), _bare(dataset, "PatientBirthDate")
    return f"name\0{name.casefold()}\0{born}" if name.strip("^= ") and born else f"study\0{study}"


def _needed(dataset: Dataset, keyword: str) -> str:
    value = _bare(dataset, keyword)
    if not value:
        raise RefusedError(Reason.MISSING_ATTRIBUTE, keyword)
    return value


def _bare(dataset: Dataset, keyword: str) -> str:
    tag = tag_for_keyword(keyword)
    if tag is None or tag not in dataset:
        return ""
    terms = charset_terms(dataset.get_item(0x00080005) if 0x00080005 in dataset else None)
    vr = "PN" if keyword == "PatientName" else "LO"
    return text(dataset.get_item(tag), vr, charset.codecs(terms)).strip(" \0")
