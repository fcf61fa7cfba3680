"""Unknown devices: a key of technical values, and a drafted rule that the recipe reader accepts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from watcher.scrub.pixels.devices import Device, draft_rule
from watcher.scrub.pixels.draw import draw
from watcher.scrub.pixels.recipe import read_rules
from watcher.scrub.pixels.regions import Rectangle, RuleBook, apply_rules, merged

RECTANGLES = st.tuples(
    st.integers(0, 50), st.integers(0, 50), st.integers(1, 20), st.integers(1, 20)
).map(lambda r: (r[0], r[1], r[0] + r[2], r[1] + r[3]))


def scanner(**changes: str) -> Dataset:
    dataset = Dataset()
    dataset.Manufacturer, dataset.ManufacturerModelName = "ACME+ Medical", "Sono 5 (B)"
    dataset.Modality, dataset.Rows, dataset.Columns = "US", 480, 640
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    return dataset


def test_a_drafted_rule_masks_what_was_read_on_that_device_only(tmp_path: Path) -> None:
    device = Device.of(scanner(), 480, 640)
    path = tmp_path / "site.recipe"
    path.write_text("FORMAT dicom\n%filter graylist\n" + draft_rule(device, [(0, 0, 640, 40)]))
    rules = RuleBook(read_rules(path, strict=True))
    found = apply_rules(rules, scanner(), 480, 640)
    assert found.known_device
    assert found.masked[:40].all()
    assert not found.masked[40:].any()
    assert not apply_rules(rules, scanner(ManufacturerModelName="Sono 6"), 480, 640).masked.any()


def test_a_value_that_no_vendor_would_write_does_not_become_part_of_the_key() -> None:
    device = Device.of(scanner(Manufacturer="Ärzte^Praxis\r\nX"), 480, 640)
    assert device.manufacturer == "?"
    assert "equals Manufacturer " not in draft_rule(device, [(0, 0, 1, 1)])


@given(st.lists(RECTANGLES, max_size=8))
def test_merged_boxes_cover_all_and_touch_no_other(boxes: list[Rectangle]) -> None:
    groups = merged(boxes)
    for left, top, right, bottom in boxes:
        assert any(
            g[0] <= left and g[1] <= top and right <= g[2] and bottom <= g[3] for g in groups
        )
    for i, one in enumerate(groups):
        for other in groups[i + 1 :]:
            apart = one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1]
            assert apart


def test_boxes_are_drawn_on_a_copy() -> None:
    image = np.full((20, 30), 7, np.uint8)
    shown = draw(image, [(5, 5, 15, 12)])
    assert shown.shape == (20, 30, 3)
    assert (shown[5, 5:15] == (255, 0, 0)).all()
    assert (shown[8, 10] == 7).all()
    assert (image == 7).all()
