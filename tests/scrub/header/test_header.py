"""Where identifiers hide in a header, and that they are gone from the written bytes."""

from __future__ import annotations

from io import BytesIO

import pydicom
import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from tests.scrub.header.conftest import Clean, file_of, instance, parsed, written
from watcher.scrub.cleaner import HeaderCleaner

NAME = "Qorvinberg"
SYNTAXES = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)


def raw(cleaner: HeaderCleaner, data: bytes) -> bytes:
    return written(cleaner.clean(parsed(data)).dataset)


def hidden_everywhere() -> Dataset:
    """A name in every kind of place that the table does not list, or lists by group."""
    deep, item = Dataset(), Dataset()
    deep.PatientComments = f"call {NAME}"
    deep.PatientName = f"{NAME}^Zelda"
    item.ContentSequence = Sequence([deep])
    item.SegmentLabel = NAME
    made = instance(AnatomicRegionSequence=Sequence([item]), SegmentSequence=Sequence([item]))
    for tag, vr, value in (
        (0x60000022, "LO", NAME),
        (0x60003000, "OW", NAME.encode()),
        (0x60024000, "LT", NAME),
        (0x50003000, "OW", NAME.encode()),
        (0x50002500, "LO", NAME),
        (0x00091001, "LO", NAME),
        (0x00090010, "LO", NAME),
        (0x0019100C, "LO", NAME),
        (0x00111001, "UN", NAME.encode()),
        (0xFFFCFFFC, "OB", NAME.encode()),
        (0x00080001, "UL", 0),
        (0x00080002, "LO", NAME),
        (0x0018FFFE, "LO", NAME),
    ):
        made.add(DataElement(tag, vr, value))
    icon = instance(PixelData=NAME.encode())
    made.IconImageSequence = Sequence([icon])
    made.OriginalAttributesSequence = Sequence([item])
    made.DigitalSignaturesSequence = Sequence([item])
    made.EncryptedAttributesSequence = Sequence([item])
    return made


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
def test_nothing_of_a_name_is_left_in_the_bytes(cleaner: HeaderCleaner, syntax: str) -> None:
    dataset = hidden_everywhere()
    if syntax == ExplicitVRBigEndian:
        del dataset[0x60003000], dataset[0x50003000]  # pydicom does not swap them either
    data = file_of(dataset, syntax, preamble=NAME.encode())
    part = parsed(data)
    out = written(cleaner.clean(part).dataset)
    if syntax == DeflatedExplicitVRLittleEndian:
        out = str(pydicom.dcmread(BytesIO(out))).encode()
    assert NAME.lower().encode() not in out.lower()


def test_group_0002_and_the_preamble_are_written_anew(cleaner: HeaderCleaner) -> None:
    dataset = instance()
    data = file_of(dataset, preamble=NAME.encode())
    dataset.file_meta.SourceApplicationEntityTitle = "QORVINBERG"
    dataset.file_meta.PrivateInformationCreatorUID = UID("1.2.3.4")
    dataset.file_meta.PrivateInformation = NAME.encode()
    data = file_of(dataset, preamble=NAME.encode())
    cleaned = cleaner.clean(parsed(data)).dataset
    assert [element.keyword for element in cleaned.file_meta] == ["TransferSyntaxUID"]
    assert b"QORVINBERG" not in written(cleaned).upper()


def test_unknown_attributes_go(clean: Clean) -> None:
    made = instance()
    made.add(DataElement(0x00080003, "LO", "whatever"))
    made.add(DataElement(0x4FFE0003, "US", 5))
    cleaned = clean(made)
    assert 0x00080003 not in cleaned
    assert 0x4FFE0003 not in cleaned


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("KVP", "120"),
        ("PixelSpacing", ["0.5", "0.5"]),
        ("ImageType", ["ORIGINAL", "PRIMARY", "AXIAL"]),
        ("Manufacturer", "SIEMENS"),
        ("ManufacturerModelName", "SOMATOM Force"),
        ("SoftwareVersions", ["27", "LX", "MR29.1"]),
        ("ConvolutionKernel", "B70f 4567812"),
        ("ScanOptions", "P4^P101^S108^I0"),
        ("SequenceName", "*tfl3d1_16ns"),
        ("BodyPartExamined", "CHEST"),
        ("ExposureInuAs", "23456789"),
        ("WindowCenter", "40"),
        ("RescaleSlope", "1.5"),
        ("LossyImageCompression", "00"),
        ("PatientSex", "F"),
        ("PatientWeight", "70"),
    ],
)
def test_technical_values_stay(clean: Clean, keyword: str, value: object) -> None:
    cleaned = clean(instance(**{keyword: value}))
    assert cleaned[keyword].value == instance(**{keyword: value})[keyword].value


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("Exposure", "Zelda"), ("KVP", "Zelda"), ("BodyPartExamined", "Qorvinberg")],
)
def test_a_name_where_a_number_or_a_code_belongs_goes(
    clean: Clean, keyword: str, value: str
) -> None:
    made = instance()
    vr = "CS" if keyword == "BodyPartExamined" else "IS"
    tag = pydicom.datadict.tag_for_keyword(keyword)
    assert tag is not None
    made[tag] = pydicom.dataelem.RawDataElement(
        pydicom.tag.Tag(tag), vr, len(value), value.encode(), 0, False, True
    )
    assert clean(made)[keyword].is_empty


