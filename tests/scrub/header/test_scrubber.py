"""The door: classes, header and pixels composed, and pseudonyms for the contract."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.uid import BasicTextSRStorage

from tests.dicom.test_residue import JPEG, NAME, planted, segment
from tests.scrub.header.conftest import file_of, instance, parsed
from watcher.dicom.frames import open_frames
from watcher.errors import ExcludedError, RefusedError
from watcher.model import Reason
from watcher.options import Limits
from watcher.scrub.cleaner import HeaderCleaner
from watcher.scrub.pixels import PixelVerdict
from watcher.scrub.scrubber import Scrubber


class Judge:
    """A pixel judge that says what it is told."""

    def __init__(self, verdict: PixelVerdict | None) -> None:
        self.verdict = verdict
        self.words: frozenset[str] = frozenset()

    def judge(self, part: Any, frames: Any, words: frozenset[str], approved: Any) -> PixelVerdict:
        del part, frames, approved
        self.words = words
        if self.verdict is None:
            raise RefusedError(Reason.BURNED_IN, "test")
        return self.verdict


def scrub(cleaner: HeaderCleaner, judge: Judge, **attributes: Any) -> Any:
    part = parsed(file_of(instance(**attributes)))
    scrubber = Scrubber(cleaner, judge)  # type: ignore[arg-type]
    return scrubber.scrub(part, open_frames(part, Limits())), part


CLEAR = PixelVerdict("test", (), False)


def test_untouched_pixels_are_copied_and_touched_ones_are_not(cleaner: HeaderCleaner) -> None:
    scrubbed, part = scrub(cleaner, Judge(CLEAR))
    assert scrubbed.verbatim is part.pixels
    boxed = PixelVerdict("boxes", ((0, 0, 0, 1, 1),), False)
    assert scrub(cleaner, Judge(boxed))[0].verbatim is None
    assert scrub(cleaner, Judge(PixelVerdict("bits", (), True)))[0].verbatim is None


def test_the_judge_is_told_whose_words_to_look_for(cleaner: HeaderCleaner) -> None:
    judge = Judge(CLEAR)
    scrub(cleaner, judge)
    assert "qorvinberg" in judge.words


def test_a_refusal_of_the_judge_stands(cleaner: HeaderCleaner) -> None:
    with pytest.raises(RefusedError):
        scrub(cleaner, Judge(None))


def test_what_goes_to_the_backend_are_pseudonyms(cleaner: HeaderCleaner) -> None:
    scrubbed, _ = scrub(cleaner, Judge(CLEAR), AccessionNumber="AC1234567", PatientAge="093Y")
    study = scrubbed.study
    assert study.patient_id == scrubbed.dataset.PatientID
    assert study.accession_number == scrubbed.dataset.AccessionNumber
    assert study.study_instance_uid == scrubbed.dataset.StudyInstanceUID
    assert study.patient_age == "090Y"
    assert scrubbed.sop_instance_uid == scrubbed.dataset.SOPInstanceUID
    assert scrubbed.sop_class_uid == "1.2.840.10008.5.1.4.1.1.2"
    assert not {"MR48151623", "AC1234567", "1.2.3.4.1"} & set(study.__slots__ and vars_of(study))
    assert scrubbed.key_id == "test"
    assert scrubbed.uid_digest != "1.2.3.4.100"


def vars_of(study: Any) -> set[str]:
    return {str(getattr(study, name)) for name in study.__slots__}


@pytest.mark.parametrize(
    ("age", "years"), [("045Y", "045Y"), ("018M", "001Y"), ("003W", "000Y"), ("400D", "001Y")]
)
def test_an_infants_age_is_told_in_whole_years(
    cleaner: HeaderCleaner, age: str, years: str
) -> None:
    assert scrub(cleaner, Judge(CLEAR), PatientAge=age)[0].study.patient_age == years


def test_no_age_is_none(cleaner: HeaderCleaner) -> None:
    assert scrub(cleaner, Judge(CLEAR))[0].study.patient_age is None


def test_the_guard_knows_this_patient(cleaner: HeaderCleaner) -> None:
    scrubbed, _ = scrub(cleaner, Judge(CLEAR))
    assert scrubbed.leak(b"nothing here") is None
    assert scrubbed.leak(b"xx Qorvinberg xx") == "PatientName"


def test_other_objects_never_reach_the_judge(cleaner: HeaderCleaner) -> None:
    with pytest.raises(ExcludedError):
        scrub(cleaner, Judge(None), SOPClassUID=BasicTextSRStorage)


def test_comments_of_a_codestream_do_not_travel(cleaner: HeaderCleaner) -> None:
    """The pixel element is copied past every search, so nothing may stand in it but pictures."""
    part = planted(JPEG, 2, segment(0xFFFE, NAME))
    scrubbed = Scrubber(cleaner, Judge(CLEAR)).scrub(part, open_frames(part, Limits()))  # type: ignore[arg-type]
    assert scrubbed.verbatim is not None
    assert NAME not in bytes(scrubbed.verbatim.value)
