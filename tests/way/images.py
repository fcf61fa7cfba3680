"""Real DICOM files to drop: pydicom's packaged CT, each made a patient's own with canary values."""

from __future__ import annotations

import uuid
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import UID

CANARIES = ("Zyxcanary", "Qwvcanary", "CANARYMRN77", "CANARYACC88", "Xanthecanary")
"""Names, ids and free text planted in every file; none may be seen outside the drop folder,
quarantine and archive."""


def ct(number: int) -> Dataset:
    """A small CT slice of a made-up patient; equal numbers give equal Instances."""
    dataset = dcmread(str(get_testdata_file("CT_small.dcm")))
    uid = f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, str(number)).int}"
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(uid)
    dataset.PatientName = "Zyxcanary^Qwvcanary"
    dataset.PatientID = "CANARYMRN77"
    dataset.AccessionNumber = "CANARYACC88"
    dataset.StudyDescription = "CT CHEST for Xanthecanary"
    dataset.InstanceNumber = number
    return dataset


def drop(dataset: Dataset, folder: Path, name: str) -> Path:
    """Write a file as a careful sender does: under a temporary name, then renamed."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{name}.part"
    dataset.save_as(partial)
    return partial.rename(folder / name)
