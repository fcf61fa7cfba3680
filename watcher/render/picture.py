"""A picture for a person's eyes on this box: an array as a PNG file, by Pillow."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def save(image: NDArray[np.uint8], path: Path) -> None:
    """Write uint8 (rows, columns) or (rows, columns, 3) as RGB; raises OSError."""
    Image.fromarray(image).save(path, format="PNG")


def load(path: Path) -> NDArray[np.uint8]:
    """Read a PNG as uint8 (rows, columns) or (rows, columns, 3)."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), dtype=np.uint8)


def dumped(image: NDArray[np.uint8]) -> bytes:
    """The same as `save`, in memory only."""
    held = BytesIO()
    Image.fromarray(image).save(held, format="PNG", compress_level=1)
    return held.getvalue()
