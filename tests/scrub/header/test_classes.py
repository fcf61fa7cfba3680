"""Every storage class of the standard has a verdict, and none of them is a crash."""

from __future__ import annotations

import pytest
from pydicom import uid
from pydicom._uid_dict import UID_dictionary
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from watcher.errors import ExcludedError, RefusedError
from watcher.model import Excluded, Reason, Refused
from watcher.scrub.classes import verdict

STORAGE = sorted(
    value
    for value, (name, kind, *_) in UID_dictionary.items()
    if kind == "SOP Class" and ("Storage" in name or "Directory" in name)
)


def judged(sop_class: str, has_pixels: bool) -> Excluded | Refused | None:
    dataset = Dataset()
    if sop_class:
        dataset.SOPClassUID = sop_class
    try:
        verdict(dataset, has_pixels)
    except ExcludedError as error:
        return error.outcome
    except RefusedError as error:
        return error.outcome
    return None


@pytest.mark.parametrize("sop_class", STORAGE, ids=lambda value: UID(value).name)
@pytest.mark.parametrize("has_pixels", [True, False])
def test_every_class_of_the_standard_has_a_verdict(sop_class: str, has_pixels: bool) -> None:
    outcome = judged(sop_class, has_pixels)
    if outcome is None:
        assert has_pixels
    elif isinstance(outcome, Excluded):
        assert outcome.reason is Reason.NOT_AN_IMAGE
        assert outcome.detail
    else:
        assert outcome.reason in {Reason.MISSING_ATTRIBUTE, Reason.UNSUPPORTED_CLASS}


@pytest.mark.parametrize(
    "sop_class",
    [
        uid.CTImageStorage,
        uid.MRImageStorage,
        uid.EnhancedMRImageStorage,
        uid.UltrasoundMultiFrameImageStorage,
        uid.SecondaryCaptureImageStorage,
        uid.DigitalMammographyXRayImageStorageForPresentation,
        uid.RTImageStorage,
        uid.RTDoseStorage,
        uid.SegmentationStorage,
        uid.ParametricMapStorage,
        uid.VLWholeSlideMicroscopyImageStorage,
        uid.NuclearMedicineImageStorage,
    ],
    ids=lambda value: value.name,
)
def test_images_go_on_if_they_have_pixels(sop_class: str) -> None:
    assert judged(sop_class, True) is None
    outcome = judged(sop_class, False)
    assert outcome is not None


@pytest.mark.parametrize(
    ("sop_class", "family"),
    [
        (uid.EncapsulatedPDFStorage, "encapsulated-document"),
        (uid.EncapsulatedCDAStorage, "encapsulated-document"),
        (uid.EncapsulatedSTLStorage, "encapsulated-document"),
        (uid.BasicTextSRStorage, "structured-report"),
        (uid.XRayRadiationDoseSRStorage, "structured-report"),
        (uid.KeyObjectSelectionDocumentStorage, "structured-report"),
        (uid.GrayscaleSoftcopyPresentationStateStorage, "presentation-state"),
        (uid.RTPlanStorage, "radiotherapy"),
        (uid.RTStructureSetStorage, "radiotherapy"),
        (uid.TwelveLeadECGWaveformStorage, "waveform"),
        (uid.RawDataStorage, "raw-data"),
        (uid.MRSpectroscopyStorage, "raw-data"),
        (uid.SurfaceSegmentationStorage, "not-an-image"),
        (uid.MediaStorageDirectoryStorage, "dicomdir"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
@pytest.mark.parametrize("has_pixels", [True, False])
def test_other_objects_are_excluded_by_family(
    sop_class: str, family: str, has_pixels: bool
) -> None:
    assert judged(sop_class, has_pixels) == Excluded(Reason.NOT_AN_IMAGE, family)


@pytest.mark.parametrize("sop_class", ["1.3.46.670589.11.0.0.12.2", "1.2.840.10008.99.1", "x"])
def test_an_unknown_class_waits_for_a_person(sop_class: str) -> None:
    outcome = judged(sop_class, True)
    assert outcome == Refused(Reason.UNSUPPORTED_CLASS, "SOPClassUID")


def test_a_file_without_a_class() -> None:
    assert judged("", True) == Refused(Reason.MISSING_ATTRIBUTE, "SOPClassUID")
    directory = Dataset()
    directory.DirectoryRecordSequence = Sequence()
    with pytest.raises(ExcludedError):
        verdict(directory, False)
