"""Codes stay, numbers of persons do not; vendors' words stay, names among them do not."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.scrub.header.conftest import Clean, file_of, instance, parsed
from watcher.scrub.codes import is_code
from watcher.scrub.identity import Identity
from watcher.scrub.technical import clean_known, clean_technical


@pytest.mark.parametrize(
    ("scheme", "value"),
    [
        ("SRT", "T-D3000"),
        ("SCT", "51185008"),
        ("DCM", "113100"),
        ("LN", "18748-4"),
        ("UCUM", "mm2"),
        ("FMA", "7088"),
        ("RADLEX", "RID1301"),
        ("I10", "C81.9"),
        ("99OFFIS", "5.10.3-15"),
        ("99LOCAL", "IHE.06"),
        ("L", "CTABD"[:4]),
    ],
)
def test_codes(scheme: str, value: str) -> None:
    assert is_code(scheme, value)


@pytest.mark.parametrize(
    ("scheme", "value"),
    [
        ("SRT", "ST2045536"),
        ("DCM", "MR48151623"),
        ("SCT", "Qorvinberg"),
        ("99LOCAL", "MR48151623"),
        ("99LOCAL", "Qorvinberg"),
        ("99LOCAL", "0123456"),
        ("", "Qorvinberg"),
        ("LN", "555-0123"),
    ],
)
def test_no_codes(scheme: str, value: str) -> None:
    assert not is_code(scheme, value)


def test_a_code_that_is_none_becomes_a_dummy_and_its_meaning_is_cleaned(clean: Clean) -> None:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = "MR48151623", "99LOCAL"
    item.CodeMeaning = "Chest of Qorvinberg"
    code = clean(instance(ProcedureCodeSequence=Sequence([item]))).ProcedureCodeSequence[0]
    assert code.CodeValue == "ANON"
    assert "Chest" in code.CodeMeaning
    assert "Qorvinberg" not in code.CodeMeaning


IDENTITY = Identity.of(parsed(file_of(instance(InstitutionName="Lakemont"))).dataset)


@pytest.mark.parametrize(
    "text",
    [
        "1.375:1",
        "FEEPI",
        "GCoilType=8",
        "gradientAmp=8921",
        "10000",
        "P4^P101",
        "ECOR",
        "ImagePositionPatient",
    ],
)
def test_settings_stay(text: str) -> None:
    assert clean_technical(text, IDENTITY) == text


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("Qorvinberg MODE 7", "MODE 7"),
        ("MODE 7 by Felwynnorberg", "MODE 7 by"),
        ("QORVINBERG", ""),
        ("seen 2019-07-11", "seen"),
        ("MR48151623", ""),
        ("no 0123456789 here", "no here"),
    ],
)
def test_names_dates_and_numbers_among_settings_go(text: str, after: str) -> None:
    assert clean_technical(text, IDENTITY) == after


def test_a_makers_name_loses_only_this_files_own_values() -> None:
    assert clean_known("Felwynnorberg Systems 2019", IDENTITY) == "Felwynnorberg Systems 2019"
    assert clean_known("Lakemont Systems", IDENTITY) == "Systems"
