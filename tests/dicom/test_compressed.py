"""Compressed frames: every decoder against the cells an independent encoder was given."""

from __future__ import annotations

import hashlib
import io
from base64 import b85decode
from collections.abc import Callable
from pathlib import Path
from struct import pack
from typing import Any

import gdcm
import jpeg_ls
import numpy as np
import pytest
from numpy.typing import NDArray
from openjpeg.utils import encode_array
from PIL import Image
from pydicom.data import get_testdata_file

from tests.dicom.files import Coding, grey, image, noise, read
from tests.dicom.jpegs import flat, lossless
from watcher.dicom.frames import open_rows
from watcher.errors import RefusedError
from watcher.model import Reason
from watcher.options import Limits

J = "1.2.840.10008.1.2.4."
BASELINE, EXTENDED, LOSSLESS, SV1 = J + "50", J + "51", J + "57", J + "70"
JPEG_LS, JPEG_LS_NEAR, J2K, J2K_LOSSY = J + "80", J + "81", J + "90", J + "91"
HTJ2K, RLE = J + "201", "1.2.840.10008.1.2.5"
Encode = Callable[[NDArray[Any]], bytes]

# Lossless HTJ2K by OpenJPH (imagecodecs 2026.3.6) of the ramps in `test_htj2k`: no encoder of it
# is among this project's dependencies.
HT_GREY = b85decode(
    b"|4;u>04YEK0000A0000C00000000000000A0000C0000000000009R90sl|{2mk^A00092QUDA90ssL31q1{@0sm"
    b"Y86Cg-XP*6}%P*6}%P*6}vNJ#%=02crOPjF>!N>E53R%LP^FfKASE;BCwkN^q*00000qW}T_lfWhU07rBH0KgK!6"
    b"2KCG_y7lV0Hy&4bO2oehjakI62KF{5`bm^19SjZi2eX#Gyu{7hjakI6%Yk<0a6=)rU5_XwE!1PxY;<Y1SS6fKzCR"
    b"GuQHte7x0dC0KhFc1*-t6O#ft`=QH-e90-@g|AHW;OMC$C;rsKi^R45dqod#idR8$Q;#yh&{@>t2Mi4;mSOEXo"
)
HT_RGB = b85decode(
    b"|4;u>053oQ0000A0000C00000000000000A0000C000000000000RdB0S5sA2LS>9Pyh%30ssI21OHM03;+TE0Ra"
    b"UB1V91*TmTawP*_-4SXfwCSXfwCSWr+<|6~9c00B>MWo}APNFY{aav(4+GBz$VF8`1K3IG5A009*M0soW05r8Li0"
    b"KgJ})By){0KgIe0LOFy0002M319@Ez5xex0PFw<bO68!U<9Da0f%$|nE?lM0Kf@g1fZ7zhjai`0f%$|zzEO+KpS%"
    b"a{s3bDzzHA(fc7hM0OSfY0Kf?#1c2l#a{!qVGXTH|U<E_~kp2NMbO3~t0z&hsmH+_gv;e>fU<F9(DB^Sg=Xw6X00"
    b"I8C0Kf@g1xUas;&cF5EcU<<f&R7tz!mTXbO9(>3xF8_W*_dS{_1(_2><{90`dT(t98lL*!(&G(3<H50KgS+1xWY3"
    b"_r2IJ*We3x05Kxs_D9L=wgA8ta0Os-jB$+EFW2A;cL1g_#{BdEMgRfqxB&mz"
)
HT_DEEP = b85decode(
    b"|4;u>04YEK0000A0000C00000000000000A0000C0000000000009pH0sl|{2mk^A000XAQUDA90ssL31q1{@0sm"
    b"Y86Cj9?kdTm&kdTm&kdTmwh=~7W02crOPjF>!N>E53R%LP^FfKASE;BCwkN^q*00000WdH&HlfVEbviSrDbN~Rr0"
    b"206e69Do6hjah{{sISd0KfndzyJ||0TTccGXTH<5x@WyAQR&NhK7c~Ap!oj0Kfn$U;q_hOfvb}{eDY!0J_#%^Z-T"
    b"x0qnQ{|Je"
)


