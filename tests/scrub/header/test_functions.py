"""The functions of the recipe: what they do to values that are right, odd and wrong."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.scrub.functions import NAMES, Functions
from watcher.scrub.keys import CustomerKey
from watcher.scrub.patient import Subject
from watcher.scrub.pseudonyms import Pseudonyms

NAMED = Pseudonyms(CustomerKey("k", b"k" * 32))
SUBJECT = Subject("4711", "4711", "", "1.2.1", "1.2.2", "1.2.3", "1.2.840.10008.5.1.4.1.1.2")
F = Functions(NAMED, SUBJECT, lambda text, keyword: text.replace("Smith", "").strip())


def shifted(day: dt.date) -> str:
    return f"{day + dt.timedelta(F.shift_days):%Y%m%d}"


@given(st.dates(dt.date(1100, 1, 1), dt.date(2100, 12, 31)))
def test_a_date_moves_by_the_patients_days(day: dt.date) -> None:
    assert F.date(f"{day:%Y%m%d}", "DA", "StudyDate") == shifted(day).zfill(8)


@given(st.dates(dt.date(1900, 1, 1)), st.dates(dt.date(1900, 1, 1)))
def test_intervals_stay(one: dt.date, other: dt.date) -> None:
    moved = [
        dt.datetime.strptime(F.date(f"{day:%Y%m%d}", "DA", ""), "%Y%m%d").date()  # noqa: DTZ007
        for day in (one, other)
    ]
    assert moved[0] - moved[1] == one - other


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ("20190711093015.123456+0100", "093015.123456+0100"),
        ("20190711093015", "093015"),
        ("201907110930", "0930"),
        ("20190711", ""),
    ],
)
def test_a_datetime_keeps_its_time_of_day_and_offset(given_: str, kept: str) -> None:
    assert F.date(given_, "DT", "") == shifted(dt.date(2019, 7, 11)) + kept


def test_a_datetime_keeps_its_precision() -> None:
    assert F.date("201907", "DT", "") == shifted(dt.date(2019, 7, 1))[:6]
    assert F.date("2019", "DT", "") == shifted(dt.date(2019, 1, 1))[:4]


def test_old_and_many_dates() -> None:
    assert F.date("2019.07.11", "DA", "") == shifted(dt.date(2019, 7, 11))  # ACR-NEMA
    both = F.date("20190711\\20190712", "DA", "").split("\\")
    assert both == [shifted(dt.date(2019, 7, 11)), shifted(dt.date(2019, 7, 12))]


@pytest.mark.parametrize("vr", ["DA", "DT"])
@pytest.mark.parametrize("text", ["Smith", "20191332", "00000000", "00010101", "11 Jul 2019", ""])
def test_what_is_no_date_becomes_empty(text: str, vr: str) -> None:
    assert F.date(text, vr, "") == ""


@pytest.mark.parametrize(
    "text", ["093015", "09", "0930", "09:30:15", "093015.5", "235960", "-0500"]
)
def test_times_stay(text: str) -> None:
    assert F.time(text, "TM", "") == text


@pytest.mark.parametrize("text", ["Smith", "20190711", "250000", "0930 Smith", "12345678"])
def test_what_is_no_time_becomes_empty(text: str) -> None:
    assert F.time(text, "TM", "") == ""


@pytest.mark.parametrize(
    ("age", "after"),
    [
        ("089Y", "089Y"),
        ("090Y", "090Y"),
        ("091Y", "090Y"),
        ("120Y", "090Y"),
        ("018M", "018M"),
        ("999M", "999M"),
        ("003D", "003D"),
        ("45Y", "45Y"),
        ("Smith", ""),
        ("045", ""),
    ],
)
def test_ages_above_89_are_one_group(age: str, after: str) -> None:
    assert F.age(age, "AS", "") == after


def test_uids_of_the_standard_stay_and_others_move() -> None:
    moved = F.uid("1.2.840.10008.1.2.1\\1.2.3.4", "UI", "")
    assert moved.split("\\") == ["1.2.840.10008.1.2.1", NAMED.uid("1.2.3.4")]


def test_a_patient_id_is_that_of_the_patient_it_names() -> None:
    assert F.patient_id("4711 ", "LO", "") == NAMED.patient_id("4711")
    assert F.patient_id("0815", "LO", "") == NAMED.patient_id("0815")


def test_every_value_of_a_text_is_cleaned_by_itself_but_prose_is_one() -> None:
    assert F.clean_text("CT Smith\\Smith\\MR", "LO", "") == "CT\\\\MR"
    assert F.clean_text("CT\\Smith", "LT", "") == "CT\\"


def test_a_required_text_never_becomes_empty() -> None:
    assert F.clean_or_dummy("Smith", "LO", "") == "ANONYMIZED"
    assert F.clean_or_dummy("", "LO", "") == ""


def test_a_dummy_fits_its_vr() -> None:
    assert F.dummy("20190711", "DA", "") == "19000101"
    assert F.dummy("1.2.3", "UI", "") == NAMED.uid("1.2.3")
    assert F.dummy("Smith", "PN", "") == "ANONYMIZED"
    assert F.dummy("", "US", "") == b"\0\0"


def test_every_name_is_a_function() -> None:
    assert set(F.table()) == NAMES
