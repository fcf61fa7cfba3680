"""Pictures with planted text and the masks of its ink, for the benchmark of burned-in text."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import FileDataset

from watcher.dicom.part10 import Part10

Array = NDArray[Any]

FACES = (
    "sans",
    "sans bold",
    "outlined",
    "bitmap",
    "dot matrix",
    "stroke",
    "thick stroke",
    "turned",
)
TONES = ("light", "dark", "grey", "on a box")
SIZES = (8, 9, 10, 12, 14, 17, 20, 24, 32, 44, 60)
# Text-free files of pydicom's package; the others below hold a scanner's own text.
FILES = (
    "CT_small.dcm",
    "J2K_pixelrep_mismatch.dcm",
    "JPEG2000.dcm",
    "examples_overlay.dcm",
    "MR2_J2KR.dcm",
    "RG1_J2KR.dcm",
    "explicit_VR-UN.dcm",
    "bad_sequence.dcm",
    "eCT_Supplemental.dcm",
    "SC_rgb_rle.dcm",
    "SC_rgb_small_odd.dcm",
)
_SYLLABLES = ("an", "bel", "cor", "dun", "el", "far", "gol", "is", "kam", "lun", "mer", "os", "tor")


@dataclass(frozen=True)
class Planted:
    """One string: its ink in one frame (rows, columns) bool, or in every frame."""

    text: str
    mask: Array
    frame: int | None
    face: str
    tone: str
    height: int


@dataclass
class ArrayFrames:
    """Frames of an array, (frames, rows, columns[, samples])."""

    array: Array
    photometric: str

    def __post_init__(self) -> None:
        self.number, self.rows, self.columns = self.array.shape[:3]
        self.samples = self.array.shape[3] if self.array.ndim == 4 else 1

    def frame(self, index: int) -> Array:
        frame: Array = self.array[index]
        return frame


@dataclass(eq=False)
class Picture:
    """An Instance to judge, and what was planted in it."""

    kind: str
    frames: ArrayFrames
    attributes: dict[str, Any]
    planted: list[Planted] = field(default_factory=list)

    @property
    def part(self) -> Part10:
        dataset = FileDataset("", {})
        for keyword, value in self.attributes.items():
            setattr(dataset, keyword, value)
        array = self.frames.array
        dataset.Rows, dataset.Columns = self.frames.rows, self.frames.columns
        dataset.SamplesPerPixel = self.frames.samples
        dataset.PhotometricInterpretation = self.frames.photometric
        dataset.BitsAllocated = dataset.BitsStored = array.dtype.itemsize * 8
        dataset.HighBit = dataset.BitsStored - 1
        dataset.PixelRepresentation = int(array.dtype.kind == "i")
        dataset.NumberOfFrames = self.frames.number
        return Part10(dataset, None)


def pictures(seed: str, count: int, fonts: list[Path]) -> Iterator[Picture]:
    """`count` pictures, a fifth of them without text; the same seed gives the same ones."""
    rng = random.Random(f"burned-in {seed}")
    noise = np.random.default_rng(rng.getrandbits(64))
    packaged = list(_packaged())
    for _ in range(count):
        if packaged and rng.random() < 0.5:
            source = rng.choice(packaged)
            frames = ArrayFrames(source.frames.array.copy(), source.frames.photometric)
            picture = Picture(source.kind, frames, source.attributes)
        else:
            picture = _made_up(rng, noise)
        _vary(picture, rng)
        if rng.random() >= 0.2:
            for _ in range(rng.choice((1, 2, 3, 4))):
                _plant(picture, rng, fonts)
        yield picture


def _packaged() -> Iterator[Picture]:
    for name in FILES:
        path = Path(pydicom.__file__).parent / "data" / "test_files" / name
        cached = Path.home() / ".pydicom" / "data" / name
        path = path if path.exists() else cached
        if not path.exists():
            continue
        dataset = pydicom.dcmread(path)
        array = dataset.pixel_array
        if array.ndim == (2 if dataset.SamplesPerPixel == 1 else 3):
            array = array[None]
        colour = "RGB" if dataset.SamplesPerPixel == 3 else dataset.PhotometricInterpretation
        if min(array.shape[1:3]) >= 96 and colour != "PALETTE COLOR":
            yield Picture(name, ArrayFrames(array, colour), _technical(dataset))


def _technical(dataset: Any) -> dict[str, Any]:
    keywords = ("SOPClassUID", "Modality", "ImageType", "Manufacturer", "ManufacturerModelName")
    return {k: dataset.get(k) for k in keywords if dataset.get(k)}


_CLASSES = {
    "CT": ("1.2.840.10008.5.1.4.1.1.2", 512),
    "MR": ("1.2.840.10008.5.1.4.1.1.4", 320),
    "DX": ("1.2.840.10008.5.1.4.1.1.1.1", 1400),
    "US": ("1.2.840.10008.5.1.4.1.1.3.1", 480),
    "SC": ("1.2.840.10008.5.1.4.1.1.7", 640),
}


def _made_up(rng: random.Random, noise: np.random.Generator) -> Picture:
    modality = rng.choice(tuple(_CLASSES))
    uid, size = _CLASSES[modality]
    rows, columns = size, int(size * rng.choice((1.0, 1.0, 1.25)))
    attributes = {
        "SOPClassUID": uid,
        "Modality": "OT" if modality == "SC" else modality,
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
    }
    grey = _anatomy(modality, rows, columns, rng, noise)
    if modality in ("US", "SC"):
        frames = rng.choice((1, 6)) if modality == "US" else 1
        stack = np.stack([np.roll(grey, 2 * k, 1) for k in range(frames)])
        array = np.repeat((stack * 255).astype(np.uint8)[..., None], 3, axis=3)
        return Picture(f"{modality}, made up", ArrayFrames(array, "RGB"), attributes)
    signed = modality == "CT"
    values = grey * 3000 - (1000 if signed else 0)
    cells: Array = values.astype(np.int16 if signed else np.uint16)[None]
    return Picture(f"{modality}, made up", ArrayFrames(cells, "MONOCHROME2"), attributes)


def _anatomy(
    modality: str, rows: int, columns: int, rng: random.Random, noise: np.random.Generator
) -> Array:
    """Something between a phantom and a body, 0 to 1: organs, bone, vessels, texture, noise."""
    image: Array = np.zeros((rows, columns), np.float32)
    if modality == "SC":
        image[:] = rng.choice((0, 0.1, 0.5, 1))
    else:
        _organ(image, (columns // 2, rows // 2), (0.44 * columns, 0.4 * rows), 0.4)
        for _ in range(rng.randint(6, 30)):
            centre = (int(rng.gauss(0.5, 0.18) * columns), int(rng.gauss(0.5, 0.16) * rows))
            axes = (rng.uniform(0.01, 0.14) * columns, rng.uniform(0.01, 0.1) * rows)
            _organ(image, centre, axes, rng.choice((0.1, 0.35, 0.45, 0.55, 0.8, 1.0)))
    texture = cv2.GaussianBlur(noise.normal(size=image.shape).astype(np.float32), (0, 0), 1.2)
    strength = {"CT": 0.03, "MR": 0.06, "DX": 0.02, "US": 0.35, "SC": 0.0}[modality]
    image = cv2.GaussianBlur(image, (0, 0), 1.0) + strength * texture * (0.2 + image)
    return np.asarray(np.clip(image, 0, 1))


def _organ(image: Array, centre: tuple[int, int], axes: tuple[float, float], value: float) -> None:
    sizes = (max(1, int(axes[0])), max(1, int(axes[1])))
    cv2.ellipse(image, centre, sizes, 0, 0, 360, value, -1, cv2.LINE_AA)


def _vary(picture: Picture, rng: random.Random) -> None:
    """Some pictures as 8 bit, inverted, or as a clip of six equal frames."""
    array, colour = picture.frames.array, picture.frames.photometric
    if array.ndim == 3 and array.dtype.itemsize == 2 and rng.random() < 0.2:
        low, high = np.percentile(array, (0.5, 99.5))
        scaled = (array.astype(np.float32) - low) / max(high - low, 1) * 255
        array = np.clip(scaled, 0, 255).astype(np.uint8)
    if array.ndim == 3 and rng.random() < 0.15:
        array = (int(array.max()) + int(array.min()) - array.astype(np.int64)).astype(array.dtype)
        colour = "MONOCHROME1"
    if len(array) == 1 and array.size < 400_000 and rng.random() < 0.15:
        array = np.repeat(array, 6, axis=0)
    picture.frames = ArrayFrames(array, colour)


def _plant(picture: Picture, rng: random.Random, fonts: list[Path]) -> None:
    """Draw one string where it is legible and free; leave the picture as it is when none fits."""
    array = picture.frames.array
    number, rows, columns = array.shape[:3]
    text, face, height = _text(rng), rng.choice(FACES), rng.choice(SIZES)
    ink = _ink(text, height, face, rng, fonts)[: rows - 8, : columns - 8]
    frame = None if number == 1 or rng.random() < 0.5 else rng.randrange(number)
    grey = array[frame or 0].astype(np.float32)
    grey = grey.mean(-1) if grey.ndim == 3 else grey
    low, high = (float(v) for v in np.percentile(grey, (1, 99.5)))
    if high - low < 0.1 * np.iinfo(array.dtype).max and array.ndim == 4:
        low, high = 0.0, 255.0  # an empty screen
    for _ in range(60):
        place = _place(ink.shape, rows, columns, rng)
        tone = rng.choice(TONES)
        value = _value(tone, grey[place], low, high, rng)
        if value is None or any(_close(p.mask, place) for p in picture.planted):
            continue
        if tone == "on a box":
            _draw(array, frame, _grown(place), np.full((9999, 9999), 255, np.uint8), low)
        elif face == "outlined":
            halo = cv2.dilate(np.pad(ink, 2), np.ones((3, 3), np.uint8))
            _draw(array, frame, _grown(place), halo, low if value > (low + high) / 2 else high)
        _draw(array, frame, place, ink, value)
        mask = np.zeros((rows, columns), bool)
        mask[place] = ink > 110
        picture.planted.append(Planted(text, mask, frame, face, tone, height))
        return


def _value(tone: str, under: Array, low: float, high: float, rng: random.Random) -> float | None:
    """The ink's value, or None where it could not be read."""
    span, mean = max(high - low, 1.0), float(under.mean())
    if tone == "on a box":
        return high
    grey = mean + rng.choice((-0.4, 0.4)) * span
    value = {"light": high, "dark": low, "grey": grey}[tone]
    legible = abs(value - mean) > 0.25 * span + 1.5 * float(under.std())
    return value if legible and low <= value <= high else None


