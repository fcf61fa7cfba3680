"""An ultrasound that the gateway refuses: its name is burned in, and its regions make no sense."""

from __future__ import annotations

import cv2
import numpy as np
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundImageStorage

from tests.way.images import ct

ROWS, COLUMNS = 480, 640
BANNER = (0, 0, COLUMNS, 60)
NAME = "ZYXCANARY QWVCANARY"


def ultrasound(number: int = 1) -> Dataset:
    """A fan of speckle below a banner that shows the patient's name; one device, many patients."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[:ROWS, :COLUMNS]
    radius, angle = np.hypot(x - 320, y - 70), np.arctan2(x - 320, y - 70)
    fan = (radius < 380) & (np.abs(angle) < 0.7) & (radius > 40)
    picture = np.where(fan, rng.normal(70, 25, (ROWS, COLUMNS)).clip(0, 255), 0).astype(np.uint8)
    cv2.putText(picture, NAME, (16, 40), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 235, 2, cv2.LINE_AA)
    dataset = ct(number)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = UltrasoundImageStorage
    dataset.Modality, dataset.Manufacturer, dataset.ManufacturerModelName = "US", "ACME", "Echo 5"
    dataset.Rows, dataset.Columns = ROWS, COLUMNS
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    for keyword in ("RescaleSlope", "RescaleIntercept", "PixelPaddingValue", "WindowCenter"):
        if keyword in dataset:
            delattr(dataset, keyword)
    dataset.WindowWidth = None
    region = Dataset()
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 9000, 0  # outside of the frame
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 9100, 60
    dataset.SequenceOfUltrasoundRegions = Sequence([region])
    dataset.PixelData = picture.tobytes()
    dataset["PixelData"].VR = "OW"
    return dataset
