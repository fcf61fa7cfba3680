"""Private elements: only known creators and numbers stay, and what they hold is cleaned."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ImplicitVRLittleEndian

from tests.scrub.header.conftest import Clean, file_of, instance, parsed
from watcher.options import ScrubOptions
from watcher.scrub.cleaner import HeaderCleaner
from watcher.scrub.profile.table import safe_private

SAFE: list[tuple[int, str, int, str, Any]] = [
    (0x0019, "SIEMENS MR HEADER", 0x0C, "IS", "1000"),
    (0x7053, "Philips PET Private Group", 0x00, "DS", "0.000631"),
    (0x2001, "Philips Imaging DD 001", 0x03, "FL", 800.0),
    (0x0019, "GEMS_ACQU_01", 0x23, "DS", "39.37"),
    (0x0043, "GEMS_PARM_01", 0x27, "SH", "1.375:1"),
    (0x0045, "GEMS_HELIOS_01", 0x01, "SS", 64),
]


def with_private(group: int, creator: str, element: int, vr: str, value: Any) -> Dataset:
    made = instance()
    made.private_block(group, creator, create=True).add_new(element, vr, value)
    return made


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", ImplicitVRLittleEndian])
@pytest.mark.parametrize(("group", "creator", "element", "vr", "value"), SAFE)
def test_a_safe_element_stays_with_its_creator(
    clean: Clean, group: int, creator: str, element: int, vr: str, value: Any, syntax: str
) -> None:
    made = with_private(group, creator, element, vr, value)
    cleaned = clean(made, syntax)
    block = cleaned.private_block(group, creator)
    assert block[element].value == made.private_block(group, creator)[element].value


@pytest.mark.parametrize(
    ("group", "creator", "element", "vr", "value"),
    [
        (0x0019, "ACME 1.0", 0x0C, "IS", "1000"),
        (0x0019, "SIEMENS MR HEADER", 0xFE, "IS", "1000"),
        (0x0021, "SIEMENS MR HEADER", 0x0C, "IS", "1000"),
        (0x0029, "SIEMENS CSA HEADER", 0x10, "OB", b"SV10 Qorvinberg "),
        (0x0019, "SIEMENS MR HEADER", 0x0C, "PN", "Qorvinberg^Zelda"),
        (0x0019, "SIEMENS MR HEADER", 0x0C, "OB", b"1000"),
    ],
)
def test_everything_else_goes_and_so_does_its_creator(
    clean: Clean, group: int, creator: str, element: int, vr: str, value: Any
) -> None:
    cleaned = clean(with_private(group, creator, element, vr, value))
    assert not [each for each in cleaned if each.tag.is_private]


def test_an_element_without_a_creator_goes(clean: Clean) -> None:
    made = instance()
    made.add_new(0x0019100C, "IS", "1000")
    assert 0x0019100C not in clean(made)


def test_text_among_the_safe_is_cleaned_and_uids_and_dates_move(clean: Clean) -> None:
    creators = {vr: place for place, vrs in safe_private().items() for vr in vrs}
    made = instance()
    for vr, value in (
        ("LO", "Qorvinberg MODE 7"),
        ("UI", "1.2.3.4.100"),
        ("LT", "seen 2019-07-11"),
    ):
        group, creator, element = creators[vr]
        made.private_block(group, creator, create=True).add_new(element, vr, value)
    cleaned = clean(made)
    group, creator, element = creators["LO"]
    assert cleaned.private_block(group, creator)[element].value == "MODE 7"
    group, creator, element = creators["UI"]
    assert cleaned.private_block(group, creator)[element].value == cleaned.SOPInstanceUID
    assert "2019" not in str(cleaned)


def test_the_items_of_a_safe_sequence_are_judged_one_by_one(clean: Clean) -> None:
    group, creator, element = next(p for p, vrs in safe_private().items() if vrs == ("SQ",))
    item = Dataset()
    item.PatientName = "Qorvinberg^Zelda"
    item.add_new(0x00191001, "LO", "Qorvinberg")
    item.KVP = "120"
    cleaned = clean(with_private(group, creator, element, "SQ", Sequence([item])))
    kept = cleaned.private_block(group, creator)[element].value[0]
    assert kept.KVP == 120
    assert "Qorvinberg" not in str(kept)


def test_the_option_switches_them_all_off() -> None:
    from tests.scrub.header.conftest import KEY

    cleaner = HeaderCleaner.load(ScrubOptions(keep_safe_private=False), KEY)
    cleaned = cleaner.clean(parsed(file_of(with_private(*SAFE[0])))).dataset
    assert not [each for each in cleaned if each.tag.is_private]
