"""The structural walk: whole, not whole, none of ours, or beyond repair."""

from __future__ import annotations

import contextlib
import random
import zlib
from pathlib import Path
from struct import pack

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

from tests.dicom.files import (
    BIG,
    CT_CLASS,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    SR_CLASS,
    UNDEFINED,
    Coding,
    grey,
    header,
    image,
    noise,
    part10,
)
from watcher.dicom.frames import open_frames, open_rows
from watcher.dicom.part10 import parse
from watcher.dicom.quiet import quiet
from watcher.dicom.walk import Walk, walk
from watcher.errors import DeferredError, ExcludedError, RefusedError
from watcher.model import Reason
from watcher.options import Limits

J2K = "1.2.840.10008.1.2.4.90"
CT = Path(str(get_testdata_file("CT_small.dcm")))
PACKAGED = CT.parent


def walked(data: bytes, limits: Limits | None = None) -> Walk:
    return walk(memoryview(data), limits or Limits())


def reason(data: bytes, limits: Limits | None = None) -> Reason | None:
    """How a walk ends; None when the file is whole."""
    try:
        walked(data, limits)
    except (DeferredError, ExcludedError, RefusedError) as error:
        return error.outcome.reason
    return None


def small(syntax: str) -> bytes:
    """A whole image of a few hundred bytes."""
    if syntax == J2K:
        pixels = Coding().encapsulated([b"frame-1", b"frame-two"], offsets=[0, 16])
        return image(pixels, syntax, Rows=2, Columns=2, NumberOfFrames=2)
    return grey(noise((4, 6), "u2"), syntax)


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG, DEFLATED, J2K])
def test_every_cut_of_a_file_is_not_whole(syntax: str) -> None:
    """At each byte, between two elements, in a sequence, in a fragment: more may come."""
    data = small(syntax)
    assert reason(data) is None
    if syntax == DEFLATED:  # without its padding byte, a deflated stream is whole
        data = data[: len(data) - 1 if data[-1] == 0 else len(data)]
    assert {cut: reason(data[:cut]) for cut in range(len(data))} == dict.fromkeys(
        range(len(data)), Reason.NOT_WHOLE
    )


def test_400_cuts_of_a_real_ct_are_not_whole() -> None:
    """A scanner's file, whose preamble is that of a TIFF."""
    data = CT.read_bytes()
    cuts = random.Random(4).sample(range(len(data)), 400)
    # Cut behind its pixel data, only trailing padding is gone, and nothing can tell.
    assert {reason(data[:cut]) for cut in cuts if cut != 39068} == {Reason.NOT_WHOLE}


def test_an_empty_file_is_not_whole() -> None:
    """A writer that has made the file and not written yet."""
    with pytest.raises(DeferredError) as error:
        walked(b"")
    assert (error.value.outcome.reason, error.value.outcome.detail) == (Reason.NOT_WHOLE, "empty")


@pytest.mark.parametrize(
    "data",
    [
        b"hello",
        b"Patient list, not an image\r\n" * 20,
        b"\x89PNG\r\n\x1a\n" + bytes(400),
        b"%PDF-1.7\n" + bytes(400),
        bytes(200),
        b"\x08\x00" + b"\xff" * 300,
    ],
)
def test_what_is_not_dicom_is_none_of_ours(data: bytes) -> None:
    """Text at any length, other formats, zeros without a prefix."""
    assert reason(data) is Reason.NOT_DICOM


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG])
def test_a_bare_data_set_is_read(syntax: str) -> None:
    """No preamble, no meta: the coding is read off the first element."""
    data = small(syntax)
    start = walked(data).start
    found = walked(data[start:])
    assert found.transfer_syntax == syntax
    assert len(found.elements) == len(walked(data).elements)


@pytest.mark.parametrize("path", sorted(PACKAGED.glob("*.dcm")), ids=lambda path: path.name)
def test_it_sees_the_elements_that_pydicom_sees(path: Path) -> None:
    """On every file that pydicom packages and the walk calls whole."""
    data = path.read_bytes()
    try:
        found = walked(data)
    except (DeferredError, ExcludedError, RefusedError):
        pytest.skip("not whole, or not DICOM")
    with quiet():
        tags = {int(tag) for tag in pydicom.dcmread(path, force=True).keys()}  # noqa: SIM118
    assert {element.tag for element in found.elements} == tags


def test_it_says_where_the_pixels_lie() -> None:
    """The value of a native element, and each fragment of an encapsulated one."""
    cells = noise((4, 6), "u2")
    found = walked(grey(cells))
    assert found.pixels is not None
    assert not found.pixels.encapsulated
    assert bytes(found.data[found.pixels.start : found.pixels.stop]) == cells.tobytes()
    found = walked(small(J2K))
    assert found.pixels is not None
    assert found.pixels.encapsulated
    fragments = [bytes(found.data[start:stop]) for start, stop in found.pixels.fragments]
    assert fragments == [pack("<LL", 0, 16), b"frame-1\0", b"frame-two\0"]


