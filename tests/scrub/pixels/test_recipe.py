"""The recipe language: every line is understood, or the start is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from watcher.errors import ConfigError
from watcher.scrub.pixels.judge import HERE, bundled_recipe
from watcher.scrub.pixels.recipe import Area, Rule, read_rules


def site(tmp_path: Path, body: str) -> tuple[Rule, ...]:
    path = tmp_path / "site.recipe"
    path.write_text(body)
    return read_rules(path, strict=True)


GOOD = "FORMAT dicom\n%filter graylist\nLABEL One\n  contains Manufacturer ACME\n"


def test_all_118_bundled_rules_are_read() -> None:
    """deid 0.4.13 carries 118 LABELs; a later version may hold more, never fewer."""
    assert len(read_rules(bundled_recipe(), strict=False)) >= 118


def test_our_own_recipe_passes_the_strict_reading() -> None:
    assert read_rules(HERE / "house.recipe", strict=True)


def test_both_coordinate_conventions_and_keep(tmp_path: Path) -> None:
    """`ctp...` is x, y, width, height; the plain one is left, top, right, bottom."""
    (rule,) = site(
        tmp_path,
        GOOD + "  ctpcoordinates 10,20,30,40\n  coordinates 10,20,30, 40\n"
        "  ctpkeepcoordinates 1,2,3,4\n  keepcoordinates all\n",
    )
    assert rule.areas == (
        Area(False, "box", (10, 20, 40, 60)),
        Area(False, "box", (10, 20, 30, 40)),
        Area(True, "box", (1, 2, 4, 6)),
        Area(True, "all"),
    )


@pytest.mark.parametrize(
    "line",
    [
        "contians Modality US",
        "contains Manfacturer ADAC",
        "contains Modality",
        "missing Modality US",
        "contains Modality [",
        "coordinates 1,2,3",
        "coordinates 30,0,10,10",
        "coordinates 0,0,ten,10",
        "coordinates from:PatientName",
        "keepcordinates all",
        "LABEL",
        "%header",
        "REMOVE PatientName",
    ],
)
def test_a_line_that_is_not_understood_stops_the_start(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError, match="line 5"):
        site(tmp_path, GOOD + line + "\n")


@pytest.mark.parametrize("body", ["", "FORMAT dicom\n", "FORMAT dicom\n%filter a\nLABEL empty\n"])
def test_a_recipe_without_a_rule_stops_the_start(tmp_path: Path, body: str) -> None:
    with pytest.raises(ConfigError, match="no rule"):
        site(tmp_path, body)


def test_a_recipe_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_rules(tmp_path / "absent", strict=True)
