"""The guard: a value of the source in the outgoing bytes is found, everything else is quiet."""

from __future__ import annotations

import datetime as dt
import io
import json

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from tests.scrub.text.examples import SPELLED_DAYS, identity
from watcher.scrub.guard import Guard
from watcher.scrub.identity import Identity
from watcher.scrub.spellings import placeholders
from watcher.scrub.text import vocabulary

PATIENT = identity(
    "Vandelmoor^Ilvetta",
    "PT-4711-22",
    dt.date(1934, 1, 22),
    AccessionNumber="ACC0012345",
    PatientTelephoneNumbers="555-123-4567",
    PatientAddress="4821 Willowbruck Lane",
    InstitutionName="Klinik Westmark",
    StationName="WSTMRK_CT1",
    StudyInstanceUID="1.2.826.0.1.3680043.10.551.9",
    RetrieveURI="https://pacs.westmark.example/x",
)
HIDING_PLACES = (
    b"\x01%s\x01",
    b'{"a": "%s"}',
    b"LO\x0a\x00%s\x32\x00\x60\x10",  # the next group's number looks like a digit
    b"\x00\x30%s\x00\x20",  # so does the length of a big endian value
    b"x=%s;\xff\xfe\x00",
)


def clean_header() -> bytes:
    """A header of another patient: what the guard must be quiet about."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.PatientName = "Q7F2M9"
    ds.PatientID = "P01HK3T9W2"
    ds.StudyDate = "20111103"
    ds.StudyDescription = "CT CHEST WITHOUT CONTRAST"
    ds.Manufacturer = "SIEMENS"
    ds.StudyInstanceUID = "2.25.278361052890873184226514973628137165093"
    ds.WindowCenter = [40, 400]
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, ds, implicit_vr=False, little_endian=True)
    return buffer.getvalue()


@pytest.mark.parametrize("place", HIDING_PLACES)
@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("Vandelmoor", "PatientName"),
        ("VANDELMOOR", "PatientName"),
        ("xxvandelmoorxx", "PatientName"),
        ("ilvetta", "PatientName"),
        ("PT-4711-22", "PatientID"),
        ("PT471122", "PatientID"),
        ("ACC0012345", "AccessionNumber"),
        ("5551234567", "PatientTelephoneNumbers"),
        ("(555) 123 4567", "PatientTelephoneNumbers"),
        ("555.123.4567", "PatientTelephoneNumbers"),
        ("Willowbruck", "PatientAddress"),
        ("Westmark", "InstitutionName"),
        ("WSTMRK_CT1", "StationName"),
        ("1.2.826.0.1.3680043.10.551.9", "StudyInstanceUID"),
        ("pacs.westmark.example/x", "InstitutionName"),
    ],
)
def test_each_value_is_found_and_its_tag_named(text: str, tag: str, place: bytes) -> None:
    """Whatever stands beside it: text, JSON, or the binary neighbours of a DICOM value."""
    data = clean_header() + place.replace(b"%s", text.encode()) + clean_header()
    assert Guard(PATIENT).leak(data) == tag
    assert text not in str(Guard(PATIENT).leak(data))


@pytest.mark.parametrize("spelling", SPELLED_DAYS)
@pytest.mark.parametrize("place", [*HIDING_PLACES[:3], HIDING_PLACES[4], b"\0%s\0\0"])
def test_a_day_is_found_in_every_usual_spelling(spelling: str, place: bytes) -> None:
    """As DA, as DT with a time, and as people write it."""
    text = dt.date(1934, 1, 22).strftime(spelling).encode()
    assert Guard(PATIENT).leak(clean_header() + place.replace(b"%s", text)) == "PatientBirthDate"


@pytest.mark.parametrize(
    ("charset", "name", "part"),
    [
        ("ISO_IR 100", "Müllenbrück^Åsa", "Müllenbrück"),
        ("ISO_IR 144", "Кузнецовский^Олег", "Кузнецовский"),
        ("GB18030", "Wang^Xiao=王小东^李张", "王小东"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田川^太郎", "山田川"),
    ],
)
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-16-le", "gb18030", "euc_jp", "cp1251", "latin-1"]
)
def test_names_beyond_ascii_in_any_character_set(
    charset: str | list[str], name: str, part: str, encoding: str
) -> None:
    """Not only in the one that the source declared, and escaped in JSON."""
    ds = Dataset()
    ds.SpecificCharacterSet = charset
    ds.PatientName = name
    guard = Guard(Identity.of(ds))
    assert guard.leak(json.dumps({"name": part}).encode()) == "PatientName"
    try:
        raw = part.encode(encoding)
    except UnicodeError:
        return
    assert guard.leak(clean_header() + raw + b" ") == "PatientName"


def test_the_sources_own_bytes_are_found() -> None:
    """Escape sequences and all, as ISO 2022 writes them."""
    ds = Dataset()
    ds.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    ds.PatientName = "Yamada^Tarou=山田^太郎"
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, ds, implicit_vr=False, little_endian=True)
    buffer.seek(0)
    guard = Guard(Identity.of(pydicom.dcmread(buffer, force=True)))
    assert guard.leak(b"..." + "山田".encode("iso2022_jp") + b"...") == "PatientName"


def test_common_words_do_not_cry_wolf() -> None:
    """A patient called Young Chest, ID 12, in the Department of Radiology, station MR1."""
    who = identity(
        "Young^Chest",
        "12",
        AccessionNumber="2000",
        InstitutionName="University Hospital",
        InstitutionalDepartmentName="Nuclear Medicine",
        StationName="MR1",
        OperatorsName="SYSTEM",
        StudyID="1",
    )
    text = b"young patient, chest CT, 12 slices, 2000 ms, nuclear medicine, MR1, system, university"
    assert Guard(who).leak(clean_header() + text) is None


def test_a_full_name_of_common_words_is_found() -> None:
    """Alone each word tells nothing; together they do."""
    guard = Guard(identity("Young^April"))
    assert guard.leak(b"young adult, April scan") is None
    for text in (b"Young^April", b"YOUNG, APRIL", b"young april"):
        assert guard.leak(b"x " + text + b" x") == "PatientName"


def test_moved_days_do_not_cry_wolf() -> None:
    """A study moved by ten days may fall on another day of the same source."""
    who = identity(StudyDate="20150312", SeriesDate="20150302", ContentDate="20150401")
    moved = b"20150302 20150220 20150322"
    assert Guard(who, -10).leak(moved) is None
    assert Guard(who).leak(moved) == "SeriesDate"
    assert Guard(who, -10).leak(b"01.04.2015") == "ContentDate"


def test_a_station_named_after_its_maker_does_not_cry_wolf() -> None:
    """Manufacturer and model stay in the file, and sites call stations after them."""
    who = identity(Manufacturer="Zapperix", ManufacturerModelName="ZX9000", StationName="Zapperix")
    assert Guard(who).leak(b"Zapperix ZX9000") is None


def test_quiet_about_an_empty_identity() -> None:
    """Nothing known, nothing found."""
    assert Guard(Identity(())).leak(clean_header()) is None


@given(
    st.text("abcdefghijklmnopqrstuvwxyz", min_size=5, max_size=10),
    st.binary(max_size=40),
    st.binary(max_size=40),
    st.sampled_from(("utf-8", "utf-16-le", "utf-16-be")),
)
@settings(max_examples=200, deadline=None)
def test_a_distinctive_name_is_found_between_any_bytes(
    name: str, before: bytes, after: bytes, encoding: str
) -> None:
    """Six letters and more even inside a longer word; five between bytes that are no letters."""
    if vocabulary.knows(name) or name in placeholders():
        return
    gap = b"" if len(name) > 5 and encoding == "utf-8" else b" "
    if encoding != "utf-8":
        before, after = b"\x01\x02", b"\x01\x02"
    data = before + gap + name.encode(encoding) + gap + after
    assert Guard(identity(f"{name}^x")).leak(data) == "PatientName"
