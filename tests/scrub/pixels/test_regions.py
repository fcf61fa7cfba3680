"""Device rules on one file: the same as deid says, and nothing left over for the next file."""

from __future__ import annotations

import copy
import functools
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from pydicom.dataset import Dataset, FileDataset

from watcher.errors import RefusedError
from watcher.scrub.pixels.judge import HERE, bundled_recipe
from watcher.scrub.pixels.recipe import Rule, read_rules
from watcher.scrub.pixels.regions import RuleBook, apply_rules, as_rectangles

with warnings.catch_warnings():
    # deid 0.4.13 imports a pydicom module that is on its way out.
    warnings.simplefilter("ignore", DeprecationWarning)
    from deid.config import DeidRecipe
    from deid.dicom.pixels.detect import has_burned_pixels

BUNDLED = RuleBook(read_rules(bundled_recipe(), strict=False))
HOUSE = RuleBook(read_rules(HERE / "house.recipe", strict=True))


def device(**attributes: Any) -> FileDataset:
    dataset = FileDataset("", {})
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def region(left: int, top: int, right: int, bottom: int) -> Dataset:
    return device(
        RegionLocationMinX0=left,
        RegionLocationMinY0=top,
        RegionLocationMaxX1=right,
        RegionLocationMaxY1=bottom,
    )


def spell(rule: Rule) -> list[Any]:
    return [rule.group, [[int(a.keep), ",".join(map(str, a.box))] for a in rule.areas]]


def theirs_without_leading_or() -> DeidRecipe:
    recipe = DeidRecipe("dicom")
    for rules in recipe.deid["filter"].values():
        rules[:] = [r for r in rules if all(f["operator"] != "or" for f in r["filters"])]
    return recipe


DEVICES = [
    device(Modality="US", Manufacturer="Philips", Rows=480, ManufacturerModelName="iU22"),
    device(Modality="US", Manufacturer="GE Healthcare", Rows=720, ManufacturerModelName="LOGIQS7"),
    device(
        Modality="US", Manufacturer="ATL", Rows=476, Columns=640, ManufacturerModelName="HDI 5000"
    ),
    device(
        Modality="CT", ManufacturerModelName="LightSpeed VCT", ImageType=["DERIVED", "SCREEN SAVE"]
    ),
    device(Modality="CT", Manufacturer="GE", Rows=512, BurnedInAnnotation="YES"),
    device(Modality="OT", ImageType=["DERIVED", "SECONDARY"]),
    device(
        Modality="PT", Manufacturer="Philips", ManufacturerModelName="GEMINI", Rows=446, Columns=245
    ),
    device(Modality="CT", ManufacturerModelName="SOMATOM Definition AS+", SeriesDescription="3D x"),
]


def plain(rule: Rule) -> bool:
    return not any(line.alternative for line in rule.lines)


def packaged() -> list[Path]:
    return sorted((Path(pydicom.__file__).parent / "data" / "test_files").glob("*.dcm"))[::2]


def test_the_bundled_rules_match_exactly_where_deid_says_they_do() -> None:
    """On devices of the list and on pydicom's files; rules with a leading `||` are told apart.

    deid gets its own copy of the recipe for each file: it writes into the one it is given.
    """
    recipe = theirs_without_leading_or()
    files: list[FileDataset] = [
        pydicom.dcmread(p, force=True, stop_before_pixels=True) for p in packaged()
    ]
    matched = 0
    for dataset in DEVICES + files:
        found = has_burned_pixels(dataset, deid=copy.deepcopy(recipe))["results"]
        for result in found:
            result["coordinates"] = [[k, c.replace(" ", "")] for k, c in result["coordinates"]]
        expected = [[result["group"], result["coordinates"]] for result in found]
        assert [spell(r) for r in BUNDLED.matching(dataset) if plain(r)] == expected
        matched += len(expected)
    assert matched >= len(DEVICES)


