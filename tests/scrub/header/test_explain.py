"""`explain` tells an auditor what was done and why, and values only when asked."""

from __future__ import annotations

from tests.scrub.header.conftest import file_of, instance, parsed
from tests.scrub.header.test_header import hidden_everywhere
from watcher.scrub.cleaner import HeaderCleaner
from watcher.scrub.explain import explain, legend


def test_every_element_has_a_row_with_a_rule(cleaner: HeaderCleaner) -> None:
    part = parsed(file_of(instance(StudyDate="20190711", KVP="120")))
    rows = {row.path: row for row in explain(cleaner, part)}
    sources = {path for path, row in rows.items() if row.action != "added"}
    assert sources == {element.keyword for element in part.dataset}
    assert all(row.rule for row in rows.values())
    assert (rows["StudyDate"].action, rows["KVP"].action) == ("changed", "kept")
    assert "Table E.1-1" in rows["StudyDate"].rule
    assert rows["StudyDate"].tag == "(0008,0020)"


def test_no_value_is_shown_unasked(cleaner: HeaderCleaner) -> None:
    part = parsed(file_of(hidden_everywhere()))
    assert "qorvinberg" not in str(list(explain(cleaner, part))).lower()


def test_values_are_shown_on_request(cleaner: HeaderCleaner) -> None:
    part = parsed(file_of(instance()))
    rows = {row.path: row for row in explain(cleaner, part, values=True)}
    assert rows["PatientID"].before == "MR48151623"
    assert rows["PatientID"].after.startswith("P")


def test_actions_are_told_apart(cleaner: HeaderCleaner) -> None:
    made = hidden_everywhere()
    made.PatientBirthDate = "19700101"
    rows = {row.path: row.action for row in explain(cleaner, parsed(file_of(made)))}
    assert rows["PatientBirthDate"] == "emptied"
    assert rows["(0009,1001)"] == "removed"
    assert rows["IconImageSequence"] == "removed"
    assert rows["AnatomicRegionSequence"] == "items"
    assert rows["AnatomicRegionSequence[0]/ContentSequence[0]/PatientName"] == "changed"
    assert rows["OverlayDescription"] == "removed"


def test_what_is_added_is_told(cleaner: HeaderCleaner) -> None:
    """Also where an empty element of the source got a pseudonym."""
    rows = {row.path: row for row in explain(cleaner, parsed(file_of(instance(PatientID=""))))}
    for keyword in ("PatientIdentityRemoved", "DeidentificationMethodCodeSequence"):
        assert rows[keyword].action == "added"
    assert rows["AccessionNumber"].action == "added"
    assert rows["PatientID"].action == "changed"


def test_a_change_far_down_a_long_text_is_no_keep(cleaner: HeaderCleaner) -> None:
    comments = "no acute findings " * 20 + "Qorvinberg"
    part = parsed(file_of(instance(ImageComments=comments)))
    rows = {row.path: row for row in explain(cleaner, part, values=True)}
    assert rows["ImageComments"].action == "changed"
    assert len(rows["ImageComments"].before) < len(comments)


def test_text_is_shown_as_its_character_set_has_it(cleaner: HeaderCleaner) -> None:
    made = instance(
        SpecificCharacterSet="GB18030", PatientName="Wang^Xiao=王^小", BodyPartExamined="CHEST"
    )
    made.ImageComments = "胸部CT"
    rows = {row.path: row for row in explain(cleaner, parsed(file_of(made)), values=True)}
    assert rows["PatientName"].before == "Wang^Xiao=王^小"
    assert (rows["ImageComments"].action, rows["ImageComments"].after) == ("kept", "胸部CT")


def test_the_legend_says_what_the_named_functions_do(cleaner: HeaderCleaner) -> None:
    rows = list(explain(cleaner, parsed(file_of(instance(StudyDate="20190711", KVP="120")))))
    assert {"uid", "date", "checked", "patient_id"} <= dict(legend(rows)).keys()
    assert all(meaning for _, meaning in legend(rows))