def _place(shape: tuple[int, ...], rows: int, columns: int, rng: random.Random) -> Any:
    bottom, right = rows - shape[0] - 3, columns - shape[1] - 3
    inside = rng.random() < 0.5
    top = rng.randint(3, bottom) if inside else rng.choice((3, bottom))
    left = rng.randint(3, right) if inside else rng.choice((3, right))
    return np.s_[top : top + shape[0], left : left + shape[1]]


def _grown(place: Any) -> Any:
    down, across = place
    return np.s_[down.start - 2 : down.stop + 2, across.start - 2 : across.stop + 2]


def _close(mask: Array, place: Any) -> bool:
    down, across = place
    return bool(
        mask[max(0, down.start - 6) : down.stop + 6, across.start - 6 : across.stop + 6].any()
    )


def _draw(array: Array, frame: int | None, place: Any, ink: Array, value: float) -> None:
    limits = np.iinfo(array.dtype)
    for index in range(len(array)) if frame is None else [frame]:
        under = array[index][place]
        share = ink[: under.shape[0], : under.shape[1]].astype(np.float32) / 255
        share = share[..., None] if under.ndim == 3 else share
        mixed = np.rint(under * (1 - share) + value * share)
        array[index][place] = np.clip(mixed, limits.min, limits.max).astype(array.dtype)


