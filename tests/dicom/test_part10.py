"""Parsing: the header as pydicom reads it, without the pixels."""

from __future__ import annotations

import warnings
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file

from tests.dicom.files import (
    BIG,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    SR_CLASS,
    Coding,
    grey,
    header,
    noise,
    part10,
    read,
)
from watcher.dicom.part10 import parse
from watcher.dicom.quiet import quiet
from watcher.dicom.walk import walk
from watcher.errors import DeferredError, ExcludedError, RefusedError
from watcher.options import Limits

PACKAGED = Path(str(get_testdata_file("CT_small.dcm"))).parent
PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


@pytest.mark.parametrize("path", sorted(PACKAGED.glob("*.dcm")), ids=lambda path: path.name)
def test_it_reads_what_pydicom_reads(path: Path) -> None:
    """The same data set, but for the pixel element and strays of other groups."""
    view, limits = memoryview(path.read_bytes()), Limits()
    try:
        part = parse(view, walk(view, limits), limits)
    except (DeferredError, ExcludedError, RefusedError):
        pytest.skip("not whole, or not DICOM")
    with quiet():
        expected = pydicom.dcmread(path, force=True)
        for keyword in PIXELS:
            if keyword in expected:
                assert part.pixels is not None
                value = expected[keyword].value
                assert value.startswith(bytes(part.pixels.value))
                del expected[keyword]
        assert part.dataset == expected


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG, DEFLATED])
def test_the_pixel_element_is_a_view_of_the_source(syntax: str) -> None:
    """Nothing is copied, except that a deflated file had to be inflated."""
    cells = noise((4, 6), "u2")
    data = grey(cells, syntax)
    part, _ = read(data)
    assert part.pixels is not None
    assert part.pixels.vr == "OW"
    assert bytes(part.pixels.value) == cells.astype(">u2" if syntax == BIG else "<u2").tobytes()
    assert (part.pixels.value.obj is data) == (syntax != DEFLATED)
    assert "PixelData" not in part.dataset


def test_the_preamble_and_strays_of_group_0002_are_not_kept() -> None:
    """A data set has no File Meta Information in it, and no command."""
    plain = Coding()
    stray = plain.element(0x00020016, "AE", "SOMEBODY") + plain.element(0x00091001, "LO", "x")
    body = header(plain, SR_CLASS) + stray
    data = b"\x55" * 128 + part10(body, sop_class=SR_CLASS)[128:]
    view = memoryview(data)
    part = parse(view, walk(view, Limits()), Limits())
    assert not hasattr(part.dataset, "preamble")
    assert 0x00020016 not in part.dataset
    assert 0x00091001 in part.dataset


def test_the_file_meta_has_the_syntax_that_was_found() -> None:
    """Whatever it stated; other rooms rely on it."""
    implicit = grey(noise((2, 2), "u2"), IMPLICIT)
    start = walk(memoryview(implicit), Limits()).start
    part, _ = read(part10(implicit[start:], EXPLICIT))
    assert part.dataset.file_meta.TransferSyntaxUID == IMPLICIT


def test_elements_out_of_order_and_twice_are_read() -> None:
    """As pydicom does: the last one counts."""
    plain = Coding()
    body = header(plain, SR_CLASS) + plain.element(0x00080060, "CS", "MR")
    view = memoryview(part10(body, sop_class=SR_CLASS))
    part = parse(view, walk(view, Limits()), Limits())
    assert part.dataset.Modality == "MR"


def test_it_warns_of_nothing() -> None:
    """pydicom's warnings quote values."""
    plain = Coding()
    body = (
        plain.element(0x00080005, "CS", "ISO_IR 999")
        + header(plain, SR_CLASS)[18:]
        + plain.element(0x00100010, "PN", b"D\xf6e^J\xff")
        + plain.element(0x00100030, "DA", "not a date")
    )
    view = memoryview(part10(body, sop_class=SR_CLASS))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        parse(view, walk(view, Limits()), Limits())
    assert not caught
