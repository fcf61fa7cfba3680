"""`explain` tells an auditor what was done and why, and values only when asked."""

from __future__ import annotations

from tests.scrub.header.conftest import file_of, instance, parsed
from tests.scrub.header.test_header import hidden_everywhere
from watcher.scrub.cleaner import HeaderCleaner
from watcher.scrub.explain import explain


def test_every_element_has_a_row_with_a_rule(cleaner: HeaderCleaner) -> None:
    part = parsed(file_of(instance(StudyDate="20190711", KVP="120")))
    rows = {row.path: row for row in explain(cleaner, part)}
    assert set(rows) == {element.keyword for element in part.dataset}
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
