"""The written verdict on every SOP class: which files go on, which are none of ours, which wait.

Images go on. Other objects of the standard are excluded: the backend takes images, and nothing of
these leaves the box. Whatever the standard does not know is quarantined for a person to look at.
"""

from __future__ import annotations

from watcher.dicom.classes import needs_pixels
from watcher.dicom.names import UID, Dataset
from watcher.errors import ExcludedError, RefusedError
from watcher.model import Reason

# A word in the name of the class (PS3.6 Annex A) to the family that is said in the reason.
_FAMILIES = (
    ("Media Storage Directory", "dicomdir"),
    ("Encapsulated", "encapsulated-document"),
    ("Presentation State", "presentation-state"),
    ("Structured Display", "presentation-state"),
    ("Waveform", "waveform"),
    ("ECG", "waveform"),
    ("Raw Data", "raw-data"),
    ("Spectroscopy", "raw-data"),
    ("RT ", "radiotherapy"),
    ("Radiopharmaceutical", "structured-report"),
    ("SR", "structured-report"),
    ("Report", "structured-report"),
    ("Key Object", "structured-report"),
    ("CAD", "structured-report"),
    ("Log", "structured-report"),
    ("Overlay", "retired"),
    ("Curve", "retired"),
    ("LUT", "retired"),
    ("Detached", "retired"),
    ("Storage", "not-an-image"),
)
_STANDARD = "1.2.840.10008."


def verdict(dataset: Dataset, has_pixels: bool) -> None:
    """Return for an image; otherwise raise ExcludedError(NOT_AN_IMAGE) with the family, or
    RefusedError(MISSING_ATTRIBUTE or UNSUPPORTED_CLASS)."""
    sop_class = str(dataset.get("SOPClassUID") or "").strip(" \0")
    if not sop_class and "DirectoryRecordSequence" in dataset:
        raise ExcludedError(Reason.NOT_AN_IMAGE, "dicomdir")
    if not sop_class:
        raise RefusedError(Reason.MISSING_ATTRIBUTE, "SOPClassUID")
    if needs_pixels(sop_class) or (has_pixels and _is_dose(sop_class)):
        if not has_pixels:
            raise RefusedError(Reason.MISSING_ATTRIBUTE, "PixelData")
        return
    family = _family(sop_class)
    if family:
        raise ExcludedError(Reason.NOT_AN_IMAGE, family)
    raise RefusedError(Reason.UNSUPPORTED_CLASS, "SOPClassUID")


def _is_dose(sop_class: str) -> bool:
    return UID(sop_class).name == "RT Dose Storage"


def _family(sop_class: str) -> str:
    """The family of a non-image class of the standard; "" for a private or unknown class."""
    name = UID(sop_class).name
    if not sop_class.startswith(_STANDARD) or name == sop_class:
        return ""
    return next((family for word, family in _FAMILIES if word in name), "")
