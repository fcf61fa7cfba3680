"""Pictures without text to plant in: crops of packaged files, made-up anatomy, hard negatives."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.data import get_testdata_file

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
    "MR2_UNCR.dcm",
    "RG3_UNCR.dcm",
    "JPEG2000_UNC.dcm",
    "liver_1frame.dcm",
)


class Backgrounds:
    """Draws one background after the other; the same generator gives the same ones."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._real = list(packaged())

    def draw(self, side: int) -> Grey:
        """A square picture without text."""
        kinds = (self._crop, anatomy, speckle, noise, self._mosaic, dashes, screen, doppler)
        weights = (0.34, 0.18, 0.08, 0.08, 0.12, 0.1, 0.05, 0.05)
        picture = kinds[int(self._rng.choice(len(kinds), p=weights))](side, self._rng)
        return 1 - picture if self._rng.random() < 0.3 else picture

    def _crop(self, side: int, rng: np.random.Generator) -> Grey:
        if not self._real:
            return anatomy(side, rng)
        source = self._real[int(rng.integers(len(self._real)))]
        zoom = max(side / min(source.shape), float(rng.uniform(0.5, 2.0)))
        shown = np.asarray(cv2.resize(source, None, fx=zoom, fy=zoom), np.float32)
        top, left = (int(rng.integers(n - side + 1)) for n in shown.shape)
        return shown[top : top + side, left : left + side].copy()

    def _mosaic(self, side: int, rng: np.random.Generator) -> Grey:
        """Slices in rows, as some scanners send a volume: regular like a line of text."""
        tile = int(rng.integers(12, 112))
        count = side // tile + 1
        whole, black = self._crop(192, rng), float(rng.uniform(0.1, 0.5))
        slices = [_head(whole, tile, black, rng) for _ in range(count * count)]
        rows = [np.hstack(slices[n * count :][:count]) for n in range(count)]
        return np.asarray(np.vstack(rows)[:side, :side], np.float32)


def packaged() -> list[Grey]:
    """The first frames of pydicom's files that show no text, as far as they are installed."""
    found = []
    for name in FILES:
        path = get_testdata_file(name, download=False)
        if path is not None:
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
    """Ultrasound; one in four without any grain of its own, or brighter where the tissue is."""
    raw = np.hypot(_normal(side, rng), _normal(side, rng))
    if rng.random() < 0.75:
        raw = np.asarray(cv2.GaussianBlur(raw, (0, 0), float(rng.uniform(0.6, 2.0))))
    if rng.random() < 0.3:
        return np.asarray(np.clip(raw * anatomy(side, rng) * 0.4, 0, 1), np.float32)
    return scaled(np.log1p(raw))


def noise(side: int, rng: np.random.Generator) -> Grey:
    """Noise of some grain, sometimes as two values only."""
    grain = float(rng.choice((0.3, 0.5, 1, 2, 4)))
    picture = cv2.GaussianBlur(_normal(side, rng), (0, 0), grain)
    return np.asarray(picture > 0, np.float32) if rng.random() < 0.2 else scaled(picture)


def _head(whole: Grey, tile: int, black: float, rng: np.random.Generator) -> Grey:
    """A part of a picture within an ellipse on black, `tile` pixels wide; or made-up anatomy."""
    part = anatomy(tile, rng)
    if rng.random() < 0.7:
        size = int(rng.integers(64, 193))
        top, left = (int(v) for v in rng.integers(0, 193 - size, 2))
        cut = whole[top : top + size, left : left + size]
        part = np.asarray(cv2.resize(cut, (tile, tile), interpolation=cv2.INTER_AREA), np.float32)
    mask = np.zeros((tile, tile), np.float32)
    axes = tuple(int(tile * rng.uniform(0.5 - black, 0.5)) for _ in range(2))
    cv2.ellipse(mask, (tile // 2, tile // 2), axes, 0, 0, 360, 1, -1)
    return np.asarray(part * mask, np.float32) if rng.random() < 0.8 else part


def doppler(side: int, rng: np.random.Generator) -> Grey:
    """A box of colour in an ultrasound, as saturation shows it: flat, and noise."""
    picture = speckle(side, rng) * float(rng.choice((0, 0, 0.3)))
    left, top = (int(v) for v in rng.integers(0, side // 2, 2))
    width, height = (int(v) for v in rng.integers(side // 4, side, 2))
    place = np.s_[top : top + height, left : left + width]
    grain = np.hypot(_normal(side, rng), _normal(side, rng)) * float(rng.uniform(0.05, 0.4))
    if rng.random() < 0.5:
        grain = np.asarray(cv2.GaussianBlur(grain, (0, 0), float(rng.uniform(0.4, 1.5))))
    sign = float(rng.choice((-1, 1)))
    picture[place] = float(rng.uniform(0.2, 1)) + sign * (grain * anatomy(side, rng))[place]
    return np.asarray(np.clip(picture, 0, 1), np.float32)


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