def described(frame: NDArray[Any], bits: int, **more: Any) -> dict[str, Any]:
    colour = {"PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    return {
        "Rows": frame.shape[0],
        "Columns": frame.shape[1],
        "SamplesPerPixel": 3 if frame.ndim == 3 else 1,
        "BitsAllocated": 8 * frame.dtype.itemsize,
        "BitsStored": bits,
        "PixelRepresentation": int(frame.dtype.kind == "i"),
        **(colour if frame.ndim == 3 else {}),
        **more,
    }


def wrapped(streams: list[bytes], syntax: str, offsets: tuple[int, ...] = (), **more: Any) -> bytes:
    """A file of one fragment per stream."""
    return image(Coding().encapsulated(streams, offsets), syntax, **more)


def jpeg2000(frame: NDArray[Any], bits: int, **more: Any) -> bytes:
    return bytes(encode_array(frame, bits_stored=bits, **more))


def rle(frame: NDArray[Any]) -> bytes:
    """PackBits literals and replicates of each byte plane, the most significant first (PS3.5 G)."""
    planes = frame.reshape(*frame.shape[:2], -1).transpose(2, 0, 1)
    segments = []
    for plane in planes:
        cells = plane.astype(plane.dtype.newbyteorder(">")).view(np.uint8)
        cells = cells.reshape(-1, plane.dtype.itemsize)
        for byte in range(plane.dtype.itemsize):
            data = cells[:, byte].tobytes()
            packed = b""
            for start in range(0, len(data), 128):
                run = data[start : start + 128]
                if len(run) > 1 and len(set(run)) == 1:
                    packed += bytes([257 - len(run), run[0]])
                else:
                    packed += bytes([len(run) - 1]) + run
            segments.append(packed + b"\0" * (len(packed) % 2))
    starts = [64 + sum(map(len, segments[:i])) for i in range(len(segments))]
    return pack("<16L", len(segments), *starts, *[0] * (15 - len(starts))) + b"".join(segments)


def by_gdcm(folder: Path, data: bytes, kind: int) -> bytes:
    """A file transcoded by gdcm."""
    source, goal = folder / "source.dcm", folder / "goal.dcm"
    source.write_bytes(data)
    reader = gdcm.ImageReader()
    reader.SetFileName(str(source))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(kind))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(goal))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return goal.read_bytes()


GREYS = [
    ("u1", 8, 8),
    ("u1", 7, 7),
    ("i1", 8, 8),
    ("u2", 12, 12),
    ("u2", 16, 16),
    ("i2", 16, 16),
    ("i2", 13, 13),
]


@pytest.mark.parametrize(("dtype", "bits", "precision"), GREYS)
def test_jpeg_2000_grey(dtype: str, bits: int, precision: int) -> None:
    """Any width; the sign of the stream, or of the attributes where the stream has none."""
    frame = noise((40, 36), dtype, bits)
    stream = jpeg2000(frame, precision)
    _, frames = read(wrapped([stream], J2K, **described(frame, bits)))
    assert frames.frame(0).dtype == frame.dtype
    assert np.array_equal(frames.frame(0), frame)


@pytest.mark.parametrize("bits", [9, 12, 15, 16])
def test_jpeg_2000_whose_sign_is_not_that_of_the_attributes(bits: int) -> None:
    """The bit pattern counts: two's complement of the stream's precision."""
    frame = noise((40, 36), "i2", bits)
    pattern = (frame.view("u2") & ((1 << bits) - 1)).astype("u2")
    unsigned = wrapped([jpeg2000(pattern, bits)], J2K, **described(frame, bits))
    assert np.array_equal(read(unsigned)[1].frame(0), frame)
    signed = wrapped([jpeg2000(frame, bits)], J2K, **described(pattern, bits))
    assert np.array_equal(read(signed)[1].frame(0), pattern)


def test_jpeg_2000_that_carries_the_whole_cell() -> None:
    """A stream of 16 bits for 12 stored ones may hold an overlay above them."""
    frame = noise((40, 36), "u2", 16)
    _, frames = read(wrapped([jpeg2000(frame, 16)], J2K, **described(frame, 12)))
    assert np.array_equal(frames.frame(0), frame & 0xFFF)


