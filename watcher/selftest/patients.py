"""Synthetic patients: images with every kind of identifying value planted in them.

Names are made up and numbers are random at each run, so that a hit is a leak and no accident.
"""

from __future__ import annotations

import copy
import secrets
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from watcher.dicom.names import UID, Dataset, FileMetaDataset, Sequence, generate_uid
from watcher.render.lettering import letter
from watcher.settings import Customer

CT = "1.2.840.10008.5.1.4.1.1.2"
ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6.1"
_EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
FIRST_DAY = date(2019, 3, 7)
BETWEEN = 10
"""Days between the two studies of one patient."""
_FAMILIES = ("Brimblecombe", "Quastenhuber", "Vandersloot", "Oyelaranwo", "Szczepanowicz")
_GIVEN = ("Thessaly", "Ottokar", "Wilhelmina", "Babatunde", "Zdzislawa")


@dataclass(frozen=True, slots=True)
class Patient:
    """One made-up person."""

    family: str
    given: str
    number: str
    accession: str
    phone: str
    street: str
    mother: str


@dataclass(frozen=True, slots=True)
class Planted:
    """One identifying value, what it is called, and the setting under which it may stay."""

    what: str
    value: str
    allowed: bool = False


@dataclass(frozen=True, slots=True)
class Image:
    """One file to drop: where, its bytes' source, and what is expected to become of it."""

    name: str
    dataset: Dataset
    planted: tuple[Planted, ...]
    letters: NDArray[np.bool_] | None = None


def patients(count: int) -> list[Patient]:
    """So many, each with names that no other has."""
    return [
        Patient(
            family=_FAMILIES[n % len(_FAMILIES)],
            given=_GIVEN[n % len(_GIVEN)],
            number=f"MRN{_digits(9)}",
            accession=f"ACC{_digits(9)}",
            phone=f"+49 30 {_digits(8)}",
            street=f"{_digits(4)} Foxglove Hollow",
            mother=f"Featherstonehaugh{_digits(3)}",
        )
        for n in range(count)
    ]


def _digits(count: int) -> str:
    return "".join(secrets.choice("123456789") for _ in range(count))


def slices(patient: Patient, own: Customer, days: int, count: int) -> list[Image]:
    """One CT study, `days` after the first day, of `count` slices 128 x 128 of 16 bits."""
    study, series = generate_uid(), generate_uid()
    made = []
    for number in range(1, count + 1):
        dataset = _header(patient, study, series, CT, days, number)
        dataset.Modality, dataset.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.PixelSpacing, dataset.SliceThickness = [0.5, 0.5], 2.0
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
        dataset.WindowCenter, dataset.WindowWidth = 40, 400
        _pixels(dataset, _noise(128, 128, 900, 1300).astype("<u2"), 12)
        made.append(Image(_name(patient, f"ct{days}-{number}"), dataset, _planted(dataset, own)))
    return made


def ultrasound(patient: Patient, own: Customer) -> Image:
    """One image of 480 x 640 of 8 bits with the patient's name, number and date burned in."""
    dataset = _header(patient, generate_uid(), generate_uid(), ULTRASOUND, 0, 1)
    dataset.Modality, dataset.ImageType = "US", ["ORIGINAL", "PRIMARY"]
    shown = _noise(480, 640, 40, 90).astype(np.uint8)
    letters = letter(shown, f"{patient.family.upper()} {patient.given.upper()}", (20, 12), 24)
    letters |= letter(shown, f"ID {patient.number}   07.03.2019", (20, 44), 20)
    _pixels(dataset, shown, 8)
    return Image(_name(patient, "us"), dataset, _planted(dataset, own), letters)


def damaged(image: Image) -> Image:
    """The same without its Rows: nobody can say what its pixels are."""
    broken = copy.deepcopy(image.dataset)
    broken.SOPInstanceUID = generate_uid()
    del broken.Rows
    return Image(f"damaged-{image.name}", broken, image.planted)


