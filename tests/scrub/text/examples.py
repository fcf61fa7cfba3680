"""Somebody who does not exist, and how people and machines spell a day."""

from __future__ import annotations

import datetime as dt

from pydicom.dataset import Dataset

from watcher.scrub.identity import Identity

SPELLED_DAYS = (
    "%Y%m%d",
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d.%m.%y",
    "%m/%d/%y",
    "%d-%b-%Y",
    "%d %b %Y",
    "%d%b%Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%d %B %Y",
    "%d. %B %Y",
)


def identity(
    name: str = "", patient_id: str = "", born: dt.date | None = None, **more: str
) -> Identity:
    """The identity of a file with these values and no others."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = name
    dataset.PatientID = patient_id
    if born is not None:
        dataset.PatientBirthDate = born.strftime("%Y%m%d")
    for keyword, value in more.items():
        setattr(dataset, keyword, value)
    return Identity.of(dataset)


NOBODY = identity()