def test_zeros_behind_the_last_element_are_padding() -> None:
    """Some writers fill up a block; the padding is not part of the data set."""
    data = small(EXPLICIT)
    for padding in (1, 7, 8, 512, 3 << 20):
        assert walked(data + bytes(padding)).stop == len(data)


def test_zeros_in_the_place_of_pixels_are_not_whole() -> None:
    """A writer that reserves its space first shows zeros until it has written."""
    data = small(EXPLICIT)
    cut = walked(data).elements[-2].end
    assert reason(data[:cut] + bytes(len(data) - cut)) is Reason.NOT_WHOLE


@pytest.mark.parametrize("rest", [b"garbage!", b"\xde\xad\xbe\xef" * 8])
def test_other_bytes_behind_the_last_element_are_corrupt(rest: bytes) -> None:
    """They could hold anything, and no more bytes would make an element of them."""
    assert reason(small(EXPLICIT) + rest) is Reason.CORRUPT


def test_an_image_without_pixel_data_is_not_whole() -> None:
    """By its class, or by its Rows; a report needs none."""
    coding = Coding()
    assert reason(part10(header(coding))) is Reason.NOT_WHOLE
    assert reason(part10(header(coding, SR_CLASS), sop_class=SR_CLASS)) is None
    rows = coding.element(0x00280010, "US", 4)
    assert reason(part10(header(coding, SR_CLASS) + rows, sop_class=SR_CLASS)) is Reason.NOT_WHOLE


@pytest.mark.parametrize(
    "body",
    [
        Coding().head(0x00081140, "SQ", 12) + Coding().element(0x00080100, "SH", "AB") + b"\0\0",
        Coding().sequence(0x00081140, [Coding().item(Coding().head(0x00080100, "SH", 40))]),
        Coding().delimiter(0xE00D) + Coding().element(0x00200010, "SH", "AB"),
        Coding().element(0x7FE00010, "OW", b"AB") * 2,
        Coding().head(0x7FE00010, "OB", UNDEFINED) + Coding().element(0x00200010, "SH", "ABCD"),
        Coding().element(0x00200010, "SH", "AB") + Coding().head(0x00080005, "CS", 400),
    ],
    ids=["no-item", "item-overrun", "delimiter", "two-pixels", "no-fragment", "descending-overrun"],
)
def test_nonsense_is_corrupt(body: bytes) -> None:
    """Structure that no further byte could heal is refused at once."""
    assert reason(part10(header(Coding()) + body)) is Reason.CORRUPT


def test_a_four_gigabyte_length_in_a_small_file_is_not_whole() -> None:
    """It is refused later, when nothing more has come."""
    body = header(Coding()) + Coding().head(0x00211002, "OB", 0xFFFFFFF0) + b"few"
    assert reason(part10(body)) is Reason.NOT_WHOLE


def nest(levels: int, defined: bool, vr: str = "SQ") -> bytes:
    coding = Coding()
    body = b""
    for _ in range(levels):
        item = coding.item(body, defined)
        if vr == "UN":
            body = coding.element(0x0040A730, "UN", item)
        else:
            body = coding.sequence(0x0040A730, [item], defined)
    return part10(header(coding, SR_CLASS) + body, sop_class=SR_CLASS)


@pytest.mark.parametrize("vr", ["SQ", "UN"])
@pytest.mark.parametrize("defined", [True, False])
def test_depth_has_a_limit(defined: bool, vr: str) -> None:
    """Also where the nesting hides in UN, which pydicom unfolds by its dictionary."""
    assert reason(nest(8, defined, vr), Limits(depth=8)) is None
    assert reason(nest(9, defined, vr), Limits(depth=8)) is Reason.OVER_LIMIT
    assert reason(nest(200, defined, vr)) is Reason.OVER_LIMIT


def test_bytes_that_only_look_like_items_are_left_alone() -> None:
    """An unknown value that starts like an item and goes on otherwise is a value."""
    value = pack("<HHL", 0xFFFE, 0xE000, 4) + b"\xff" * 6
    body = header(Coding(), SR_CLASS) + Coding().element(0x00091005, "UN", value)
    assert reason(part10(body, sop_class=SR_CLASS)) is None


def test_elements_have_a_limit() -> None:
    """Top-level and nested ones, items and fragments count alike."""
    body = header(Coding(), SR_CLASS)
    many = Coding().element(0x00091005, "LO", b"") * 60
    nested = Coding().sequence(0x0040A730, [Coding().item(many[:240])] * 2)
    for more in (many, nested):
        data = part10(body + more, sop_class=SR_CLASS)
        assert reason(data, Limits(elements=100)) is None
        assert reason(data, Limits(elements=50)) is Reason.OVER_LIMIT
    fragments = Coding().encapsulated([b"ab"] * 60)
    data = image(fragments, J2K, Rows=1, Columns=1)
    assert reason(data, Limits(elements=50)) is Reason.OVER_LIMIT


