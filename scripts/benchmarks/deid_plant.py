"""Plants invented identifiers into real and generated DICOM files, and writes the answer key."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from PIL import Image, ImageDraw, ImageFont
from pydicom.data import get_testdata_files
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import UID

from scripts.benchmarks import samples
from scripts.benchmarks.deid_words import KEEPS, PLACES, SAFE_PRIVATE, SCRIPTS, TEXTS, Inventor

_TECHNICAL = [
    "SOPClassUID",
    "Modality",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PixelSpacing",
    "SliceThickness",
    "KVP",
    "RescaleSlope",
    "RescaleIntercept",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "WindowCenter",
    "WindowWidth",
    "NumberOfFrames",
    "RepetitionTime",
    "EchoTime",
]
_TYPE2 = [
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
    "PixelData",
]
_LARGEST = 3 << 20
_PATIENTS = len(SCRIPTS) + 1
_PLAIN = {"CT", "MR", "PT", "NM", "CR", "DX"}
_OWN_CHARSETS = {"", "ISO_IR 6", "ISO_IR 100", "ISO_IR 192"}


@dataclass(frozen=True)
class Check:
    """One required action at one place."""

    action: str
    path: str
    value: str = ""
    kind: str = "word"


@dataclass
class Planted:
    """One file with its answer key; `ink` marks burned-in text, `bare` is the picture before it."""

    path: Path
    patient: str
    checks: list[Check] = field(default_factory=list)
    tokens: list[tuple[str, str]] = field(default_factory=list)
    ink: np.ndarray[Any, Any] | None = None
    bare: np.ndarray[Any, Any] | None = None


@dataclass(frozen=True)
class _Patient:
    family: str
    given: str
    number: str
    born: str
    charset: str
    native: str
    studies: tuple[tuple[str, str], ...]


def sources(limit: int) -> Iterator[Dataset]:
    """Generated files, and pydicom's packaged images that decode."""
    for seed, (kind, make) in enumerate((k, m) for k, m in samples.KINDS.items() if k != "cine"):
        for number in range(3 if kind == "CT" else 1):
            yield make(seed * 10 + number)
    seen: set[str] = set()
    for name in sorted(get_testdata_files("*.dcm"))[: limit or None]:
        path = Path(name)
        if path.name in seen or path.stat().st_size > _LARGEST:
            continue
        seen.add(path.name)
        dataset = _decodable(path)
        if dataset is not None:
            yield dataset


def _decodable(path: Path) -> Dataset | None:
    try:
        dataset = pydicom.dcmread(path)
        dataset.pixel_array  # noqa: B018 - only files that decode are planted
        needed = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
        known = str(dataset.get("SpecificCharacterSet") or "") in _OWN_CHARSETS
        whole = all(dataset.get(keyword) for keyword in needed)
        deflated = dataset.file_meta.TransferSyntaxUID.is_deflated
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it is left out
        return None
    return dataset if known and whole and not deflated else None


def plant(seed: str, out: Path, limit: int) -> list[Planted]:
    """Write the planted files to `out` and return their keys."""
    inventor = Inventor(seed)
    patients = [_patient(inventor, i) for i in range(_PATIENTS)]
    found = []
    for number, dataset in enumerate(sources(limit)):
        who = patients[number % _PATIENTS]
        planted = Planted(out / f"{number:04d} {who.family}.dcm", who.number)
        try:
            _Planter(dataset, planted, inventor).all(who, number)
            dataset.save_as(planted.path, enforce_file_format=True)
            pydicom.dcmread(planted.path)
        except (ValueError, TypeError, KeyError, AttributeError, OSError):
            planted.path.unlink(missing_ok=True)
            continue
        found.append(planted)
    return found


def _patient(inventor: Inventor, number: int) -> _Patient:
    charset = ["", *SCRIPTS][number % (len(SCRIPTS) + 1)]
    studies = tuple((inventor.uid(), inventor.day().strftime("%Y%m%d")) for _ in range(2))
    return _Patient(
        inventor.word(),
        inventor.word(),
        inventor.once(lambda: "P" + inventor.digits(7)),
        inventor.day().strftime("%Y%m%d"),
        charset,
        inventor.script(charset) if charset else "",
        studies,
    )


