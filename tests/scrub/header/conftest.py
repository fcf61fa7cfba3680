"""Files made on the spot, and the cleaner of a customer whose key never changes."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from watcher.dicom import part10, walk
from watcher.dicom.part10 import Part10
from watcher.options import Limits, ScrubOptions
from watcher.scrub.cleaner import HeaderCleaner
from watcher.scrub.keys import CustomerKey

KEY = CustomerKey("test", bytes(range(32)))
CT = "1.2.840.10008.5.1.4.1.1.2"

Clean = Callable[..., Dataset]


def instance(**attributes: Any) -> Dataset:
    """A small CT image with the given attributes besides those it needs."""
    made = Dataset()
    made.SOPClassUID = CT
    made.SOPInstanceUID = "1.2.3.4.100"
    made.StudyInstanceUID = "1.2.3.4.1"
    made.SeriesInstanceUID = "1.2.3.4.10"
    made.PatientID = "MR48151623"
    made.PatientName = "Qorvinberg^Zelda"
    made.Modality = "CT"
    made.Rows = made.Columns = 2
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation, made.SamplesPerPixel = 7, 0, 1
    made.PhotometricInterpretation = "MONOCHROME2"
    made.PixelData = b"\0\1\2\3"
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def file_of(dataset: Dataset, syntax: str = ExplicitVRLittleEndian, preamble: bytes = b"") -> bytes:
    """The bytes of a Part 10 file."""
    if "file_meta" not in dataset.__dict__:
        dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.preamble = preamble.ljust(128, b"\0")
    buffer = BytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def parsed(data: bytes) -> Part10:
    """A file, walked and parsed as the gateway does it."""
    view = memoryview(data)
    limits = Limits()
    return part10.parse(view, walk.walk(view, limits), limits)


def written(dataset: Dataset) -> bytes:
    """A clean data set's bytes, as pydicom writes them."""
    buffer = BytesIO()
    meta = dataset.file_meta
    meta.MediaStorageSOPClassUID = UID(CT)
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def cleaner() -> HeaderCleaner:
    """The cleaner with the shipped recipe and the default options."""
    return HeaderCleaner.load(ScrubOptions(), KEY)


@pytest.fixture(scope="session")
def clean(cleaner: HeaderCleaner) -> Clean:
    """Clean a data set, through bytes both ways."""

    def run(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> Dataset:
        cleaned = cleaner.clean(parsed(file_of(dataset, syntax))).dataset
        return pydicom.dcmread(BytesIO(written(cleaned)))

    return run
