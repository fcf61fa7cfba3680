"""Parcels made of generated PNGs, written with the room's own encoder."""

from __future__ import annotations

import hashlib
import random
import struct
import uuid
import zlib
from collections.abc import Callable
from pathlib import Path

from watcher.deliver import encode
from watcher.deliver.parcel import Parcel
from watcher.model import ImageFields, SpoolFile, StudyFields

MakeParcel = Callable[..., Parcel]


def uid() -> str:
    """A new UID (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid4().int}"


def png_bytes(width: int, height: int, seed: int = 0, bits: int = 8, samples: int = 1) -> bytes:
    """A PNG of noise, which does not compress, by the PNG specification alone."""
    row = width * samples * bits // 8
    noise = random.Random(seed)
    raw = b"".join(b"\0" + noise.randbytes(row) for _ in range(height))
    ihdr = struct.pack(">IIBBBBB", width, height, bits, 0 if samples == 1 else 2, 0, 0, 0)
    chunks = [(b"IHDR", ihdr), (b"IDAT", zlib.compress(raw, 0)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks
    )


def study_fields() -> StudyFields:
    """A new Study and Series."""
    return StudyFields(uid(), uid(), "A4F9K2M8QX", "P7TD3WZ1HB", "042Y")


def spooled(folder: Path, name: str, png: bytes) -> tuple[SpoolFile, SpoolFile]:
    """The PNG and its text, on disk."""
    (folder / f"{name}.png").write_bytes(png)
    file = SpoolFile(f"{name}.png", len(png), hashlib.sha256(png).hexdigest())
    return file, encode.write_text(folder / f"{name}.png", folder / f"{name}.png.txt")


def parcel_in(
    folder: Path,
    study: StudyFields | None = None,
    *,
    frames: int = 1,
    width: int = 16,
    height: int = 12,
) -> Parcel:
    """A Parcel of `frames` images in `folder`; every image has its own content."""
    key, instance = uuid.uuid4().hex, uid()
    images = []
    for frame in range(frames):
        content = png_bytes(width, height, seed=frame + uuid.uuid4().int)
        png, text = spooled(folder, f"{key}.{frame}", content)
        images.append(
            ImageFields(
                image_instance_uid=instance,
                sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
                height=height,
                width=width,
                rescale_slope=1.0,
                rescale_intercept=0.0,
                photometric_interpretation="MONOCHROME2",
                samples_per_pixel=1,
                bits_allocated=8,
                bits_stored=8,
                high_bit=7,
                text=text,
                png=png,
                frame_number=frame + 1 if frames > 1 else None,
            )
        )
    return Parcel(key, study or study_fields(), tuple(images), folder)
