"""Lookup tables as DICOM carries them: descriptor and data (PS3.3 C.11.1.1.1, C.7.6.3.1.5).

Call these within `quiet()`: reading a value may warn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from watcher.dicom.quiet import LIBRARY_ERRORS
from watcher.dicom.walk import EXPLICIT_BIG
from watcher.errors import RefusedError
from watcher.model import Reason


@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """`entries[0]` is for values up to `first`; values beyond the table get its last entry."""

    first: int
    entries: NDArray[Any]
    bits: int

    def __call__(self, values: NDArray[Any]) -> NDArray[Any]:
        """Map values (any number type, fractions dropped to the nearest) to entries."""
        index = np.clip(np.rint(values) - self.first, 0, len(self.entries) - 1)
        entries: NDArray[Any] = np.take(self.entries, index.astype(np.intp))
        return entries


def is_little(dataset: Dataset) -> bool:
    """Whether the words of a table in this file are little endian."""
    syntax = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", "")
    return str(syntax) != EXPLICIT_BIG


def read_lookup(dataset: Dataset, descriptor: str, data: str, little: bool, signed: bool) -> Lookup:
    """Read one table; `signed` says whether what it maps may be negative.

    Raises RefusedError(UNDECODABLE) naming the attribute: a table that is not what its descriptor
    says would paint a wrong picture.
    """
    first, length, bits = read_descriptor(dataset, descriptor, signed)
    words = read_words(dataset, data, little)
    if len(words) == -(-length // 2):  # 8-bit entries packed two to a word, the first one low
        words = words.astype("<u2").view(np.uint8).astype(np.uint16)
    if len(words) < length:
        raise RefusedError(Reason.UNDECODABLE, data)
    return Lookup(first, words[:length], bits)


def read_descriptor(dataset: Dataset, keyword: str, signed: bool) -> tuple[int, int, int]:
    """(first mapped value, number of entries, bits of an entry); 0 entries mean 65536."""
    words = read_words(dataset, keyword, is_little(dataset)).tolist()
    if len(words) != 3 or not 8 <= words[2] <= 16:
        raise RefusedError(Reason.UNDECODABLE, keyword)
    length, first, bits = words
    first = first - 0x10000 if signed and first > 0x7FFF else first
    return first, length or 0x10000, bits


def read_words(dataset: Dataset, keyword: str, little: bool) -> NDArray[Any]:
    """The data of a table as 16-bit words, whatever of US, SS and OW it is written as."""
    try:
        value: Any = dataset[keyword].value
        if isinstance(value, bytes):
            order = "<" if little else ">"
            return np.frombuffer(value[: len(value) // 2 * 2], f"{order}u2").astype(np.uint16)
        numbers = [value] if isinstance(value, int) else list(value)
        return (np.array(numbers, np.int64) & 0xFFFF).astype(np.uint16)
    except LIBRARY_ERRORS:
        raise RefusedError(Reason.UNDECODABLE, keyword) from None
