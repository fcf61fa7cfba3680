"""Which deflate a PNG's residuals get: how far it looks back for what it has seen.

Noise has no matches worth their bits, so the less deflate looks back, the smaller a radiograph is
(7 % with a window of 512 bytes); drawn ultrasound and screens repeat what is far away. Of a picture
that is flat but for a few edges zlib-ng's run lengths make 8 % fewer bytes than ISA-L does, in
twice its time. ISA-L works at level 2: level 3 takes three times as long for as many bytes.
"""

from __future__ import annotations

import enum
from typing import Protocol

from isal import isal_zlib
from zlib_ng import zlib_ng

_LEVEL = 2
# Only of what is this much smaller already, mostly runs, run lengths are worth the trial.
_RUNS_FROM = 1 / 6


class Coding(enum.Enum):
    """How far deflate looks back: 32 KiB, 512 bytes, one byte."""

    FAR = enum.auto()
    NEAR = enum.auto()
    RUNS = enum.auto()


class Compressor(Protocol):
    """A zlib stream in the making."""

    def compress(self, data: bytes | memoryview, /) -> bytes:
        """Take some more."""

    def flush(self) -> bytes:
        """The end of it."""


def compressor(coding: Coding) -> Compressor:
    """A new stream."""
    made: Compressor
    if coding is Coding.RUNS:
        made = zlib_ng.compressobj(1, strategy=zlib_ng.Z_RLE)
    else:
        made = isal_zlib.compressobj(_LEVEL, wbits=15 if coding is Coding.FAR else 9)
    return made


def coded_size(data: memoryview, coding: Coding) -> int:
    """Bytes that it makes of `data`."""
    stream = compressor(coding)
    return len(stream.compress(data)) + len(stream.flush())


def best_coding(data: memoryview) -> Coding:
    """The coding that makes `data`, the residuals of some rows, smallest."""
    sizes = {coding: coded_size(data, coding) for coding in (Coding.FAR, Coding.NEAR)}
    if min(sizes.values()) < _RUNS_FROM * len(data):
        sizes[Coding.RUNS] = coded_size(data, Coding.RUNS)
    return min(sizes, key=sizes.__getitem__)
