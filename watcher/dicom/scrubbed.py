"""The type that makes goal 1 hard to break: a data set and frames that went through scrub."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from watcher.dicom.part10 import PixelElement
from watcher.model import PixelReport, StudyFields

Box = tuple[int, int, int, int, int]
"""(frame, left, top, right, bottom) in pixels, right and bottom exclusive; frame counts from 1 and
0 means every frame."""


class Frames(Protocol):
    """Decoded stored values, one frame at a time, nothing cached.

    A frame is (rows, columns) or (rows, columns, samples), in the integer or float type that holds
    Bits Allocated with the sign of Pixel Representation; `photometric` names the colour space of
    the arrays as they come out (e.g. RGB for a JPEG 2000 that said YBR_ICT).
    """

    number: int
    rows: int
    columns: int
    samples: int
    photometric: str

    def frame(self, index: int) -> NDArray[np.generic]:
        """Decode frame `index`, from 0. Raises RefusedError(UNDECODABLE)."""
        ...


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """What may go on to render and deliver. Only `watcher.scrub` makes one (a test watches that).

    `dataset` is cleaned, without Pixel Data. `frames` yields cleaned stored values. `verbatim` is
    the source's pixel element when no pixel changed, so that it can be copied as it is, and None
    when the frames must be written anew. `leak` searches bytes for this patient's own values and
    names the source tag of a hit, or None. `study` holds the pseudonyms for the contract, never
    empty ones: where the source has no Patient ID or Accession Number, the scrub room makes them
    from the Study Instance UID; `study.patient_age` is nnnY or None (PS3.5 AS; above 89: 090Y;
    days, weeks and months: 000Y or whole years).
    """

    dataset: Dataset
    frames: Frames
    verbatim: PixelElement | None
    verdict: str
    boxes: tuple[Box, ...]
    leak: Callable[[bytes], str | None]
    uid_digest: str
    recipe: str
    key_id: str
    study: StudyFields
    sop_class_uid: str
    sop_instance_uid: str
    pixels: PixelReport = field(default_factory=PixelReport)
