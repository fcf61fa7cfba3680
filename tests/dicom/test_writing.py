"""Writing a scrubbed Instance: pixels bit-exact, header whole, group 0002 ours."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from tests.dicom.files import (
    BIG,
    CT_CLASS,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    Coding,
    grey,
    image,
    native,
    noise,
    read,
    scrubbed,
)
from watcher.dicom.part10 import parse
from watcher.dicom.quiet import quiet
from watcher.dicom.walk import walk
from watcher.dicom.writing import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    Written,
    write,
)
from watcher.digest import fingerprint
from watcher.errors import DeferredError, ExcludedError, RefusedError
from watcher.model import Reason
from watcher.options import Limits

PACKAGED = Path(str(get_testdata_file("CT_small.dcm"))).parent


def rewrite(data: bytes, path: Path, verbatim: bool = True) -> tuple[bytes, Written]:
    written = write(scrubbed(*read(data), verbatim=verbatim), path)
    return path.read_bytes(), written


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("verbatim", [True, False])
@pytest.mark.parametrize("path", sorted(PACKAGED.glob("*.dcm")), ids=lambda path: path.name)
def test_packaged_files_keep_pixels_and_header(
    path: Path, verbatim: bool, raw: bool, tmp_path: Path
) -> None:
    """Copied or written anew, from bytes or from values: what is read is the same."""
    try:
        part, frames = read(path.read_bytes())
        frames.frame(0)
    except (DeferredError, ExcludedError, RefusedError, AssertionError):
        pytest.skip("not a whole image that can be decoded")
    for keyword in ("SOPClassUID", "SOPInstanceUID"):
        if keyword not in part.dataset:
            setattr(part.dataset, keyword, "1.2.3")
    if not raw:
        with quiet():
            list(part.dataset.iterall())
    out = tmp_path / "out.dcm"
    write(scrubbed(part, frames, verbatim), out)
    again, other = read(out.read_bytes())
    for index in range(frames.number):
        before, after = frames.frame(index), other.frame(index)
        assert before.dtype == after.dtype
        assert np.array_equal(before, after)
    if verbatim:
        assert part.pixels is not None
        assert again.pixels is not None
        assert bytes(again.pixels.value)[: len(part.pixels.value)] == bytes(part.pixels.value)
        with quiet():
            lengths = [tag for tag in part.dataset.keys() if tag.element == 0]  # noqa: SIM118
            for tag in lengths:  # retired Group Lengths (PS3.5 7.2)
                del part.dataset[tag]
            assert again.dataset == part.dataset


@pytest.mark.parametrize(
    ("syntax", "after"),
    [(IMPLICIT, IMPLICIT), (EXPLICIT, EXPLICIT), (BIG, BIG), (DEFLATED, EXPLICIT)],
)
@pytest.mark.parametrize("verbatim", [True, False])
def test_the_coding_of_the_source_is_kept(
    syntax: str, after: str, verbatim: bool, tmp_path: Path
) -> None:
    """All but deflated; a table of 16-bit words keeps its values in any byte order."""
    coding = Coding(syntax)
    words = coding.element(0x00281201, "OW", coding.value("US", [1, 2, 0x1234]))
    cells = noise((4, 6), "u2")
    data, _ = rewrite(grey(cells, syntax, extra=words), tmp_path / "a.dcm", verbatim)
    found = walk(memoryview(data), Limits())
    assert found.transfer_syntax == after
    assert words[-6:] in data
    assert np.array_equal(read(data)[1].frame(0), cells)
    assert np.array_equal(pydicom.dcmread(tmp_path / "a.dcm").pixel_array, cells)


def test_group_0002_and_the_preamble_are_made_here(tmp_path: Path) -> None:
    """Nothing of the source's travels in them."""
    source = grey(noise((4, 6), "u2"))
    at = 132 + 12
    title = Coding().element(0x00020016, "AE", "HOSPITAL")
    source = b"\x55" * 128 + source[128:at] + title + source[at:]
    data, _ = rewrite(source, tmp_path / "a.dcm")
    assert data[:128] == bytes(128)
    meta = pydicom.dcmread(tmp_path / "a.dcm").file_meta
    assert {element.tag.element: element.value for element in meta} == {
        0x0000: meta.FileMetaInformationGroupLength,
        0x0001: b"\0\1",
        0x0002: CT_CLASS,
        0x0003: "1.2.3",
        0x0010: EXPLICIT,
        0x0012: IMPLEMENTATION_CLASS_UID,
        0x0013: IMPLEMENTATION_VERSION_NAME,
    }
    assert b"HOSPITAL" not in data


def test_size_hash_and_header_are_of_the_file(tmp_path: Path) -> None:
    """The header is everything but the pixel value, for the guard that searches it."""
    cells = noise((4, 6), "u2")
    trailing = Coding().element(0xFFFCFFFC, "OB", b"padding!")
    source = image(native(cells.tobytes()) + trailing, Rows=4, Columns=6)
    data, written = rewrite(source, tmp_path / "a.dcm")
    assert written.size == len(data)
    assert written.digest == fingerprint(data)
    value = cells.tobytes()
    at = data.index(value)
    assert written.header == data[:at] + data[at + len(value) :]
    assert data.endswith(trailing)


