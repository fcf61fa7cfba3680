"""Training examples: a picture, where text was planted in it, and how much each place counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from scripts.training.backgrounds import Backgrounds, Grey

CELL = 4
_MARGIN = 3  # pixels around a text that count for nothing
_LARGEST = 38  # pixels: larger letters are another scale's business
_FAINTEST = 0.06
_WORDS = (
    *("Name", "Patient", "ID", "DOB", "MRN", "Acc", "Dr", "Hospital", "Clinic", "St.", "Ward"),
    *("CHEST", "ABD", "PELVIS", "kV", "mAs", "mm", "WL", "WW", "FOV", "TR", "TE", "SE", "IM"),
)
_LETTERS = "AEIOUBCDFGHKLMNPRSTVWZ"
_OTHERS = "абвгдежзиклмнопрстуф", "山田太郎佐藤鈴木高橋医院科病床号年月日男女"
_STROKES = (
    *(cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_DUPLEX),
    *(cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_COMPLEX_SMALL),
)


@dataclass(frozen=True, slots=True)
class Example:
    """`plane` (side, side) uint8; `label` bool and `weight` float32, (side / 4, side / 4) each."""

    plane: NDArray[np.uint8]
    label: NDArray[np.bool_]
    weight: NDArray[np.float32]


class Planter:
    """Makes examples without end."""

    def __init__(self, seed: int, fonts: Sequence[Path] = ()) -> None:
        self._rng = np.random.default_rng(seed)
        self._backgrounds = Backgrounds(self._rng)
        self._fonts = tuple(fonts)

    def example(self, side: int = 192) -> Example:
        """One example; two of five show no text."""
        rng = self._rng
        picture = self._backgrounds.draw(side)
        label, weight = np.zeros((side, side), np.float32), np.ones((side, side), np.float32)
        for _ in range(int(rng.choice((1, 1, 2, 3, 5))) if rng.random() < 0.62 else 0):
            picture = self._planted(picture, label, weight)
        if rng.random() < 0.15:
            blurred = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.3, 0.9)))
            picture = np.asarray(blurred, np.float32)
        plane = np.asarray(np.clip(picture, 0, 1) * 255, np.uint8)
        if rng.random() < 0.25:
            _, stream = cv2.imencode(".jpg", plane, [1, int(rng.integers(40, 96))])
            plane = np.asarray(cv2.imdecode(stream, 0), np.uint8)
        cells = (side // CELL, side // CELL)
        share = cv2.resize(label, cells, interpolation=cv2.INTER_AREA)
        counts = np.asarray(cv2.resize(weight, cells, interpolation=cv2.INTER_AREA), np.float32)
        counts[(share > 0.15) & (share < 0.6)] *= 0.3
        return Example(plane, share > 0.5, counts)

    def _planted(self, picture: Grey, label: Grey, weight: Grey) -> Grey:
        rng, side = self._rng, len(picture)
        height = int(np.exp(rng.uniform(np.log(6), np.log(44))))
        ink = self._ink(self._text(), height)
        if rng.random() < 0.2:
            ink = np.rot90(ink, int(rng.choice((1, 3))))
        ink = ink[:side, :side]
        rows, columns = ink.shape
        top, left = int(rng.integers(side - rows + 1)), int(rng.integers(side - columns + 1))
        place = np.s_[top : top + rows, left : left + columns]
        around = np.s_[
            max(0, top - _MARGIN) : top + rows + _MARGIN,
            max(0, left - _MARGIN) : left + columns + _MARGIN,
        ]
        if label[around].any():
            return picture
        picture = picture.copy()
        under = picture[place]
        if rng.random() < 0.15:
            picture[around] = rng.choice((0, 1))
        value = float(rng.choice((1.0, 0.0, rng.random(), under.mean() + rng.uniform(-0.6, 0.6))))
        picture[place] = under * (1 - ink) + np.clip(value, 0, 1) * ink
        solid = ink > 0.45
        ring = cv2.dilate(solid.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool) & ~solid
        weight[around] = 0
        label[place] = 1
        if solid.any() and ring.any() and min(rows, columns) <= _LARGEST:
            contrast = abs(float(picture[place][solid].mean() - picture[place][ring].mean()))
            legible = contrast > max(_FAINTEST, 0.9 * float(picture[place][ring].std()))
            weight[place] = 1.6 if legible else 0
        return picture

    def _text(self) -> str:
        rng = self._rng

        def word(letters: str, least: int, most: int) -> str:
            return "".join(rng.choice(list(letters), int(rng.integers(least, most))))

        name = word(_LETTERS, 3, 9)
        number = word("0123456789", 4, 10)
        date = f"{rng.integers(1, 29):02d}.{rng.integers(1, 13):02d}.{rng.integers(1925, 2027)}"
        texts = (
            f"{name}, {word(_LETTERS, 3, 8)}",
            f"{name.title()} {word(_LETTERS, 3, 8).title()}",
            f"{rng.choice(_WORDS)} {number}",
            f"{rng.choice(_WORDS)} {rng.choice(_WORDS)}: {number[:3]}",
            f"DOB {date}",
            date,
            number,
            word(str(rng.choice(_OTHERS)), 3, 9),
        )
        return str(texts[int(rng.choice(len(texts), p=[0.2, 0.15, 0.2, 0.1, 0.1, 0.1, 0.1, 0.05]))])

    def _ink(self, text: str, height: int) -> Grey:
        """(rows, columns), 0 to 1, tight around the text."""
        rng = self._rng
        kind = rng.random() if text.isascii() else 1.0
        if kind < 0.25:
            canvas = _stroked(text, height, _STROKES[int(rng.integers(len(_STROKES)))])
        elif kind < 0.45:
            canvas = _bitmap(text, height, dotted=rng.random() < 0.4)
        else:
            font: Any = ImageFont.load_default(max(6, int(height * 1.4)))
            if self._fonts and (rng.random() < 0.7 or not text.isascii()):
                path = self._fonts[int(rng.integers(len(self._fonts)))]
                font = ImageFont.truetype(str(path), max(6, int(height * 1.4)))
            canvas = _outline(text, font, int(rng.choice((0, 0, 0, 1))))
        lines, columns = (np.flatnonzero((canvas > 60).any(axis)) for axis in (1, 0))
        if not lines.size:
            return np.zeros((8, 8), np.float32)
        tight = canvas[lines[0] : lines[-1] + 1, columns[0] : columns[-1] + 1]
        return np.asarray(tight / 255, np.float32)


def _stroked(text: str, height: int, face: int) -> NDArray[Any]:
    scale = height / cv2.getTextSize("H", face, 1, 1)[0][1]
    thick = max(1, height // 12)
    (width, rows), base = cv2.getTextSize(text, face, scale, thick)
    canvas = np.zeros((rows + base + 2 * thick + 8, width + 2 * thick + 8), np.uint8)
    cv2.putText(canvas, text, (thick + 3, rows + thick + 3), face, scale, 255, thick)
    return canvas


def _bitmap(text: str, height: int, *, dotted: bool) -> NDArray[Any]:
    image = Image.new("L", (12 * len(text) + 8, 24))
    ImageDraw.Draw(image).text((4, 4), text, font=ImageFont.load_default_imagefont(), fill=255)
    zoom = max(1, round(height / 9))
    ink = np.kron(np.asarray(image), np.ones((zoom, zoom), np.uint8))
    if dotted and zoom > 1:  # the gaps between a printer's needles
        ink[::zoom] = 0
        ink[:, ::zoom] = 0
    return ink


def _outline(text: str, font: Any, stroke: int) -> NDArray[Any]:
    box = font.getbbox(text, stroke_width=stroke)
    image = Image.new("L", (int(box[2]) + 8, int(box[3]) + 8))
    ImageDraw.Draw(image).text((4, 4), text, font=font, fill=255, stroke_width=stroke)
    return np.asarray(image)
