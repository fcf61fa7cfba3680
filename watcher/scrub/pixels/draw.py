"""Boxes drawn on a picture, for a person who asks why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from watcher.scrub.pixels.regions import Rectangle

_RED = (255, 0, 0)


def draw(image: NDArray[Any], boxes: Iterable[Rectangle], width: int = 2) -> NDArray[np.uint8]:
    """Outline `boxes` on a copy of `image`, uint8 (rows, columns) or (rows, columns, 3), as RGB."""
    grey = image.ndim == 2
    canvas = np.array(np.repeat(image[..., None], 3, axis=2) if grey else image, np.uint8)
    for left, top, right, bottom in boxes:
        outlined = canvas[max(0, top) : bottom, max(0, left) : right]
        inside = outlined[width:-width, width:-width].copy()
        outlined[:] = _RED
        outlined[width:-width, width:-width] = inside
    return canvas