class _Planter:
    """Plants one data set and notes every check."""

    def __init__(self, dataset: Dataset, planted: Planted, inventor: Inventor) -> None:
        self._ds, self._planted, self._inventor = dataset, planted, inventor
        self._items: dict[str, int] = {}

    def all(self, patient: _Patient, number: int) -> None:
        """Everything, in every place."""
        self._retained()
        self._identity(patient, number)
        for path, kind in PLACES:
            self._secret(path, *self._inventor.value(kind))
        for path, template, kept in _one_per_place(self._inventor):
            self._text(path, template, kept, patient)
        self._keeps()
        self._private()
        self._outside()
        self._pixels(number)

    def _check(self, action: str, path: str, value: str = "", kind: str = "word") -> None:
        self._planted.checks.append(Check(action, path, value, kind))

    def _gone(self, path: str, tokens: list[tuple[str, str]]) -> None:
        for token, kind in tokens:
            self._check("uid changed" if kind == "uid" else "text removed", path, token, kind)
            if (token, kind) not in self._planted.tokens:
                self._planted.tokens.append((token, kind))

    def _secret(self, path: str, text: str, tokens: list[tuple[str, str]]) -> None:
        self._gone(self._put(path, text), tokens)

    def _put(self, path: str, value: Any) -> str:
        """Set the value at the path, in a new item of each sequence on the way."""
        at = self._ds
        address: list[Any] = []
        *steps, last = path.split("/")
        for step in steps:
            key = "/".join([*address, step])
            items = list(at.get(step) or [])
            if key not in self._items:
                self._items[key] = len(items)
                setattr(at, step, Sequence([*items, Dataset()]))
            index = self._items[key]
            at = at[step].value[index]
            address.append(f"{step}[{index}]")
        tag = Tag(int(last, 16)) if re.fullmatch("[0-9A-F]{8}", last) else Tag(last)
        vr = pydicom.datadict.dictionary_VR(tag).split(" ")[0]
        at[tag] = DataElement(tag, vr, value.encode() if vr in ("OB", "OW") else value)
        return "/".join([*address, last])

    def _retained(self) -> None:
        for keyword in _TECHNICAL:
            if self._ds.get(keyword) not in (None, ""):
                self._check("text retained", keyword, str(self._ds[keyword].value))

    def _identity(self, who: _Patient, number: int) -> None:
        ds, (study, date) = self._ds, who.studies[number // _PATIENTS % 2]
        if who.charset:
            ds.SpecificCharacterSet = who.charset
        native = f"^{who.native}" if who.charset.startswith("ISO_IR") else f"={who.native}"
        ds.PatientName = f"{who.family}^{who.given}" + (native if who.charset else "")
        names = [(who.family, "word"), (who.given, "word")]
        self._gone("PatientName", names + ([(who.native, "word")] if who.native else []))
        ds.PatientID, ds.PatientBirthDate = who.number, who.born
        self._gone("PatientID", [(who.number, "word")])
        self._check("patient id consistent", "PatientID", who.number)
        self._gone("PatientBirthDate", [(who.born, "day")])
        ds.AcquisitionNumber = who.number[1:]  # IS: the number without its letter
        self._gone("AcquisitionNumber", [(who.number[1:], "word")])
        ds.PatientSex, ds.PatientAge, ds.StudyTime = "F", "054Y", "093015"
        for keyword in ("PatientSex", "PatientAge"):
            self._check("text retained", keyword, str(ds[keyword].value))
        for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
            setattr(ds, keyword, date)
            self._check("date shifted", keyword, date, "day")
        self._planted.tokens.append((date, "day"))
        ds.StudyInstanceUID, ds.SOPInstanceUID = UID(study), UID(self._inventor.uid())
        ds.FrameOfReferenceUID = UID(study + ".9")
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        for keyword in ("StudyInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID"):
            self._gone(keyword, [(str(ds[keyword].value), "uid")])
            self._check("uid consistent", keyword, str(ds[keyword].value))
        for keyword in ("PatientID", "SOPInstanceUID", "StudyInstanceUID", "Modality"):
            self._check("text not null", keyword)

    def _text(self, path: str, template: str, kept: str, who: _Patient) -> None:
        own = {"own_family": who.family, "own_given": who.given, "own_id": who.number}
        own["own_account"] = (who.given[0] + who.family).lower()
        tokens: list[tuple[str, str]] = []

        def fill(slot: re.Match[str]) -> str:
            text, new = self._inventor.value(slot[1]) if slot[1] not in own else (own[slot[1]], [])
            tokens.extend(new or [(text, "word")])
            return text

        place = self._put(path, re.sub(r"\{(\w+)\}", fill, template))
        self._gone(place, tokens)
        self._check("text retained", place, kept, "words")

    def _keeps(self) -> None:
        for keyword, values in KEEPS:
            value = self._inventor.random.choice(values)
            if keyword == "ManufacturerModelName" and keyword in self._ds:
                value = str(self._ds[keyword].value)  # another model has text in other places
            setattr(self._ds, keyword, value.split("\\") if "\\" in value else value)
            self._check("text retained", keyword, value)
        for keyword in _TYPE2:
            if keyword in self._ds or keyword == "PixelData":
                self._check("tag retained", keyword)

    def _private(self) -> None:
        block = self._ds.private_block(0x0099, "INVENTED BY BENCH", create=True)
        for element, vr, kind in (
            (1, "LO", "name"),
            (2, "PN", "pn"),
            (3, "UI", "uid"),
            (4, "UN", "number"),
        ):
            text, tokens = self._inventor.value(kind)
            block.add_new(
                element, vr, text.encode() + b" " * (len(text) % 2) if vr == "UN" else text
            )
            self._gone(f"0099,INVENTED BY BENCH,{element:02x}", tokens)
        owner, inner, known = (self._inventor.word() for _ in range(3))
        self._ds.private_block(0x0097, f"{owner} RIS", create=True).add_new(1, "LO", "on")
        item = Dataset()
        item.PatientName = inner
        item.add(DataElement(0x00081048, "UN", known.encode() + b" " * (len(known) % 2)))
        block.add_new(5, "SQ", Sequence([item]))
        self._ds.PurposeOfReferenceCodeSequence = Sequence([item])
        self._planted.tokens += [(token, "word") for token in (owner, inner, known)]
        for group, creator, element, vr, value in SAFE_PRIVATE:
            self._ds.private_block(group, creator, create=True).add_new(element, vr, value)
            self._check("text retained", f"{group:04x},{creator},{element:02x}", str(value))

    def _outside(self) -> None:
        """Preamble, group 0002, an overlay's bits, an icon, an unknown attribute, the padding."""
        ds, meta = self._ds, self._ds.file_meta
        assert isinstance(meta, FileMetaDataset)
        words = [self._inventor.word() for _ in range(8)]
        host, pad, bits, icon, odd, title, curve, extra = words
        ds.preamble = b"HOST " + host.encode().ljust(123, b"\0")
        meta.SourceApplicationEntityTitle = title[:16]
        meta.PrivateInformationCreatorUID = UID("1.2.826.0.1.3680043.99.1")
        meta.PrivateInformation = extra.encode() + b"\0" * (len(extra) % 2)
        ds.add_new(0x50003000, "OW", curve.encode().ljust(32, b"\0"))
        ds.add_new(0x60000010, "US", 16)
        ds.add_new(0x60000011, "US", 16)
        ds.add_new(0x60000100, "US", 1)
        ds.add_new(0x60003000, "OW", bits.encode().ljust(32, b"\0"))
        image = Dataset()
        image.Rows = image.Columns = 8
        image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
        image.BitsAllocated = image.BitsStored = 8
        image.HighBit, image.PixelRepresentation = 7, 0
        image.PixelData = icon.encode().ljust(64, b"\0")
        image["PixelData"].VR = "OB"
        ds.IconImageSequence = Sequence([image])
        ds.add(DataElement(0x00187FFE, "LO", odd))
        ds.add_new(0xFFFCFFFC, "OB", pad.encode() + b"\0" * (len(pad) % 2))
        self._planted.tokens += [(word[:16], "word") for word in words]

    def _pixels(self, number: int) -> None:
        """Burn the patient's name into generated pictures; the others must come out untouched."""
        ds = self._ds
        if str(ds.get("Manufacturer")) != "Bench" or ds.Modality == "CT":
            if ds.get("Modality") in _PLAIN:
                self._check("pixels retained", "PixelData")
            return
        pixels = ds.pixel_array.copy()
        canvas = Image.new("L", (pixels.shape[1], pixels.shape[0]))
        size = max(14, pixels.shape[0] // 40)
        text = f"{ds.PatientName.family_name} {ds.PatientID} #{number}"
        ImageDraw.Draw(canvas).text((12, 12), text, 255, ImageFont.load_default(size))
        ink = np.asarray(canvas) > 127
        self._planted.ink, self._planted.bare = ink, pixels.copy()
        pixels[ink] = pixels.max()
        ds.PixelData = pixels.tobytes()
        ds.BurnedInAnnotation = "YES"
        self._check("pixels hidden", "PixelData")


def _one_per_place(inventor: Inventor) -> Iterator[tuple[str, str, str]]:
    by_path: dict[str, list[tuple[str, str, str]]] = {}
    for row in TEXTS:
        by_path.setdefault(row[0], []).append(row)
    for rows in by_path.values():
        yield inventor.random.choice(rows)


def spelled(day: str) -> set[str]:
    """The spellings of a YYYYMMDD in which a leak is looked for."""
    date = dt.date(int(day[:4]), int(day[4:6]), int(day[6:]))
    forms = [
        "%Y%m%d",
        "%Y-%m-%d",
        "%d.%m.%Y",
        "%m/%d/%Y",
        "%d/%m/%Y",
        "%Y/%m/%d",
        "%d-%b-%Y",
        "%Y.%m.%d",
    ]
    return {date.strftime(f) for f in (*forms, "%d %b %Y", "%B %d, %Y", "%d %B %Y")}