def test_a_leading_or_opens_another_way_to_fulfil_a_rule() -> None:
    """deid reads it as `and`, so that Burned In Annotation YES alone is not flagged there."""
    dataset = device(Modality="MR", BurnedInAnnotation="YES", ImageType="X", SeriesDescription="X")
    assert not has_burned_pixels(dataset, deid=DeidRecipe("dicom"))["flagged"]
    assert apply_rules(BUNDLED, dataset, 9, 9).flagged


def test_ultrasound_keeps_only_its_declared_regions() -> None:
    dataset = device(SequenceOfUltrasoundRegions=[region(10, 20, 30, 40), region(50, 0, 60, 10)])
    kept = ~apply_rules(HOUSE, dataset, 100, 100).masked
    expected = np.zeros((100, 100), bool)
    expected[20:40, 10:30] = expected[0:10, 50:60] = True
    assert np.array_equal(kept, expected)


def test_a_region_up_to_the_last_pixel_keeps_it() -> None:
    dataset = device(SequenceOfUltrasoundRegions=[region(0, 0, 99, 79)])
    assert not apply_rules(HOUSE, dataset, 80, 100).masked.any()


def test_one_files_regions_are_gone_with_the_next_file() -> None:
    """The fault of deid's has_burned_pixels, which writes them into the shared recipe."""
    first = device(SequenceOfUltrasoundRegions=[region(0, 0, 90, 90)])
    second = device(SequenceOfUltrasoundRegions=[region(0, 0, 10, 10)])
    apply_rules(HOUSE, first, 100, 100)
    assert (~apply_rules(HOUSE, second, 100, 100).masked).sum() == 100


@pytest.mark.parametrize("broken", [Dataset(), region(200, 0, 300, 10), region(30, 0, 10, 10)])
def test_a_region_that_cannot_be_read_is_refused(broken: Dataset) -> None:
    with pytest.raises(RefusedError):
        apply_rules(HOUSE, device(SequenceOfUltrasoundRegions=[broken]), 100, 100)


def test_a_device_rule_masks_its_banner() -> None:
    found = apply_rules(BUNDLED, DEVICES[0], 480, 640)
    assert found.known_device
    assert found.masked[:47].all()
    assert not found.masked[47:].any()


@given(arrays(bool, (9, 11)))
def test_rectangles_cover_exactly_what_is_masked(masked: np.ndarray[Any, Any]) -> None:
    drawn = np.zeros(masked.shape, int)
    for left, top, right, bottom in as_rectangles(masked):
        drawn[top:bottom, left:right] += 1
    assert np.array_equal(drawn, masked.astype(int))


@pytest.mark.parametrize(
    ("manufacturer", "charsets"),
    [
        (b"ACME\\Co ", [b"ISO_IR 100", b"ISO_IR 192"]),
        (b"", [b"ISO_IR 100"]),
        (b"M\xfcller", [b"ISO_IR 100", b"ISO_IR 144"]),
        (b"\x1b$B;3ED\x1b(B", [b"\\ISO 2022 IR 87"]),
    ],
)
def test_an_attribute_prints_as_pydicom_reads_it(
    manufacturer: bytes, charsets: list[bytes]
) -> None:
    """Whichever file was seen before: what is remembered does not depend on the character set."""
    for declared in charsets:
        elements = (
            b"\x08\0\x05\0CS" + len(declared).to_bytes(2, "little") + declared,
            b"\x08\0\x70\0LO" + len(manufacturer).to_bytes(2, "little") + manufacturer,
        )
        read = functools.partial(pydicom.dcmread, force=True)
        file = b"".join(elements)
        expected = read(io.BytesIO(file)).get("Manufacturer")
        fact = BUNDLED._fact(read(io.BytesIO(file)), "Manufacturer")
        assert fact.text == ("" if expected is None else str(expected).lower().strip())
        assert (fact.there, fact.empty) == (True, not expected)