def test_the_file_is_new_and_private(tmp_path: Path) -> None:
    """Mode 0600; an existing file is never written over."""
    path = tmp_path / "a.dcm"
    source = grey(noise((4, 6), "u2"))
    rewrite(source, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        rewrite(source, path)


def test_an_odd_length_is_padded(tmp_path: Path) -> None:
    """To even, with a zero (PS3.5 8.1.1)."""
    cells = noise((3, 3), "u1")
    for verbatim in (True, False):
        data, _ = rewrite(grey(cells), tmp_path / f"{verbatim}.dcm", verbatim)
        assert len(data) % 2 == 0
        assert data.endswith(cells.tobytes() + b"\0")


@pytest.mark.parametrize("count", [1, 3])
def test_single_bits_are_packed_again(count: int, tmp_path: Path) -> None:
    """Across frames, as they were."""
    packed = bytes(range(1, 1 + -(-15 * count // 8)))
    source = image(native(packed, "OB"), BitsAllocated=1, Rows=3, Columns=5, NumberOfFrames=count)
    part, frames = read(source)
    rewrite(source, tmp_path / "a.dcm", verbatim=False)
    _, again = read((tmp_path / "a.dcm").read_bytes())
    for index in range(count):
        assert np.array_equal(again.frame(index), frames.frame(index))
    assert part.dataset.BitsAllocated == 1


def test_written_anew_spare_bits_are_gone(tmp_path: Path) -> None:
    """An overlay above High Bit does not survive; the attributes say where the values are."""
    cells = noise((4, 6), "u2")
    source = grey(cells, BitsStored=10, HighBit=12)
    rewrite(source, tmp_path / "a.dcm", verbatim=False)
    again = pydicom.dcmread(tmp_path / "a.dcm")
    assert (again.BitsAllocated, again.BitsStored, again.HighBit) == (16, 10, 9)
    assert np.array_equal(np.frombuffer(again.PixelData, "<u2").reshape(4, 6), cells >> 3 & 0x3FF)


def test_written_anew_what_described_the_old_pixels_is_right(tmp_path: Path) -> None:
    """Subsampled becomes full, offset tables go; the data set that was handed in stays."""
    table = Coding().element(0x7FE00001, "OV", bytes(8))
    source = image(
        table + native(bytes(range(16)), "OB"),
        SamplesPerPixel=3,
        PhotometricInterpretation="YBR_FULL_422",
        PlanarConfiguration=0,
        BitsAllocated=8,
        Rows=2,
        Columns=4,
    )
    part, frames = read(source)
    write(scrubbed(part, frames, verbatim=False), tmp_path / "a.dcm")
    again = pydicom.dcmread(tmp_path / "a.dcm")
    assert again.PhotometricInterpretation == "YBR_FULL"
    assert len(again.PixelData) == 24
    assert "ExtendedOffsetTable" not in again
    assert part.dataset.PhotometricInterpretation == "YBR_FULL_422"
    assert "ExtendedOffsetTable" in part.dataset


def test_implicit_elements_in_an_explicit_file_get_their_vr(tmp_path: Path) -> None:
    """As the dictionary has it."""
    implicit = Coding(IMPLICIT).element(0x00281040, "CS", "LIN ")
    rewrite(grey(noise((4, 6), "u2"), extra=implicit), tmp_path / "a.dcm")
    assert pydicom.dcmread(tmp_path / "a.dcm")["PixelIntensityRelationship"].VR == "CS"


def test_a_header_that_cannot_be_encoded_is_refused(tmp_path: Path) -> None:
    """With no message of a library in it, and no file left."""
    part, frames = read(grey(noise((4, 6), "u2")))
    part.dataset.add_new(0x00280106, "US", 70000)
    with pytest.raises(RefusedError) as error:
        write(scrubbed(part, frames), tmp_path / "a.dcm")
    assert error.value.outcome.reason is Reason.CORRUPT
    assert error.value.__cause__ is None
    assert not list(tmp_path.iterdir())


def test_sequences_private_elements_and_charsets_survive(tmp_path: Path) -> None:
    """Nested both ways, unknown VRs, names in another script."""
    plain = Coding()
    extra = (
        plain.element(0x00291001, "UN", b"\1\2\3\4")
        + plain.sequence(0x00291010, [plain.item(plain.element(0x00080100, "SH", "X"), False)])
        + plain.element(0x00321060, "LO", "R\xf6ntgen".encode("latin-1"))
    )
    source = grey(noise((4, 6), "u2"), extra=extra)
    data, _ = rewrite(source, tmp_path / "a.dcm")
    view = memoryview(data)
    before = read(source)[0].dataset
    after = parse(view, walk(view, Limits()), Limits()).dataset
    assert after == before
    assert after[0x00321060].value == "R\xf6ntgen"
