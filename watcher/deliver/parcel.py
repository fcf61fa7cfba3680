"""What is sent: the images of one content, and the keys that name it and every batch of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from watcher.model import ImageFields, StudyFields


@dataclass(frozen=True, slots=True)
class Parcel:
    """The images of one content, or some of its frames.

    `key` is the idempotency key of the content, `folder` holds the images' text files and `frames`
    is the Number of Frames of the whole Instance (None: all of them are in `images`).
    """

    key: str
    study: StudyFields
    images: tuple[ImageFields, ...]
    folder: Path
    frames: int | None = None

    @property
    def whole(self) -> bool:
        """Whether no frame of the Instance is missing."""
        return len(self.images) == self.number_of_frames

    @property
    def number_of_frames(self) -> int:
        """Number of Frames (0028,0008) of the Instance."""
        return len(self.images) if self.frames is None else self.frames

    @property
    def size(self) -> int:
        """Bytes of base64."""
        return sum(image.text.size for image in self.images)

    @property
    def name(self) -> str:
        """The key, and which frames of the content these are when they are not all."""
        if self.whole:
            return self.key
        first, last = self.images[0].frame_number, self.images[-1].frame_number
        return f"{self.key}.{first}-{last}"

    def part(self, start: int, stop: int) -> Parcel:
        """The images from `start` to before `stop`."""
        return replace(self, images=self.images[start:stop], frames=self.number_of_frames)


def request_key(parcels: Sequence[Parcel]) -> str:
    """The Idempotency-Key of one request: from its members alone, in any process, at any time."""
    if len(parcels) == 1:
        return parcels[0].name
    return digest(parcel.name for parcel in parcels)


def digest(names: Iterable[str]) -> str:
    """One key for an ordered list of names; no name can hold the separator."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()