@pytest.mark.parametrize("transform", [True, False])
@pytest.mark.parametrize("stated", ["RGB", "YBR_RCT", "YBR_ICT"])
def test_jpeg_2000_colour_is_rgb(stated: str, transform: bool) -> None:
    """The decoder undoes the component transform, whatever the attribute is called."""
    frame = noise((40, 33, 3), "u1")
    stream = jpeg2000(frame, 8, photometric_interpretation=1, use_mct=transform)
    more = described(frame, 8, PhotometricInterpretation=stated)
    _, frames = read(wrapped([stream], J2K, **more))
    assert frames.photometric == "RGB"
    assert np.array_equal(frames.frame(0), frame)


def test_jpeg_2000_of_ybr_stays_ybr() -> None:
    """Without a component transform the components are what the attribute says."""
    frame = noise((40, 33, 3), "u1")
    stream = jpeg2000(frame, 8, photometric_interpretation=3, use_mct=False)
    more = described(frame, 8, PhotometricInterpretation="YBR_FULL")
    _, frames = read(wrapped([stream], J2K, **more))
    assert frames.photometric == "YBR_FULL"
    assert np.array_equal(frames.frame(0), frame)


def test_htj2k() -> None:
    """High-throughput streams, grey to 16 bits and colour."""
    y, x = np.mgrid[:12, :10]
    colours = np.stack([y * 20, x * 25, 255 - y * 9 - x * 3], axis=-1)
    for stream, frame in (
        (HT_GREY, (y * 30 + x * 7).astype("u1")),
        (HT_DEEP, (y * 30 + x * 7 + 40000).astype("u2")),
        (HT_RGB, colours.astype("u1")),
    ):
        more = described(frame, 8 * frame.dtype.itemsize)
        _, frames = read(wrapped([stream], HTJ2K, **more))
        assert np.array_equal(frames.frame(0), frame)


@pytest.mark.parametrize(("dtype", "bits", "precision"), GREYS)
def test_jpeg_ls_grey(dtype: str, bits: int, precision: int) -> None:
    """JPEG-LS knows no sign; the attributes do."""
    del precision
    frame = noise((40, 36), dtype, bits)
    pattern = frame.view(f"u{frame.dtype.itemsize}") & ((1 << bits) - 1)
    stream = bytes(jpeg_ls.encode_array(pattern.astype(pattern.dtype)))
    _, frames = read(wrapped([stream], JPEG_LS, **described(frame, bits)))
    assert np.array_equal(frames.frame(0), frame)


@pytest.mark.parametrize("interleave", [0, 1, 2])
def test_jpeg_ls_colour_in_each_interleave_mode(interleave: int) -> None:
    """By plane, by line and by sample."""
    frame = noise((40, 33, 3), "u1")
    source = np.ascontiguousarray(frame.transpose(2, 0, 1)) if interleave == 0 else frame
    stream = bytes(jpeg_ls.encode_array(source, interleave_mode=interleave))
    _, frames = read(wrapped([stream], JPEG_LS, **described(frame, 8)))
    assert frames.photometric == "RGB"
    assert np.array_equal(frames.frame(0), frame)


def test_jpeg_ls_near_lossless_keeps_its_bound() -> None:
    """No cell differs by more than the stream's error."""
    frame = noise((40, 36), "u2", 12)
    stream = bytes(jpeg_ls.encode_array(frame, lossy_error=3))
    _, frames = read(wrapped([stream], JPEG_LS_NEAR, **described(frame, 12)))
    difference = frames.frame(0).astype(int) - frame
    assert 0 < abs(difference).max() <= 3


@pytest.mark.parametrize("shape", [(12, 10), (9, 7, 3), (1, 1), (3, 200)])
@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "u4"])
def test_rle(dtype: str, shape: tuple[int, ...]) -> None:
    """Byte planes, most significant first; colour by plane whatever the attribute says."""
    frame = noise(shape, dtype)
    frame[0] = 7
    more = described(frame, 8 * frame.dtype.itemsize)
    _, frames = read(wrapped([rle(frame)], RLE, **more))
    assert np.array_equal(frames.frame(0), frame)


def test_rle_cells_are_cut_like_native_ones() -> None:
    """What lies above High Bit is dropped."""
    frame = noise((40, 36), "u2")
    _, frames = read(wrapped([rle(frame)], RLE, **described(frame, 12)))
    assert np.array_equal(frames.frame(0), frame & 0xFFF)