def _text(rng: random.Random) -> str:
    def name() -> str:
        return "".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(2, 3)))

    def digits(count: int) -> str:
        return "".join(rng.choice("0123456789") for _ in range(count))

    day = f"{rng.randint(1, 28):02d}", f"{rng.randint(1, 12):02d}", str(rng.randint(1925, 2026))
    return rng.choice(
        (
            f"{name().upper()}, {name().upper()}",
            f"{name().title()} {name().title()}",
            f"{name().upper()}^{name().upper()}",
            f"DOB {'.'.join(day)}",
            "-".join(reversed(day)),
            f"{day[1]}/{day[0]}/{day[2]}",
            f"ID {digits(8)}",
            f"MRN: {digits(7)}",
            f"{rng.choice('ABCH')}{digits(6)}",
            f"Dr. {name().title()}",
            f"{name().title()} Hospital",
            f"{digits(3)}-{digits(4)}",
        )
    )


_STROKES = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_DUPLEX)


def _ink(text: str, height: int, face: str, rng: random.Random, fonts: list[Path]) -> Array:
    """(rows, columns) uint8, tight around the text; `height` is that of a capital in pixels."""
    if "stroke" in face:
        ink = _stroked(text, height, face, rng)
    elif face in ("bitmap", "dot matrix"):
        ink = _bitmap(text, height, face)
    else:
        ink = _outline(text, height, face, rng, fonts)
    lines, columns = np.flatnonzero((ink > 60).any(1)), np.flatnonzero((ink > 60).any(0))
    tight = ink[lines[0] : lines[-1] + 1, columns[0] : columns[-1] + 1]
    return np.rot90(tight, rng.choice((1, 3))) if face == "turned" else tight


