"""Consistency over files, restarts and customers, and what an output says about itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.scrub.header.conftest import KEY, Clean, file_of, instance, parsed, written
from watcher.errors import RefusedError
from watcher.model import Reason
from watcher.options import ScrubOptions
from watcher.scrub.cleaner import HeaderCleaner
from watcher.scrub.keys import CustomerKey


def with_options(dataset: Dataset, *, key: CustomerKey = KEY, **options: Any) -> Dataset:
    cleaner = HeaderCleaner.load(ScrubOptions.model_validate(options), key)
    return cleaner.clean(parsed(file_of(dataset))).dataset


def test_the_same_patient_keeps_pseudonym_and_shift_over_studies_and_restarts() -> None:
    """Two cleaners made anew, two studies, other modalities, other spelling of the padding."""
    one = with_options(instance(StudyDate="20190711", StudyInstanceUID="1.2.7"))
    two = with_options(
        instance(StudyDate="20200711", StudyInstanceUID="1.2.8", PatientID="MR48151623 ")
    )
    assert one.PatientID == two.PatientID
    assert one.StudyInstanceUID != two.StudyInstanceUID
    assert int(two.StudyDate[:4]) - int(one.StudyDate[:4]) == 1


def test_another_patient_and_another_customer_differ() -> None:
    mine = with_options(instance(StudyDate="20190711"))
    other = with_options(instance(StudyDate="20190711", PatientID="MR1"))
    elsewhere = with_options(instance(StudyDate="20190711"), key=CustomerKey("b", b"b" * 32))
    for attribute in ("PatientID", "StudyDate"):
        assert len({each[attribute].value for each in (mine, other, elsewhere)}) == 3


def test_one_patient_of_two_issuers_is_told_apart_only_when_asked() -> None:
    one, two = instance(IssuerOfPatientID="A"), instance(IssuerOfPatientID="B")
    assert with_options(one).PatientID == with_options(two).PatientID
    apart = [with_options(each, issuer_distinguishes=True).PatientID for each in (one, two)]
    assert apart[0] != apart[1]


def test_without_an_id_name_and_birth_date_tell_a_patient_and_then_the_study() -> None:
    def made(**attributes: str) -> str:
        dataset = instance(PatientID="", **attributes)
        return str(with_options(dataset).PatientID)

    known = {"PatientName": "Q^Z", "PatientBirthDate": "19700101"}
    assert made(StudyInstanceUID="1.2.7", **known) == made(StudyInstanceUID="1.2.8", **known)
    unknown = {"PatientName": "", "PatientBirthDate": ""}
    assert made(StudyInstanceUID="1.2.7", **unknown) != made(StudyInstanceUID="1.2.8", **unknown)
    assert made(StudyInstanceUID="1.2.7", **unknown) == made(StudyInstanceUID="1.2.7", **unknown)


def test_uids_map_one_to_one_wherever_they_stand(clean: Clean) -> None:
    reference = Dataset()
    reference.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    reference.ReferencedSOPInstanceUID = "1.2.3.4.100"
    source = Dataset()
    source.ReferencedSOPInstanceUID = "1.2.3.4.101"
    made = instance(
        ReferencedImageSequence=Sequence([reference]),
        SourceImageSequence=Sequence([source]),
        FrameOfReferenceUID="1.2.3.4.1",
    )
    cleaned = clean(made)
    assert cleaned.ReferencedImageSequence[0].ReferencedSOPInstanceUID == cleaned.SOPInstanceUID
    assert cleaned.FrameOfReferenceUID == cleaned.StudyInstanceUID
    assert cleaned.SourceImageSequence[0].ReferencedSOPInstanceUID != cleaned.SOPInstanceUID
    assert cleaned.ReferencedImageSequence[0].ReferencedSOPClassUID.endswith("1.1.2")


def test_a_file_without_accession_number_or_patient_id_gets_pseudonyms(clean: Clean) -> None:
    made = instance()
    del made.PatientID
    cleaned = clean(made)
    assert re.fullmatch(r"P\w{15}", cleaned.PatientID)
    assert re.fullmatch(r"A\w{15}", cleaned.AccessionNumber)


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
def test_a_file_without_one_of_its_uids_is_refused(cleaner: HeaderCleaner, keyword: str) -> None:
    made = instance()
    part = parsed(file_of(made))
    del part.dataset[keyword]
    with pytest.raises(RefusedError) as caught:
        cleaner.clean(part)
    assert caught.value.outcome.reason is Reason.MISSING_ATTRIBUTE
    assert caught.value.outcome.detail == keyword


def test_an_output_says_what_was_done(clean: Clean) -> None:
    """PS3.15 E.1.1 and CID 7050; the codes of the default options."""
    cleaned = clean(instance())
    assert cleaned.PatientIdentityRemoved == "YES"
    assert cleaned.LongitudinalTemporalInformationModified == "MODIFIED"
    assert cleaned.BurnedInAnnotation == "NO"
    codes = {item.CodeValue for item in cleaned.DeidentificationMethodCodeSequence}
    assert codes == {"113100", "113101", "113103", "113104", "113105", "113107", "113108", "113111"}
    assert {item.CodingSchemeDesignator for item in cleaned.DeidentificationMethodCodeSequence} == {
        "DCM"
    }
    said = list(cleaned.DeidentificationMethod)
    assert "key test" in said
    assert any("2025a" in line for line in said)
    assert "Recognizable Visual Features: not cleaned" in said
    assert all(len(line) <= 64 for line in said)


@pytest.mark.parametrize(
    ("options", "added", "gone"),
    [
        ({"dates": "full"}, {"113106"}, {"113107"}),
        ({"dates": "removed"}, set(), {"113106", "113107"}),
        ({"keep_uids": True}, {"113110"}, set()),
        ({"keep_device_identity": True}, {"113109"}, set()),
        ({"keep_institution_identity": True}, {"113112"}, set()),
        ({"keep_patient_characteristics": False}, set(), {"113108"}),
        ({"keep_safe_private": False}, set(), {"113111"}),
        ({"clean_descriptors": False}, set(), {"113105"}),
        ({"clean_structured_content": False}, set(), {"113104"}),
        ({"clean_graphics": False}, set(), {"113103"}),
    ],
)
def test_every_option_has_its_code(
    options: dict[str, Any], added: set[str], gone: set[str]
) -> None:
    cleaned = with_options(instance(), **options)
    codes = {item.CodeValue for item in cleaned.DeidentificationMethodCodeSequence}
    assert added <= codes
    assert not gone & codes


def test_each_option_does_what_it_says() -> None:
    made = instance(
        StudyDate="20190711",
        PatientAge="045Y",
        InstitutionName="Saint Brunhilde Hospital",
        StationName="ST123",
        StudyDescription="CT CHEST",
    )
    assert with_options(made, dates="full").StudyDate == "20190711"
    assert with_options(made, dates="removed").StudyDate == ""
    assert with_options(made, keep_uids=True).SOPInstanceUID == made.SOPInstanceUID
    assert with_options(made, keep_institution_identity=True).InstitutionName.startswith("Saint")
    assert with_options(made, keep_device_identity=True).StationName == "ST123"
    assert "PatientAge" not in with_options(made, keep_patient_characteristics=False)
    assert "StudyDescription" not in with_options(made, clean_descriptors=False)


def test_a_sites_recipe_is_obeyed(tmp_path: Path) -> None:
    path = tmp_path / "site.recipe"
    path.write_text(
        "FORMAT dicom\n%header\n"
        "REMOVE StudyDescription\nKEEP InstitutionName\nREPLACE StationName SITE\n"
        'KEEP (0099,"ACME",01)\nREMOVE contains:Protocol\nADD ImageComments none\n'
    )
    made = instance(
        StudyDescription="CT CHEST",
        ProtocolName="CHEST",
        InstitutionName="Saint Brunhilde",
        StationName="ST123",
    )
    made.private_block(0x0099, "ACME", create=True).add_new(1, "LO", "Setting Alpha")
    loosened = ("InstitutionName", '(0099,"ACME",01)')
    cleaned = with_options(made, recipe=path, loosened=loosened)
    assert "StudyDescription" not in cleaned
    assert "ProtocolName" not in cleaned
    assert cleaned.InstitutionName == "Saint Brunhilde"
    assert cleaned.StationName == "SITE"
    assert cleaned.ImageComments == "none"
    assert cleaned.private_block(0x0099, "ACME")[1].value == "Setting Alpha"


def test_a_changed_recipe_has_another_name(tmp_path: Path) -> None:
    path = tmp_path / "site.recipe"
    path.write_text("FORMAT dicom\n%header\nREMOVE StudyDescription\n")
    plain = HeaderCleaner.load(ScrubOptions(), KEY).recipe.name
    assert HeaderCleaner.load(ScrubOptions(recipe=path), KEY).recipe.name != plain


@pytest.mark.parametrize(
    ("options", "gone"),
    [
        ({"keep_uids": True}, "MR48151623"),
        ({"dates": "full"}, "19700102"),
        ({"keep_institution_identity": True}, "ST4711Q"),
        ({"keep_device_identity": True}, "Brunhilde"),
    ],
)
def test_the_guard_lets_through_what_an_option_keeps_and_nothing_else(
    options: dict[str, Any], gone: str
) -> None:
    made = instance(
        StudyDate="20190711",
        PatientBirthDate="19700102",
        InstitutionName="Saint Brunhilde Hospital",
        StationName="ST4711Q",
    )
    cleaner = HeaderCleaner.load(ScrubOptions.model_validate(options), KEY)
    clean = cleaner.clean(parsed(file_of(made)))
    guard = cleaner.guard(clean)
    assert guard.leak(written(clean.dataset)) is None
    assert guard.leak(gone.encode()) is not None


def test_without_its_option_content_is_replaced_as_a_whole() -> None:
    item = Dataset()
    item.TextValue = "lung nodule"
    made = instance(ContentSequence=Sequence([item]))
    assert "lung" in str(with_options(made))
    assert "lung" not in str(with_options(made, clean_structured_content=False))