@pytest.mark.parametrize(
    ("dtype", "bits"), [("u1", 8), ("u2", 12), ("u2", 16), ("i2", 16), ("i2", 12)]
)
def test_jpeg_lossless(tmp_path: Path, dtype: str, bits: int) -> None:
    """Process 14 at any precision, signs included."""
    frame = noise((32, 24), dtype, bits)
    data = by_gdcm(
        tmp_path, grey(frame, BitsStored=bits), gdcm.TransferSyntax.JPEGLosslessProcess14_1
    )
    _, frames = read(data)
    assert np.array_equal(frames.frame(0), frame)


@pytest.mark.parametrize("syntax", [LOSSLESS, SV1])
@pytest.mark.parametrize("predictor", range(1, 8))
@pytest.mark.parametrize(("dtype", "bits"), [("u1", 8), ("u1", 5), ("u2", 12), ("u2", 16)])
def test_jpeg_lossless_with_each_predictor(
    dtype: str, bits: int, predictor: int, syntax: str
) -> None:
    """Process 14, from a stream that no library wrote (T.81 H)."""
    frame = noise((9, 11), dtype, bits)
    stream = lossless(frame, bits, predictor)
    _, frames = read(wrapped([stream], syntax, **described(frame, bits)))
    assert np.array_equal(frames.frame(0), frame)


def test_jpeg_lossless_of_signed_values_and_of_colours() -> None:
    """Two's complement of the stored bits; three interleaved components stay what they are."""
    signed = noise((9, 11), "i2", 12)
    stream = lossless(signed.view("u2") & 0xFFF, 12, 1)
    _, frames = read(wrapped([stream], SV1, **described(signed, 12)))
    assert np.array_equal(frames.frame(0), signed)
    colours = noise((9, 11, 3), "u1")
    _, frames = read(wrapped([lossless(colours, 8, 6)], LOSSLESS, **described(colours, 8)))
    assert frames.photometric == "RGB"
    assert np.array_equal(frames.frame(0), colours)


@pytest.mark.parametrize("name", ["JPGExtended.dcm", "JPEG-lossy.dcm"])
def test_jpeg_extended_of_twelve_bits(name: str) -> None:
    """As libjpeg-turbo 3 decodes the same streams: 3,767,007 is the sum, 264 the greatest.

    The second one's scan header ends the spectrum at 0, as one maker's did for years; a sequential
    process has no use for that field, and three decoders make the same of both.
    """
    _, frames = read(Path(str(get_testdata_file(name))).read_bytes())
    frame = frames.frame(0)
    assert (int(frame.sum()), int(frame.max())) == (3767007, 264)
    assert hashlib.sha256(frame.tobytes()).hexdigest() == (
        "d30242775a414c01d616447854ebe3f2b20259822894bcd6891f879bcdcbf313"
    )


LEVELS = [0, 5, 1000, 1023, 2048, 4095]


@pytest.mark.parametrize("spectral_end", [63, 0])
def test_jpeg_extended_blocks_of_one_level(spectral_end: int) -> None:
    """Twelve bits from end to end, whatever the scan header says of its spectrum."""
    frame = np.repeat(np.repeat(np.array([LEVELS], "u2"), 8, axis=0), 8, axis=1)
    stream = flat(LEVELS, spectral_end)
    _, frames = read(wrapped([stream], EXTENDED, **described(frame, 12)))
    assert np.array_equal(frames.frame(0), frame)


def test_a_lossy_frame_that_overshoots_its_stored_bits_saturates() -> None:
    """Its white does not become black, and no value is sent that Bits Stored cannot hold."""
    frame = np.repeat(np.repeat(np.array([[7, 1023, 1024, 1100]], "u2"), 8, axis=0), 8, axis=1)
    stream = flat([7, 1023, 1024, 1100])
    _, frames = read(wrapped([stream], EXTENDED, **described(frame, 10)))
    assert np.array_equal(frames.frame(0), np.minimum(frame, 1023))


def test_a_lossy_frame_far_beyond_its_stored_bits_is_refused() -> None:
    """That is no ringing at an edge: Bits Stored is wrong, and nobody knows which is right."""
    frame = np.zeros((8, 24), "u2")
    with pytest.raises(RefusedError) as error:
        read(wrapped([flat([7, 900, 4000])], EXTENDED, **described(frame, 10)))[1].frame(0)
    assert error.value.outcome.detail == "BitsStored"