def test_sizes_have_limits() -> None:
    """Of a file, and of a header; pixels do not count as header."""
    data = grey(noise((64, 64), "u2"))
    assert reason(data, Limits(file_bytes=len(data))) is None
    assert reason(data, Limits(file_bytes=len(data) - 1)) is Reason.OVER_LIMIT
    assert reason(data, Limits(header_bytes=1000)) is None
    assert reason(data, Limits(header_bytes=100)) is Reason.OVER_LIMIT


def test_a_deflate_bomb_is_stopped_early() -> None:
    """By its ratio and by its size; what is small may be as empty as it likes."""
    bomb = part10(header(Coding()) + Coding().element(0x00091005, "OB", bytes(64 << 20)), DEFLATED)
    assert len(bomb) < 200_000
    assert reason(bomb) is Reason.OVER_LIMIT
    roomy = Limits(inflate_ratio=5000)
    assert reason(bomb, roomy) is Reason.CORRUPT  # whole as a stream, but without its pixels
    assert reason(bomb, Limits(inflate_ratio=5000, inflated_bytes=1 << 20)) is Reason.OVER_LIMIT
    black = grey(np.zeros((512, 512), np.uint16), DEFLATED)
    assert reason(black) is None


def test_bytes_behind_a_deflated_data_set() -> None:
    """The trailer of a gzip is known to occur; anything else is corrupt."""
    data = grey(noise((4, 6), "u2"), DEFLATED)
    start = walked(grey(noise((4, 6), "u2"))).start
    body = grey(noise((4, 6), "u2"))[start:]
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = squeeze.compress(body) + squeeze.flush()
    head = data[: data.index(stream)]
    trailer = pack("<LL", zlib.crc32(body), len(body))
    assert reason(head + stream + trailer) is None
    assert reason(head + stream + trailer[:5]) is Reason.NOT_WHOLE
    assert reason(head + stream + b"something else") is Reason.CORRUPT


def test_the_first_element_beats_the_transfer_syntax() -> None:
    """A file that says explicit and is implicit, and the other way round."""
    implicit, explicit = small(IMPLICIT), small(EXPLICIT)
    start = walked(implicit).start, walked(explicit).start
    lying = part10(implicit[start[0] :], EXPLICIT)
    assert walked(lying).transfer_syntax == IMPLICIT
    lying = part10(explicit[start[1] :], IMPLICIT)
    assert walked(lying).transfer_syntax == EXPLICIT


def test_implicit_elements_and_items_in_an_explicit_data_set() -> None:
    """As some writers do; pydicom reads them, so the walk does."""
    plain, implicit = Coding(), Coding(IMPLICIT)
    item = plain.item(implicit.element(0x00080100, "SH", "T-1"))
    unknown = plain.head(0x00081140, "UN", UNDEFINED) + item + plain.delimiter(0xE0DD)
    body = header(plain, SR_CLASS) + unknown + implicit.element(0x00400001, "LO", "room")
    found = walked(part10(body, sop_class=SR_CLASS))
    assert [element.tag for element in found.elements[-2:]] == [0x00081140, 0x00400001]


def test_a_missing_group_length_and_a_missing_syntax_are_no_harm() -> None:
    """The meta ends where its group ends; the coding is read off the data set."""
    plain = Coding()
    meta = plain.element(0x00020002, "UI", SR_CLASS)
    for syntax in (IMPLICIT, EXPLICIT, BIG):
        data = bytes(128) + b"DICM" + meta + header(Coding(syntax), SR_CLASS)
        assert walked(data).transfer_syntax == syntax


@given(data=st.binary(max_size=400), prefix=st.sampled_from(["none", "part10", "ct"]))
def test_any_bytes_end_in_a_verdict(data: bytes, prefix: str) -> None:
    """Never in an exception of another kind."""
    heads = {"none": b"", "part10": part10(b""), "ct": part10(header(Coding()))}
    assert reason(heads[prefix] + data) in {None, *Reason}


@given(
    changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6),
    syntax=st.sampled_from([IMPLICIT, EXPLICIT, BIG, DEFLATED, J2K]),
)
def test_damaged_files_end_in_a_verdict_all_the_way(
    changes: list[tuple[int, int]], syntax: str
) -> None:
    """Walk, parse, open and decode: only the house's own errors come out."""
    data = bytearray(small(syntax))
    for place, value in changes:
        data[place % len(data)] = value
    view = memoryview(bytes(data))
    limits = Limits(frame_bytes=1 << 20)
    with contextlib.suppress(DeferredError, ExcludedError, RefusedError):
        frames = open_frames(parse(view, walk(view, limits), limits), limits)
        if frames is not None:
            for index in range(min(frames.number, 3)):
                open_rows(frames, index)(0, frames.rows)


def test_the_class_of_the_meta_counts_too() -> None:
    """A file cut before its SOP Class UID is known by its Media Storage SOP Class UID."""
    body = Coding().element(0x00080005, "CS", "ISO_IR 100")
    assert reason(part10(body, sop_class=CT_CLASS)) is Reason.NOT_WHOLE
    assert reason(part10(body, sop_class=SR_CLASS)) is None
