"""Letters on a picture: how a modality burns a name in, for synthetic images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont


def letter(
    image: NDArray[np.uint8], text: str, at: tuple[int, int], height: int
) -> NDArray[np.bool_]:
    """Burn `text` into `image`, uint8 (rows, columns), in place, in white.

    `at` is (column, row) of its upper left corner, `height` in pixels. Returns where the letters
    are, bool (rows, columns).
    """
    canvas = Image.new("L", (image.shape[1], image.shape[0]))
    ImageDraw.Draw(canvas).text(at, text, fill=255, font=ImageFont.load_default(height))
    letters = np.asarray(canvas) > 127
    image[letters] = 255
    return letters
