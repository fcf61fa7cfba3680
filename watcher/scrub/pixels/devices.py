"""Devices without a rule: the key they are counted under, and a rule drafted from what was read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from watcher.dicom.names import Dataset
from watcher.scrub.pixels.regions import Rectangle, merged

# What vendors' names are made of; anything else could be a person's or a hospital's doing.
_TECHNICAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/+()-]{0,47}")
_UNKNOWN = "?"


@dataclass(frozen=True, slots=True, order=True)
class Device:
    """A combination that a device rule can be written for. Technical values only.

    Manufacturer and Manufacturer's Model Name stay as they are in the profile (PS3.15 Table
    E.1-1 does not list them); a value of unusual characters or length is replaced by "?".
    """

    manufacturer: str
    model: str
    modality: str
    rows: int
    columns: int

    @property
    def key(self) -> str:
        """Eight hexadecimal digits to name it by."""
        return hashlib.sha256(repr(self.row).encode()).hexdigest()[:8]

    @property
    def row(self) -> tuple[str, str, str, int, int]:
        """As the ledger keeps it."""
        return (self.manufacturer, self.model, self.modality, self.rows, self.columns)

    @classmethod
    def of(cls, dataset: Dataset, rows: int, columns: int) -> Device:
        """The device of one file."""
        return cls(
            _technical(dataset, "Manufacturer"),
            _technical(dataset, "ManufacturerModelName"),
            _technical(dataset, "Modality"),
            rows,
            columns,
        )


def draft_rule(device: Device, boxes: Iterable[Rectangle]) -> str:
    """A rule in deid's language for a person to check: masks what the reader found on this device.

    Boxes are (left, top, right, bottom); touching ones become one. With no box, or an unknown
    name, what is left out shows as a comment, so that the draft cannot match more than it should.
    """
    tests = [
        f"equals {keyword} {value}"
        for keyword, value in (
            ("Manufacturer", device.manufacturer),
            ("ManufacturerModelName", device.model),
            ("Modality", device.modality),
            ("Rows", str(device.rows)),
            ("Columns", str(device.columns)),
        )
        if value != _UNKNOWN
    ]
    head = f"LABEL {device.manufacturer} {device.model} {device.rows}x{device.columns} # drafted"
    lines = [f"  + {test}" if i else f"  {test}" for i, test in enumerate(tests)]
    areas = [f"  coordinates {','.join(map(str, box))}" for box in merged(boxes)]
    return "\n".join([head, *lines, *(areas or ["  # no region was found"])]) + "\n"


def _technical(dataset: Dataset, keyword: str) -> str:
    value = str(dataset.get(keyword) or "").strip()
    return value if _TECHNICAL.fullmatch(value) else _UNKNOWN
