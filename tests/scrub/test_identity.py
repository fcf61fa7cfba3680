"""Identity: every identifying value of a file, decoded, with the tag it came from."""

from __future__ import annotations

import io
import time

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from watcher.scrub.identity import Identity, Kind


def written(dataset: Dataset, implicit: bool = False) -> Dataset:
    """The data set as a file holds it: raw elements, nothing converted yet."""
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, implicit_vr=implicit, little_endian=True)
    buffer.seek(0)
    return pydicom.dcmread(buffer, force=True)


def found(dataset: Dataset) -> dict[str, tuple[Kind, str]]:
    """Value to (kind, tag)."""
    return {k.value: (k.kind, k.tag) for k in Identity.of(dataset).known}


def patient() -> Dataset:
    """A data set with an identifier of every kind."""
    ds = Dataset()
    ds.PatientName = "Vandelmoor^Ilvetta"
    ds.PatientID = "PT-4711"
    ds.PatientBirthDate = "19340122"
    ds.PatientAddress = "12 High Street"
    ds.PatientTelephoneNumbers = "555-123-4567"
    ds.AccessionNumber = "A1234"
    ds.InstitutionName = "Westmark General"
    ds.StationName = "CTX01"
    ds.OperatorsName = ["Norova^A", "Brumson^B"]
    ds.StudyDate = "20150312"
    ds.AcquisitionDateTime = "20150312101500.000"
    ds.StudyInstanceUID = "1.2.826.0.1.3680043.10.5.1"
    ds.SOPClassUID = UID("1.2.840.10008.5.1.4.1.1.2")
    ds.StudyDescription = "CT CHEST"
    ds.Manufacturer = "ACME"
    ds.StudyTime = "101500"
    return ds


@pytest.mark.parametrize("implicit", [False, True])
def test_every_kind_is_found_with_its_tag(implicit: bool) -> None:
    """By attribute, or by VR where that says it; explicit and implicit alike."""
    assert found(written(patient(), implicit)) == {
        "Vandelmoor^Ilvetta": (Kind.NAME, "PatientName"),
        "PT-4711": (Kind.ID, "PatientID"),
        "19340122": (Kind.DATE, "PatientBirthDate"),
        "12 High Street": (Kind.ADDRESS, "PatientAddress"),
        "555-123-4567": (Kind.PHONE, "PatientTelephoneNumbers"),
        "A1234": (Kind.ID, "AccessionNumber"),
        "Westmark General": (Kind.PLACE, "InstitutionName"),
        "CTX01": (Kind.DEVICE, "StationName"),
        "Norova^A": (Kind.NAME, "OperatorsName"),
        "Brumson^B": (Kind.NAME, "OperatorsName"),
        "20150312": (Kind.DATE, "StudyDate"),
        "20150312101500.000": (Kind.DATE, "AcquisitionDateTime"),
        "1.2.826.0.1.3680043.10.5.1": (Kind.UID, "StudyInstanceUID"),
    }


@pytest.mark.parametrize("implicit", [False, True])
def test_sequences_at_any_depth(implicit: bool) -> None:
    """Also in sequences that no profile lists, and codes of persons and institutions."""
    deep, middle, ds = Dataset(), Dataset(), Dataset()
    deep.PatientID = "DEEP-77"
    code = Dataset()
    code.CodeValue, code.CodeMeaning = "S-99", "Sister Norova"
    deep.PersonIdentificationCodeSequence = Sequence([code])
    middle.ViewCodeSequence = Sequence([deep])
    ds.AnatomicRegionSequence = Sequence([middle])
    values = found(written(ds, implicit))
    assert values["DEEP-77"] == (Kind.ID, "PatientID")
    assert values["Sister Norova"] == (Kind.NAME, "CodeMeaning")


def test_private_elements_by_vr_and_by_their_published_name() -> None:
    """A private PN or date tells by its VR; a text by the vendor's dictionary."""
    ds = Dataset()
    block = ds.private_block(0x0099, "UNHEARD OF", create=True)
    block.add_new(0x01, "PN", "Norova^Zenia")
    block.add_new(0x02, "DA", "19671231")
    block.add_new(0x03, "LO", "Tech setting")
    known = ds.private_block(0x0009, "GEMS_IDEN_01", create=True)
    known.add_new(0x31, "LO", "4711-77")
    values = found(written(ds))
    assert values["Norova^Zenia"] == (Kind.NAME, "(0099,1001)")
    assert values["19671231"] == (Kind.DATE, "(0099,1002)")
    assert "Tech setting" not in values