def _stroked(text: str, height: int, face: str, rng: random.Random) -> Array:
    font = rng.choice(_STROKES)
    thickness = max(1, height // 14) if face == "stroke" else max(2, height // 7)
    scale = height / cv2.getTextSize("H", font, 1, 1)[0][1]
    (width, rows), base = cv2.getTextSize(text, font, scale, thickness)
    canvas = np.zeros((rows + base + 20, width + 20), np.uint8)
    cv2.putText(canvas, text, (8, rows + 8), font, scale, 255, thickness, cv2.LINE_8)
    return canvas


def _bitmap(text: str, height: int, face: str) -> Array:
    font = ImageFont.load_default_imagefont()
    image = Image.new("L", (12 * len(text), 20))
    ImageDraw.Draw(image).text((2, 2), text, font=font, fill=255)
    zoom = max(1, round(height / 8))
    ink = np.kron(np.asarray(image), np.ones((zoom, zoom), np.uint8))
    if face == "dot matrix" and zoom > 2:
        ink[::zoom] = 0
        ink[:, ::zoom] = 0
    return ink


def _outline(text: str, height: int, face: str, rng: random.Random, fonts: list[Path]) -> Array:
    pixels = int(height * 1.4)
    bold = max(1, height // 14) if face == "sans bold" else 0
    font: Any = ImageFont.load_default(pixels)
    if fonts and rng.random() < 0.6:
        font = ImageFont.truetype(str(rng.choice(fonts)), pixels)
    box = font.getbbox(text, stroke_width=bold)
    image = Image.new("L", (int(box[2]) + 6, int(box[3]) + 6))
    ImageDraw.Draw(image).text((3, 3), text, font=font, fill=255, stroke_width=bold)
    return np.asarray(image)