def jpeg(frame: NDArray[Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def smooth(*shape: int) -> NDArray[Any]:
    """A picture that JPEG keeps well."""
    grid = np.indices(shape[:2]).sum(axis=0)
    if len(shape) == 2:
        cells: NDArray[Any] = (grid * 2).astype(np.uint8)
        return cells
    return np.stack([grid * 2, 200 - grid, 60 + grid], axis=-1).astype(np.uint8)


def test_jpeg_baseline_grey_is_what_another_decoder_sees() -> None:
    """libjpeg-turbo, through Pillow; inverse DCTs may differ by one."""
    frame = smooth(40, 48)
    stream = jpeg(frame, quality=90)
    _, frames = read(wrapped([stream], BASELINE, **described(frame, 8)))
    expected = np.asarray(Image.open(io.BytesIO(stream))).astype(int)
    assert abs(frames.frame(0) - expected).max() <= 1


@pytest.mark.parametrize("stated", ["YBR_FULL_422", "YBR_FULL", "RGB"])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_jpeg_with_a_jfif_marker_is_ybr(stated: str, subsampling: int) -> None:
    """Whatever the attribute says: the stream tells its colour space."""
    frame = smooth(40, 48, 3)
    stream = jpeg(frame, quality=95, subsampling=subsampling)
    assert b"JFIF" in stream
    more = described(frame, 8, PhotometricInterpretation=stated)
    _, frames = read(wrapped([stream], BASELINE, **more))
    assert frames.photometric == "YBR_FULL"
    opened = Image.open(io.BytesIO(stream))
    opened.draft("YCbCr", opened.size)
    expected = np.asarray(opened).astype(int)
    assert opened.mode == "YCbCr"
    # Luminance alike; chrominance is smoothed by one decoder and repeated by the other.
    assert abs(frames.frame(0)[..., 0] - expected[..., 0]).max() <= 1
    assert abs(frames.frame(0) - expected).max() <= 8


@pytest.mark.parametrize("marker", ["adobe", "ids", "none"])
def test_jpeg_that_is_rgb_stays_rgb(marker: str) -> None:
    """By Adobe's marker, by component ids, or by the attribute where the stream is silent."""
    frame = smooth(40, 48, 3)
    stream = jpeg(frame, quality=95, keep_rgb=True)
    adobe = stream.index(b"\xff\xee")
    length = int.from_bytes(stream[adobe + 2 : adobe + 4], "big") + 2
    if marker != "adobe":
        stream = stream[:adobe] + stream[adobe + length :]
    if marker == "none":  # component ids 1, 2, 3 instead of R, G, B
        for name, number in zip(b"RGB", b"\1\2\3", strict=True):
            for table in (b"\xff\xc0", b"\xff\xda"):
                at = stream.index(bytes([name]), stream.index(table))
                stream = stream[:at] + bytes([number]) + stream[at + 1 :]
    stated = "RGB" if marker == "none" else "YBR_FULL"
    more = described(frame, 8, PhotometricInterpretation=stated)
    _, frames = read(wrapped([stream], BASELINE, **more))
    assert frames.photometric == "RGB"
    assert abs(frames.frame(0).astype(int) - frame).max() <= 6


THREE = [
    noise((40, 36), "u1"),
    noise((40, 36), "u1")[::-1].copy(),
    noise((40, 36), "u1")[:, ::-1].copy(),
]


def split(streams: list[bytes]) -> tuple[list[bytes], list[int]]:
    """Each stream in two fragments of an even length, and where each one's first item starts."""
    fragments, offsets, at = [], [], 0
    for stream in streams:
        half = len(stream) // 4 * 2
        offsets.append(at)
        for part in (stream[:half], stream[half:]):
            fragments.append(part)
            at += 8 + len(part) + len(part) % 2
    return fragments, offsets


@pytest.mark.parametrize("table", ["basic", "extended", "none", "wrong"])
@pytest.mark.parametrize("pieces", [1, 2])
def test_frames_are_found_with_and_without_offset_tables(pieces: int, table: str) -> None:
    """Basic, extended, absent, or wrong and then ignored; one fragment a frame or two."""
    streams = [jpeg2000(frame, 8) for frame in THREE]
    fragments, offsets = split(streams)
    if pieces == 1:
        fragments = streams
        lengths = [8 + len(s) + len(s) % 2 for s in streams]
        offsets = [sum(lengths[:i]) for i in range(3)]
    extra = b""
    if table == "extended":
        extra = Coding().element(0x7FE00001, "OV", pack("<3Q", *offsets))
    basic = {"basic": offsets, "wrong": [offset + 2 for offset in offsets]}.get(table, [])
    pixels = extra + Coding().encapsulated(fragments, basic)
    data = image(pixels, J2K, NumberOfFrames=3, **described(THREE[0], 8))
    _, frames = read(data)
    for index in (2, 0, 1):
        assert np.array_equal(frames.frame(index), THREE[index])


def test_one_frame_in_many_fragments() -> None:
    """All fragments make the only frame, whatever they begin with."""
    stream = jpeg2000(THREE[0], 8)
    pieces = [stream[at : at + 50] for at in range(0, len(stream), 50)]
    _, frames = read(wrapped(pieces, J2K, **described(THREE[0], 8)))
    assert np.array_equal(frames.frame(0), THREE[0])


def test_fragments_that_do_not_make_the_frames_are_refused() -> None:
    """More or fewer than frames, and no way to tell which belong together."""
    streams = [rle(frame) for frame in THREE]
    for count in (2, 4):
        data = wrapped(streams, RLE, NumberOfFrames=count, **described(THREE[0], 8))
        with pytest.raises(RefusedError) as error:
            read(data)[1].frame(0)
        assert error.value.outcome.reason is Reason.UNDECODABLE


def broken() -> list[tuple[str, str, bytes, dict[str, Any]]]:
    """Streams that are not what the attributes say."""
    frame = noise((40, 36), "u1")
    good = jpeg2000(frame, 8)
    without_loss = bytes(jpeg_ls.encode_array(frame))
    more = described(frame, 8)
    return [
        ("rows", J2K, good, more | {"Rows": 41}),
        ("samples", J2K, good, more | {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}),
        ("precision", J2K, jpeg2000(noise((40, 36), "u2"), 16), more),
        ("cut", J2K, good[:40], more),
        ("garbage", J2K, b"no codestream", more),
        ("ls-cut", JPEG_LS, without_loss[:30], more),
        ("jpeg-garbage", BASELINE, b"\xff\xd8\xff\xe0" + bytes(40), more),
        ("rle-cut", RLE, rle(frame)[:70], more),
        ("unknown", "1.2.840.10008.1.2.4.100", good, more),
        ("deflated-frames", "1.2.840.10008.1.2.8.1", b"\0\0", more),
        ("native-syntax", "1.2.840.10008.1.2.1", good, more),
    ]


@pytest.mark.parametrize(
    ("syntax", "stream", "more"), [b[1:] for b in broken()], ids=[b[0] for b in broken()]
)
def test_what_cannot_be_decoded_is_refused(
    syntax: str, stream: bytes, more: dict[str, Any]
) -> None:
    """With a reason and a place, and no message of a library in it."""
    with pytest.raises(RefusedError) as error:
        read(wrapped([stream], syntax, **more))[1].frame(0)
    assert error.value.outcome.reason is Reason.UNDECODABLE
    assert error.value.__cause__ is None


def test_a_stream_that_would_unfold_beyond_its_attributes_never_does() -> None:
    """Its own header is read first: here it claims 60000 by 60000."""
    stream = jpeg2000(noise((40, 36), "u1"), 8)
    at = stream.index(b"\xff\x51") + 6
    huge = stream[:at] + pack(">LL", 60000, 60000) + stream[at + 8 :]
    more = described(noise((40, 36), "u1"), 8)
    with pytest.raises(RefusedError) as error:
        read(wrapped([huge], J2K, **more), Limits(frame_bytes=1 << 20))[1].frame(0)
    assert error.value.outcome.detail == "codestream dimensions"


def test_rows_of_a_compressed_frame() -> None:
    """Decoded once, then cut."""
    frame = noise((40, 36), "u2", 12)
    _, frames = read(wrapped([jpeg2000(frame, 12)], J2K, **described(frame, 12)))
    rows = open_rows(frames, 0)
    assert np.array_equal(rows(3, 7), frame[3:7])
