"""Which Instances commonly carry burned-in text, by what their header says of their making."""

from __future__ import annotations

import re

from watcher.dicom.names import Dataset

# PS3.4 B.5, by prefix where a whole family is meant.
CLASSES = (
    "1.2.840.10008.5.1.4.1.1.3",  # Ultrasound Multi-frame, the retired one and 3.1
    "1.2.840.10008.5.1.4.1.1.5",  # Nuclear Medicine, retired
    "1.2.840.10008.5.1.4.1.1.6",  # Ultrasound, the retired one and 6.1, 6.2
    "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture, single and multi-frame
    "1.2.840.10008.5.1.4.1.1.12",  # X-Ray Angiographic and Radiofluoroscopic
    "1.2.840.10008.5.1.4.1.1.29",  # Hardcopy Grayscale, retired
    "1.2.840.10008.5.1.4.1.1.30",  # Hardcopy Color, retired
    "1.2.840.10008.5.1.4.1.1.77.1",  # Visible Light and Ophthalmic
    "1.2.840.10008.5.1.4.1.1.77.2",  # Visible Light, the trial's
)
# A slide's tiles are camera pixels only; its label has an Image Type of its own.
EXEMPT = ("1.2.840.10008.5.1.4.1.1.77.1.6",)

MODALITIES = re.compile(
    r"US|IVUS|BDUS|SC|OT|XA|RF|RG|ES|XC|GM|DOC|BI|EPS|ECG|OP|OPV|OPT|OAM|SR|HC|PR|TG|LP|DG"
)
IMAGE_TYPES = re.compile(
    r"SECONDARY|SCREEN|SAVE|CAPTURE|DOSE|REPORT|SUMMARY|LABEL|POSDISP|RESULT|GRAPH|TABLE|INVALID"
    r"|REPORTDATA|DEMOGRAPHICDATA|VOLREN|PROTOCOL"
)
CROSS_SECTIONAL = frozenset({"CT", "MR", "PT", "NM"})


def why_suspect(dataset: Dataset) -> str:
    """The name of the attribute that makes this Instance suspect, or "" when none does.

    Nothing here clears an Instance: Burned In Annotation (0028,0301) NO is no proof, a YES is.
    """
    modalities = _words(dataset, "Modality")
    image_types = _words(dataset, "ImageType")
    colour = str(dataset.get("SamplesPerPixel")) != "1"
    findings = {
        "BurnedInAnnotation": bool(_words(dataset, "BurnedInAnnotation") & {"YES", "Y", "TRUE"}),
        "SOPClassUID": _suspect_class(str(dataset.get("SOPClassUID") or "")),
        "ConversionType": bool(dataset.get("ConversionType")),
        "Modality": not modalities or any(map(MODALITIES.fullmatch, modalities)),
        "ImageType": not image_types or any(map(IMAGE_TYPES.fullmatch, image_types)),
        "SamplesPerPixel": colour and bool(modalities & CROSS_SECTIONAL),
    }
    return next((keyword for keyword, suspect in findings.items() if suspect), "")


def _suspect_class(uid: str) -> bool:
    def within(family: str) -> bool:
        return uid == family or uid.startswith(f"{family}.")

    return not uid or (any(map(within, CLASSES)) and not any(map(within, EXEMPT)))


def _words(dataset: Dataset, keyword: str) -> frozenset[str]:
    """The value's words, upper case; a multi-valued attribute gives those of all its values."""
    value = dataset.get(keyword)
    values = [value] if value is None or isinstance(value, str) else list(value)
    return frozenset(" ".join(str(v) for v in values if v is not None).upper().split())
