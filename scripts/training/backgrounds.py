"""Pictures without text to plant in: crops of packaged files, made-up anatomy, hard negatives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom
from numpy.typing import NDArray

Grey = NDArray[np.float32]
"""(rows, columns), 0 to 1."""

FILES = (
    "CT_small.dcm",
    "MR_small.dcm",
    "J2K_pixelrep_mismatch.dcm",
    "JPEG2000.dcm",
    "examples_overlay.dcm",
    "MR2_J2KR.dcm",
    "RG1_J2KR.dcm",
    "explicit_VR-UN.dcm",
    "bad_sequence.dcm",
    "eCT_Supplemental.dcm",
    "emri_small.dcm",
)


class Backgrounds:
    """Draws one background after the other; the same generator gives the same ones."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._real = list(packaged())

    def draw(self, side: int) -> Grey:
        """A square picture without text."""
        kinds = (self._crop, anatomy, speckle, noise, mosaic, dashes, screen)
        weights = (0.4, 0.2, 0.08, 0.08, 0.08, 0.1, 0.06)
        kind = kinds[int(self._rng.choice(len(kinds), p=weights))]
        picture = kind(side, self._rng) if kind != self._crop else self._crop(side, self._rng)
        return 1 - picture if self._rng.random() < 0.3 else picture

    def _crop(self, side: int, rng: np.random.Generator) -> Grey:
        if not self._real:
            return anatomy(side, rng)
        source = self._real[int(rng.integers(len(self._real)))]
        zoom = max(side / min(source.shape), float(rng.uniform(0.5, 2.0)))
        shown = np.asarray(cv2.resize(source, None, fx=zoom, fy=zoom), np.float32)
        top, left = (int(rng.integers(n - side + 1)) for n in shown.shape)
        return shown[top : top + side, left : left + side].copy()


def packaged() -> list[Grey]:
    """The first frames of pydicom's files that show no text, as far as they are installed."""
    found = []
    for name in FILES:
        here = Path(pydicom.__file__).parent / "data" / "test_files" / name
        path = here if here.exists() else Path.home() / ".pydicom" / "data" / name
        if path.exists():
            array = pydicom.dcmread(path).pixel_array
            found.append(scaled(array[0] if array.ndim == 3 else array))
    return found


def scaled(values: NDArray[Any]) -> Grey:
    """Any numbers, stretched to 0..1 between two percentiles."""
    low, high = np.percentile(values, (0.5, 99.7))
    return np.asarray(np.clip((values - low) / max(high - low, 1e-6), 0, 1), np.float32)


def anatomy(side: int, rng: np.random.Generator) -> Grey:
    """Organs, bone and vessels with fine noise."""
    picture = np.zeros((side, side), np.float32)
    for _ in range(int(rng.integers(4, 30))):
        centre = tuple(int(v) for v in rng.uniform(-0.1, 1.1, 2) * side)
        axes = tuple(max(1, int(v)) for v in rng.uniform(0.01, 0.4, 2) * side)
        shade, width = float(rng.random()), int(rng.choice((-1, -1, -1, 1, 2, 4)))
        cv2.ellipse(picture, centre, axes, float(rng.uniform(0, 180)), 0, 360, shade, width)
    blurred = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.4, 1.8)))
    grain = cv2.GaussianBlur(_normal(side, rng), (0, 0), float(rng.uniform(0.4, 1.2)))
    return np.asarray(np.clip(blurred + grain * rng.choice((0, 0.01, 0.03, 0.08)), 0, 1))


def speckle(side: int, rng: np.random.Generator) -> Grey:
    """Ultrasound."""
    raw = np.hypot(_normal(side, rng), _normal(side, rng))
    return scaled(np.log1p(cv2.GaussianBlur(raw, (0, 0), float(rng.uniform(0.6, 2.0)))))


def noise(side: int, rng: np.random.Generator) -> Grey:
    """Noise of some grain, sometimes as two values only."""
    grain = float(rng.choice((0.3, 0.5, 1, 2, 4)))
    picture = cv2.GaussianBlur(_normal(side, rng), (0, 0), grain)
    return np.asarray(picture > 0, np.float32) if rng.random() < 0.2 else scaled(picture)


def mosaic(side: int, rng: np.random.Generator) -> Grey:
    """Small pictures in rows, as some scanners send a volume: regular like a line of text."""
    tile = int(rng.integers(12, 64))
    row = [np.hstack([anatomy(tile, rng) for _ in range(side // tile + 1)])]
    return np.vstack(row * (side // tile + 1))[:side, :side]


def dashes(side: int, rng: np.random.Generator) -> Grey:
    """Teeth, ribs, rulers and dashed lines: equal marks side by side."""
    picture = anatomy(side, rng) if rng.random() < 0.5 else np.zeros((side, side), np.float32)
    for _ in range(int(rng.integers(1, 6))):
        step, height = int(rng.integers(3, 40)), int(rng.integers(2, 30))
        left, top = (int(v) for v in rng.integers(0, side, 2))
        shade, width = float(rng.random()), int(rng.choice((-1, 1, 2)))
        for x in range(left, min(side, left + step * int(rng.integers(3, 25))), step):
            if rng.random() < 0.5:
                axes = (max(1, step // 3), max(1, height // 2))
                cv2.ellipse(picture, (x, top), axes, 0, 0, 360, shade, width)
            else:
                far = (x + max(1, step // 2), top + height)
                cv2.rectangle(picture, (x, top), far, shade, width)
        if rng.random() < 0.3:
            picture = np.ascontiguousarray(picture.T)
    return np.clip(picture, 0, 1)


def screen(side: int, rng: np.random.Generator) -> Grey:
    """A scanner's screen: boxes, lines, grids and a colour bar."""
    picture = np.full((side, side), rng.choice((0, 0, 0.1, 0.5, 1)), np.float32)
    for _ in range(int(rng.integers(1, 10))):
        one, other = ([int(v) for v in rng.integers(0, side, 2)] for _ in range(2))
        cv2.rectangle(picture, one, other, float(rng.random()), int(rng.choice((-1, 1, 2))))
        cv2.line(picture, one, other, float(rng.random()), int(rng.choice((1, 2))))
    if rng.random() < 0.3:
        step = int(rng.integers(4, 40))
        picture[::step] = picture[:, ::step] = rng.random()
    return picture


def _normal(side: int, rng: np.random.Generator) -> Grey:
    return rng.standard_normal((side, side), np.float32)