@pytest.mark.parametrize(
    ("keyword", "before", "after"),
    [
        ("BodyPartExamined", "CHEST", "CHEST"),
        ("BodyPartExamined", "CTSPINE", "CTSPINE"),
        ("BodyPartExamined", "KELVADORN", ""),
        ("BodyPartExamined", "CHEST KELVADORN", "CHEST"),
        ("PatientSex", "KELVADORN", ""),
        ("PatientSex", "M", "M"),
        ("EthnicGroup", "Kelvadorn", ""),
        ("CorrectedImage", ["DECY", "ATTN"], ["DECY", "ATTN"]),
        ("Modality", "ANN", "ANN"),
        ("ScanOptions", "MR48151623", ""),
        ("InstanceNumber", "48151623", ""),
        ("AcquisitionNumber", "19600704", ""),
        ("AcquisitionNumber", "12", "12"),
        ("SliceLocation", "-48.151623", "-48.151623"),
        ("AccessionNumber", "", "pseudonym"),
        ("PatientSize", "1.75", "1.75"),
    ],
)
def test_code_strings_and_numbers_hold_codes_and_numbers(
    clean: Clean, keyword: str, before: str | list[str], after: str | list[str]
) -> None:
    """A name that is no defined term goes, and so do this patient's own numbers (PS3.5 6.2)."""
    made = instance(PatientID="48151623", PatientBirthDate="19600704", OtherPatientIDs="MR48151623")
    setattr(made, keyword, before)
    value = clean(made)[keyword].value
    if after == "pseudonym":
        assert len(value) == 16
    else:
        expected = instance(**{keyword: after})[keyword].value
        assert value == expected or (after == "" and not value)


@pytest.mark.parametrize(
    ("uid", "stays"),
    [
        ("1.2.840.10008.5.1.4.1.1.7", True),
        ("1.2.840.113619.4.30", True),
        ("1.3.46.670589.11.0.0.12.1", True),
        ("1.2.3.4.19600704.48151623", False),
    ],
)
def test_the_uid_of_a_class_stays_unless_it_looks_like_an_instances(
    clean: Clean, uid: str, stays: bool
) -> None:
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = UID(uid), UID("1.2.3.4")
    made = instance(ReferencedImageSequence=Sequence([reference]))
    cleaned = clean(made).ReferencedImageSequence[0]
    assert (cleaned.ReferencedSOPClassUID == uid) is stays


def test_bulk_values_that_are_not_known_to_hold_numbers_go(clean: Clean) -> None:
    made = instance(ICCProfile=b"\0\0\2\0", DeviceSettingDescription=NAME.encode())
    made.add(DataElement(0x00420011, "OB", NAME.encode()))
    cleaned = clean(made)
    assert "DeviceSettingDescription" not in cleaned
    assert NAME.encode() not in cleaned.EncapsulatedDocument
    assert cleaned.ICCProfile == b"\0\0\2\0"


def test_a_known_attribute_written_as_un_is_treated_as_what_it_is(clean: Clean) -> None:
    made = instance()
    for keyword, value in (("PatientName", b"Qorvinberg^Zelda"), ("StudyDate", b"20190711")):
        tag = pydicom.tag.Tag(keyword)
        made[tag] = pydicom.dataelem.RawDataElement(tag, "UN", len(value), value, 0, False, True)
    cleaned = clean(made)
    assert NAME not in str(cleaned.PatientName)
    assert cleaned.StudyDate[:4] < "1940"


@pytest.mark.parametrize(
    ("charset", "name", "text"),
    [
        ("ISO_IR 100", "Müller^Jörg", "Röntgen Müller CHEST"),
        ("ISO_IR 192", "Łącki^Żółć", "CHEST Łącki"),
        ("ISO_IR 144", "Иванов^Пётр", "CHEST Иванов"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎", "CHEST 山田"),
        ("GB18030", "Wang^XiaoDong=王^小东", "CHEST 王小东"),
    ],
)
def test_names_go_in_every_character_set_and_the_rest_can_be_read(
    clean: Clean, charset: str | list[str], name: str, text: str
) -> None:
    cleaned = clean(instance(SpecificCharacterSet=charset, PatientName=name, ImageComments=text))
    family = name.partition("^")[0]
    assert "CHEST" in cleaned.ImageComments
    assert family not in str(cleaned)
    if not cleaned.ImageComments.isascii():
        assert cleaned.SpecificCharacterSet == "ISO_IR 192"
        assert "Röntgen" in cleaned.ImageComments


def test_the_items_of_a_sequence_may_declare_their_own_character_set(clean: Clean) -> None:
    item = Dataset()
    item.SpecificCharacterSet = "ISO_IR 144"
    item.ImageComments = "Иванов CHEST"
    made = instance(PatientName="Иванов^Пётр", SpecificCharacterSet="ISO_IR 192")
    made.AnatomicRegionSequence = Sequence([item])
    assert clean(made).AnatomicRegionSequence[0].ImageComments == "CHEST"


def test_the_source_is_left_as_it_is(cleaner: HeaderCleaner) -> None:
    part = parsed(file_of(hidden_everywhere()))
    before = str(part.dataset)
    cleaner.clean(part)
    assert str(part.dataset) == before
