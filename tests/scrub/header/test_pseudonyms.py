"""Keyed pseudonyms: stable, one to one, different for every customer, valid in their VR."""

from __future__ import annotations

import hashlib
import hmac
import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID

from watcher.scrub.keys import CustomerKey
from watcher.scrub.pseudonyms import SHIFT_LEAST, SHIFT_MOST, Pseudonyms

A = Pseudonyms(CustomerKey("a", b"a" * 32))
B = Pseudonyms(CustomerKey("b", b"b" * 32))
UIDS = st.from_regex(r"1\.2\.[1-9]\d{0,20}\.[1-9]\d{0,20}", fullmatch=True)


@given(UIDS)
def test_a_uid_gives_the_same_valid_uid_again(original: str) -> None:
    made = A.uid(original)
    assert made == Pseudonyms(CustomerKey("other id", b"a" * 32)).uid(original)
    assert UID(made).is_valid
    assert made != original
    assert uuid.UUID(int=int(made.removeprefix("2.25."))).variant == uuid.RFC_4122


@given(UIDS, UIDS)
def test_different_uids_stay_different(one: str, other: str) -> None:
    assert (A.uid(one) == A.uid(other)) == (one == other)


@given(st.text())
def test_another_customer_gets_other_pseudonyms(text: str) -> None:
    assert A.uid(text) != B.uid(text)
    assert A.patient_id(text) != B.patient_id(text)
    assert A.accession_number(text) != B.accession_number(text)


@given(st.text())
def test_identifiers_fit_a_short_string_and_spell_no_word(text: str) -> None:
    for made in (A.patient_id(text), A.accession_number(text)):
        assert re.fullmatch(r"[PA][0-9B-DF-HJ-NP-TV-Z]{15}", made)


def test_one_number_in_two_roles_gives_unrelated_pseudonyms() -> None:
    assert A.patient_id("4711")[1:] != A.accession_number("4711")[1:]


@pytest.mark.parametrize("padded", ["4711 ", " 4711", "4711\0", "4711  "])
def test_padding_does_not_count(padded: str) -> None:
    assert A.patient_id(padded) == A.patient_id("4711")
    assert A.uid(padded) == A.uid("4711")
    assert A.shift_days(padded) == A.shift_days("4711")


def test_no_uid_holds_a_date() -> None:
    """A search of the output for a patient's dates must not find one in a pseudonym."""
    date = re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
    assert not any(date.search(A.uid(str(n))) for n in range(3000))


def test_shifts_lie_in_the_documented_range_and_differ() -> None:
    shifts = {A.shift_days(str(n)) for n in range(2000)}
    assert all(SHIFT_LEAST <= -days <= SHIFT_MOST for days in shifts)
    assert len(shifts) > 1500


def test_what_is_made_today_is_made_for_ever() -> None:
    """Pseudonyms outlive releases: these were computed with hmac and hashlib by hand."""
    digest = hmac.new(b"a" * 32, b"uid\x001.2.4", hashlib.sha256).digest()
    assert A.uid("1.2.4") == f"2.25.{uuid.UUID(bytes=digest[:16], version=4).int}"
    digest = hmac.new(b"a" * 32, b"shift\x00patient", hashlib.sha256).digest()
    assert A.shift_days("patient") == -(29220 + int.from_bytes(digest[:8], "big") % 6940)
