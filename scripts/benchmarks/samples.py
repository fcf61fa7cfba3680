"""Generated DICOM files of the sizes that a box meets: CT slice, DX, ultrasound, cine."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

_CT, _DX = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.1.1"
_CR = "1.2.840.10008.5.1.4.1.1.1"
_US, _US_CINE = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1"


def ct(seed: int) -> Dataset:
    """A CT slice, 512x512, 16 bit, signed."""
    pixels = (_anatomy(512, 512, seed, 18) * 1800 - 1000).astype("<i2")
    dataset = _instance(_CT, "CT", pixels, 16, seed)
    dataset.PixelRepresentation = 1
    dataset.RescaleIntercept, dataset.RescaleSlope = "-24", "1"
    dataset.WindowCenter, dataset.WindowWidth = "40", "400"
    return dataset


def dx(seed: int) -> Dataset:
    """A projection X-ray, 2500x2048, 14 bits stored in 16."""
    pixels = (_anatomy(2500, 2048, seed, 60) * 16000).astype("<u2")
    dataset = _instance(_DX, "DX", pixels, 16, seed)
    dataset.BitsStored, dataset.HighBit = 14, 13
    dataset.WindowCenter, dataset.WindowWidth = "8000", "14000"
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    return dataset


def eight_bit(seed: int) -> Dataset:
    """A computed radiograph, 1024x1024, 8 bit."""
    return _instance(_CR, "CR", (_anatomy(1024, 1024, seed, 30) * 255).astype(np.uint8), 8, seed)


def us(seed: int) -> Dataset:
    """A colour ultrasound image, 768x1024 RGB, with its region declared."""
    return _ultrasound(_US, _speckle(768, 1024, seed)[None], seed)


def cine(seed: int) -> Dataset:
    """A grey ultrasound clip of 100 frames, 480x640."""
    still = _anatomy(480, 640, seed, 12)
    frames = [np.roll(still, shift, axis=1) * 255 for shift in range(100)]
    return _ultrasound(_US_CINE, np.stack(frames).astype(np.uint8), seed)


KINDS: Mapping[str, Callable[[int], Dataset]] = {"CT": ct, "DX": dx, "US": us, "cine": cine}


def _anatomy(rows: int, columns: int, seed: int, noise: int) -> NDArray[np.float64]:
    """Smooth ellipses with fine noise, 0 to 1: compresses about as medical images do."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    image = np.zeros((rows, columns))
    for _ in range(6):
        a, b = rng.uniform(0.2, 0.8, 2)
        u, v = rng.uniform(-0.4, 0.4, 2)
        image += rng.uniform(0.2, 1) * (((x - u) / a) ** 2 + ((y - v) / b) ** 2 < 1)
    image = image / max(1.0, image.max()) * 0.8 + 0.1
    image += rng.normal(0, noise / 8000, image.shape)
    return np.asarray(np.clip(image, 0, 1), dtype=np.float64)


def _speckle(rows: int, columns: int, seed: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    grey = _anatomy(rows, columns, seed, 12) * rng.rayleigh(0.6, (rows, columns)) * 160
    colour = np.repeat(np.clip(grey, 0, 255)[..., None], 3, axis=2)
    colour[rows // 3 : rows // 2, columns // 3 : columns // 2, 0] = 200
    return colour.astype(np.uint8)


def _ultrasound(sop_class: str, frames: NDArray[np.uint8], seed: int) -> Dataset:
    dataset = _instance(sop_class, "US", frames, 8, seed)
    rows, columns = frames.shape[1:3]
    region = Dataset()
    region.RegionLocationMinX0 = region.RegionLocationMinY0 = 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = columns - 1, rows - 1
    region.RegionSpatialFormat, region.RegionDataType = 1, 1
    dataset.SequenceOfUltrasoundRegions = Sequence([region])
    dataset.Rows, dataset.Columns = rows, columns
    if len(frames) > 1:
        dataset.NumberOfFrames = len(frames)
        dataset.FrameTime = "33"
    if frames.ndim == 4:
        dataset.SamplesPerPixel, dataset.PlanarConfiguration = 3, 0
        dataset.PhotometricInterpretation = "RGB"
    return dataset


def _instance(
    sop_class: str, modality: str, pixels: NDArray[np.generic], bits: int, seed: int
) -> Dataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class)
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[modality, str(seed)])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = UID(sop_class), meta.MediaStorageSOPInstanceUID
    # Slices come as one Series of one patient; anything else is a Study of its own.
    study = 0 if modality == "CT" else seed
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=["study", modality, str(study)])
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=["series", modality, str(study)])
    dataset.PatientName, dataset.PatientID = "Bench^Mark", f"B{study}"
    dataset.PatientBirthDate, dataset.PatientSex, dataset.PatientAge = "19600101", "O", "060Y"
    dataset.StudyDate, dataset.StudyTime, dataset.AccessionNumber = (
        "20250102",
        "101112",
        f"A{study}",
    )
    dataset.Modality, dataset.Manufacturer = modality, "Bench"
    dataset.ManufacturerModelName, dataset.StudyDescription = "Model 1", f"{modality} STUDY"
    dataset.InstanceNumber = seed
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.BurnedInAnnotation = "NO"
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit, dataset.PixelRepresentation = bits - 1, 0
    dataset.PixelData = pixels.tobytes()
    return dataset