def write(image: Image, folder: Path) -> None:
    """Drop it as a careful sender does: under a temporary name, then renamed."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{image.name}.part"
    image.dataset.save_as(partial, enforce_file_format=True)
    partial.rename(folder / image.name)


def _name(patient: Patient, what: str) -> str:
    return f"{patient.family}_{patient.given}_{patient.number}_{what}.dcm"


def _header(
    patient: Patient, study: str, series: str, sop_class: str, days: int, number: int
) -> Dataset:
    day = (FIRST_DAY + timedelta(days)).strftime("%Y%m%d")
    whole = f"{patient.family}^{patient.given}"
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(_EXPLICIT_LITTLE_ENDIAN)
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
    dataset.PatientName, dataset.PatientID = whole, patient.number
    dataset.OtherPatientIDs, dataset.OtherPatientNames = f"X{patient.number}", whole
    dataset.PatientBirthDate, dataset.PatientSex, dataset.PatientAge = "19510304", "F", "068Y"
    dataset.PatientAddress, dataset.PatientTelephoneNumbers = patient.street, patient.phone
    dataset.PatientMotherBirthName = f"{patient.mother}^Ada"
    dataset.PatientComments = f"Please call {patient.given} {patient.family} at {patient.phone}"
    dataset.AccessionNumber, dataset.StudyID = patient.accession, f"S{patient.accession}"
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = day
    dataset.StudyTime = "101112"
    dataset.StudyDescription = f"Follow-up of {patient.family}, {patient.number}"
    dataset.ReferringPhysicianName = f"Referrer{patient.mother}^Ines"
    dataset.OperatorsName = f"Operator{patient.mother}^Olaf"
    dataset.InstitutionName = f"Saint {patient.mother} Infirmary"
    dataset.StationName = f"ST{patient.number[-6:]}"
    dataset.DeviceSerialNumber = f"SN{patient.number}"
    dataset.Manufacturer, dataset.BodyPartExamined = "Selftest", "CHEST"
    dataset.InstanceNumber, dataset.SeriesNumber = number, 1
    request = Dataset()
    request.RequestedProcedureID = f"R{patient.accession}"
    request.RequestedProcedureDescription = f"asked for by {patient.given} {patient.family}"
    dataset.RequestAttributesSequence = Sequence([request])
    private = dataset.private_block(0x0029, "SELFTEST PRIVATE", create=True)
    private.add_new(0x10, "LO", f"private {patient.family} {patient.number}")
    return dataset


def _planted(dataset: Dataset, own: Customer) -> tuple[Planted, ...]:
    scrub = own.scrub
    name = str(dataset.PatientName).split("^")
    return (
        Planted("family name", name[0]),
        Planted("given name", name[1]),
        Planted("Patient ID", str(dataset.PatientID)),
        Planted("address", str(dataset.PatientAddress)),
        Planted("telephone number", str(dataset.PatientTelephoneNumbers)),
        Planted("mother's name", str(dataset.PatientMotherBirthName).split("^")[0]),
        Planted("Accession Number", str(dataset.AccessionNumber)),
        Planted("referring physician", str(dataset.ReferringPhysicianName).split("^")[0]),
        Planted("operator", str(dataset.OperatorsName).split("^")[0]),
        Planted("birth date", str(dataset.PatientBirthDate), scrub.dates == "full"),
        Planted("institution", str(dataset.InstitutionName), scrub.keep_institution_identity),
        Planted("station", str(dataset.StationName), scrub.keep_device_identity),
        Planted("serial number", str(dataset.DeviceSerialNumber), scrub.keep_device_identity),
        Planted("Study Instance UID", str(dataset.StudyInstanceUID), scrub.keep_uids),
        Planted("Series Instance UID", str(dataset.SeriesInstanceUID), scrub.keep_uids),
        Planted("SOP Instance UID", str(dataset.SOPInstanceUID), scrub.keep_uids),
    )


def _noise(rows: int, columns: int, low: int, high: int) -> NDArray[np.int64]:
    rng = np.random.default_rng(secrets.randbits(64))
    smooth = np.add.outer(np.linspace(0, 1, rows), np.linspace(0, 1, columns)) / 2
    return (low + smooth * (high - low) + rng.integers(-4, 5, (rows, columns))).astype(np.int64)


def _pixels(dataset: Dataset, image: NDArray[np.generic], stored: int) -> None:
    dataset.Rows, dataset.Columns = image.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = image.dtype.itemsize * 8
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = stored, stored - 1, 0
    dataset.PixelData = image.tobytes()