def test_group_0002_is_looked_at() -> None:
    """Application entity titles name hosts of the site."""
    ds = patient()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = UID("1.2.826.0.1.9")
    ds.file_meta.SourceApplicationEntityTitle = "WESTMARK_CT"
    assert found(ds)["WESTMARK_CT"] == (Kind.DEVICE, "SourceApplicationEntityTitle")


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        ("ISO_IR 100", "Müller^Åsa"),
        ("ISO_IR 192", "Łukasiewicz^Żaneta"),
        ("ISO_IR 144", "Иванов^Иван"),
        ("GB18030", "Wang^XiaoDong=王^小东"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
        ("ISO_IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
    ],
)
def test_names_are_decoded_by_the_declared_character_set(
    charset: str | list[str], name: str
) -> None:
    """PS3.3 C.12.1.1.2, code extensions included; the source's own bytes are kept."""
    ds = Dataset()
    ds.SpecificCharacterSet = charset
    ds.PatientName = name
    (known,) = Identity.of(written(ds)).known
    assert known.value == name
    assert b"\x1b" in known.raw or not known.raw.isascii()


def test_an_item_may_declare_its_own_character_set() -> None:
    """Items inherit the character set or override it (PS3.5 7.5.3)."""
    item, ds = Dataset(), Dataset()
    item.SpecificCharacterSet = "ISO_IR 144"
    item.PatientName = "Кузнецов^Олег"
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.PatientName = "Grün^Jörg"
    ds.ReferencedPatientSequence = Sequence([item])
    assert {"Кузнецов^Олег", "Grün^Jörg"} <= found(written(ds)).keys()


def test_undeclared_bytes_are_read_as_utf8_or_latin() -> None:
    """A missing or wrong declaration must not hide a name."""
    for encoding in ("utf-8", "latin-1"):
        ds = Dataset()
        ds.PatientID = "1"
        raw = bytearray(_bytes(ds))
        name = "Grün^Jörg".encode(encoding)
        name += b" " * (len(name) % 2)
        raw[:0] = b"\x10\x00\x10\x00PN" + len(name).to_bytes(2, "little") + name
        assert "Grün^Jörg" in found(pydicom.dcmread(io.BytesIO(bytes(raw)), force=True))


def _bytes(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, implicit_vr=False, little_endian=True)
    return buffer.getvalue()


def test_values_shared_by_everybody_are_left_out() -> None:
    """SOP classes, transfer syntaxes and coding schemes identify nobody."""
    ds = Dataset()
    ds.SOPClassUID = UID("1.2.276.0.7230010.3.1.0.1")
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    ds.file_meta.ImplementationClassUID = UID("1.2.276.0.7230010.3.0.3.6.4")
    assert found(ds) == {}


def test_fast_enough_for_every_file() -> None:
    """One pass over the present elements: a small part of reading the file."""
    path = get_testdata_file("CT_small.dcm")
    assert isinstance(path, str)
    reading = min(_timed(lambda: list(pydicom.dcmread(path))) for _ in range(5))
    fresh = [pydicom.dcmread(path) for _ in range(5)]
    Identity.of(fresh[0])
    assert min(_timed(lambda ds=ds: Identity.of(ds)) for ds in fresh[1:]) < reading


def _timed(work: object) -> float:
    start = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - start


def test_slices_of_a_series_share_all_but_their_uids() -> None:
    """Each is searched for its own; who is called otherwise shares nothing."""
    spelled = []
    for uid in ("1.2.826.0.1.3680043.10.5.7", "1.2.826.0.1.3680043.10.5.8"):
        ds = patient()
        ds.SOPInstanceUID = uid
        spelled.append(Identity.of(written(ds)).spellings)
    assert set(spelled[0].uids) ^ set(spelled[1].uids) == {
        "1.2.826.0.1.3680043.10.5.7",
        "1.2.826.0.1.3680043.10.5.8",
    }
    assert spelled[0].uids["1.2.826.0.1.3680043.10.5.7"] == "SOPInstanceUID"
    assert spelled[0].names is spelled[1].names
    other = patient()
    other.PatientName = "Vandelmoor^Ilvett"
    assert "ilvetta" in spelled[0].names
    assert "ilvetta" not in Identity.of(written(other)).spellings.names
