"""The body is what the contract says, streamed, exact in length, and stops at a changed text."""

from __future__ import annotations

import base64
import hashlib
import json
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator, Draft202012Validator

from tests.deliver.parcels import MakeParcel, study_fields
from watcher.deliver import body, contract, encode
from watcher.deliver.parcel import Parcel, request_key
from watcher.digest import fingerprint
from watcher.errors import DeferredError, RefusedError
from watcher.model import Reason

IMAGE_REQUIRED = [
    *("imageInstanceUid", "sopClassUid", "height", "width", "rescaleSlope", "rescaleIntercept"),
    *("photometricInterpretation", "samplesPerPixel", "bitsAllocated", "bitsStored", "highBit"),
    "data",
]
PHOTOMETRIC = [
    *("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422"),
    *("YBR_PARTIAL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT"),
]
# The interface's facts, written down anew: what any backend of this contract must take.
FACTS: dict[str, Any] = {
    "type": "object",
    "required": ["study", "series", "images"],
    "properties": {
        "study": {
            "type": "object",
            "required": ["studyInstanceUid", "accessionNumber", "patientId"],
            "properties": {
                "studyInstanceUid": {"type": "string"},
                "accessionNumber": {"type": "string"},
                "patientId": {"type": "string"},
                "patientAge": {"type": "string", "pattern": r"^\d+Y$"},
            },
        },
        "series": {"type": "object", "required": ["seriesInstanceUid"]},
        "images": {
            "type": "array",
            "items": {
                "type": "object",
                "required": IMAGE_REQUIRED,
                "properties": {
                    "height": {"type": "integer", "minimum": 1},
                    "width": {"type": "integer", "minimum": 1},
                    "rescaleSlope": {"type": "integer", "minimum": 1},
                    "rescaleIntercept": {"type": "number"},
                    "photometricInterpretation": {"enum": PHOTOMETRIC},
                    "bitsAllocated": {"type": "integer", "minimum": 8},
                    "bitsStored": {"type": "integer", "minimum": 1},
                    "highBit": {"type": "integer", "minimum": 1},
                    "data": {"type": "string"},
                },
            },
        },
    },
}


def whole(parcels: list[Parcel]) -> bytes:
    """The body in one piece."""
    return b"".join(body.Body(parcels).pieces())


def ours() -> Draft202012Validator:
    """Our document's request schema."""
    document = contract.document()
    return Draft202012Validator({"$ref": "#/components/schemas/Upload", **document})


@pytest.mark.parametrize("frames", [1, 3])
def test_a_default_request_follows_our_document_and_the_facts(
    make_parcel: MakeParcel, frames: int
) -> None:
    """Draft 4 refuses 1.0 as an integer, as the strictest backend would."""
    study = study_fields()
    parcels = [make_parcel(study, frames=frames), make_parcel(study)]
    sent = json.loads(whole(parcels))
    Draft4Validator(FACTS).validate(sent)
    ours().validate(sent)


def test_data_is_the_png(make_parcel: MakeParcel) -> None:
    """Decoding `data` gives the bytes that were rendered, in the order of the frames."""
    parcel = make_parcel(frames=3)
    sent = json.loads(whole([parcel]))
    for entry, image in zip(sent["images"], parcel.images, strict=True):
        assert base64.b64decode(entry["data"]) == (parcel.folder / image.png.name).read_bytes()
    assert [e["frameNumber"] for e in sent["images"]] == [1, 2, 3]
    assert {e["numberOfFrames"] for e in sent["images"]} == {3}
    assert len({e["imageInstanceUid"] for e in sent["images"]}) == 1


def test_a_single_frame_has_no_frame_number(make_parcel: MakeParcel) -> None:
    """Nor has an unknown age a field."""
    parcel = make_parcel()
    sent = json.loads(whole([replace(parcel, study=replace(parcel.study, patient_age=None))]))
    assert not {"frameNumber", "numberOfFrames"} & sent["images"][0].keys()
    assert "patientAge" not in sent["study"]


def test_some_frames_still_say_how_many_there_are(make_parcel: MakeParcel) -> None:
    """A multi-frame Instance that is split over requests keeps its numbers."""
    sent = json.loads(whole([make_parcel(frames=5).part(2, 4)]))
    assert [(e["frameNumber"], e["numberOfFrames"]) for e in sent["images"]] == [(3, 5), (4, 5)]


@pytest.mark.parametrize(
    ("slope", "text"), [(1.0, b"1,"), (2.0, b"2,"), (0.5, b"0.5,"), (-1.0, b"-1,")]
)
def test_a_whole_slope_has_no_fraction(make_parcel: MakeParcel, slope: float, text: bytes) -> None:
    """A backend that reads an integer must be able to read ours."""
    parcel = make_parcel()
    parcel = replace(parcel, images=(replace(parcel.images[0], rescale_slope=slope),))
    assert b'"rescaleSlope":' + text in body.Body([parcel]).skeleton()


@pytest.mark.parametrize(
    "wrong",
    [
        {"rescale_slope": 0.0},
        {"rescale_slope": float("nan")},
        {"rescale_intercept": float("inf")},
        {"height": 0},
        {"bits_stored": 16, "high_bit": 15},
        {"high_bit": 6},
        {"samples_per_pixel": 3},
        {"photometric_interpretation": "RGB"},
        {"photometric_interpretation": "HSV"},
        {"image_instance_uid": ""},
        {"image_instance_uid": "1.02.3"},
        {"frame_number": 2},
        {"height": True},
    ],
)
def test_a_wrong_field_is_refused_before_anything_is_sent(
    make_parcel: MakeParcel, wrong: dict[str, Any]
) -> None:
    """By place and rule."""
    parcel = make_parcel()
    parcel = replace(parcel, images=(replace(parcel.images[0], **wrong),))
    with pytest.raises(RefusedError) as caught:
        body.Body([parcel])
    assert caught.value.outcome.reason is Reason.MISSING_ATTRIBUTE
    assert caught.value.outcome.detail.startswith("image")


@pytest.mark.parametrize(
    "wrong",
    [
        {"accession_number": ""},
        {"patient_id": ""},
        {"patient_age": "093Y"},
        {"patient_age": "018M"},
        {"patient_age": "18Y"},
        {"study_instance_uid": "CANARY"},
        {"series_instance_uid": "CANARY"},
        {"patient_id": "CANARY" * 20},
    ],
)
def test_a_refusal_names_no_value(make_parcel: MakeParcel, wrong: dict[str, Any]) -> None:
    """Neither in its text nor in anything chained to it."""
    parcel = make_parcel()
    with pytest.raises(RefusedError) as caught:
        body.Body([replace(parcel, study=replace(parcel.study, **wrong))])
    assert "CANARY" not in repr(caught.value)
    assert caught.value.__context__ is None
    assert next(iter(wrong)).split("_")[0] in caught.value.outcome.detail


def test_the_length_is_known_and_the_bytes_repeat(make_parcel: MakeParcel) -> None:
    """Content-Length is exact; a second pass gives the same bytes; so does a part."""
    study = study_fields()
    parcels = [make_parcel(study, frames=2), make_parcel(study, width=300, height=200)]
    streamed = body.Body(parcels)
    first, second = b"".join(streamed.pieces()), b"".join(streamed.pieces())
    assert first == second
    assert len(first) == streamed.size


async def test_the_stream_is_the_same_as_the_pieces(make_parcel: MakeParcel) -> None:
    """Read on a thread or not."""
    made = body.Body([make_parcel(frames=2)])
    assert b"".join([piece async for piece in made.stream()]) == b"".join(made.pieces())


def test_the_skeleton_is_the_body_without_data(make_parcel: MakeParcel) -> None:
    """So that a guard can search it."""
    parcel = make_parcel(frames=2)
    full, bare = json.loads(whole([parcel])), json.loads(body.skeleton(parcel.study, parcel.images))
    for entry in full["images"]:
        entry["data"] = ""
    assert bare == full


def test_a_written_body_is_what_would_be_sent(make_parcel: MakeParcel, tmp_path: Path) -> None:
    """Private, complete, hashed, and never over another file."""
    parcel = make_parcel(frames=2)
    file = body.write_body(tmp_path / "x.json", parcel.study, parcel.images, parcel.folder)
    written = (tmp_path / "x.json").read_bytes()
    assert written == whole([parcel])
    assert file.size == len(written)
    assert file.digest == fingerprint(written)
    assert (tmp_path / "x.json").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        body.write_body(tmp_path / "x.json", parcel.study, parcel.images, parcel.folder)
    assert (tmp_path / "x.json").read_bytes() == written


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4])


def _lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"AAAA")


def _link(path: Path) -> None:
    path.rename(path.with_suffix(".moved"))
    path.symlink_to(path.with_suffix(".moved"))


@pytest.mark.parametrize("harm", [_flip, _shorten, _link, Path.unlink])
def test_a_changed_text_never_leaves_whole(make_parcel: MakeParcel, harm: Any) -> None:
    """Its last piece is held back until the hash is right; the culprit is named."""
    study = study_fields()
    good, bad = make_parcel(study), make_parcel(study)
    harm(bad.folder / bad.images[0].text.name)
    made = body.Body([good, bad])
    sent = bytearray()
    with pytest.raises(DeferredError) as caught:  # noqa: PT012 - what came before it matters
        for piece in made.pieces():
            sent += piece
    assert caught.value.outcome.reason is Reason.SPOOL_LOST
    assert made.lost == bad.key
    assert len(sent) < made.size - len(b'"}]}')


@pytest.mark.parametrize("harm", [None, _flip])
def test_a_text_staged_before_an_upgrade_is_compared_with_its_sha256(
    make_parcel: MakeParcel, harm: Any
) -> None:
    """Whole it leaves, changed it does not: what an earlier version wrote down still counts."""
    parcel = make_parcel()
    (image,) = parcel.images
    text = parcel.folder / image.text.name
    old = replace(image.text, digest=hashlib.sha256(text.read_bytes()).hexdigest())
    parcel = replace(parcel, images=(replace(image, text=old),))
    if harm is None:
        assert json.loads(whole([parcel]))["images"][0]["data"].encode() == text.read_bytes()
        return
    harm(text)
    with pytest.raises(DeferredError):
        whole([parcel])


@pytest.mark.parametrize("harm", [_shorten, _lengthen, _link, Path.unlink])
def test_a_lost_text_is_noticed_before_a_connection_is_made(
    make_parcel: MakeParcel, harm: Any
) -> None:
    """A look at the length costs nothing."""
    parcel = make_parcel()
    made = body.Body([parcel])
    made.check()
    harm(parcel.folder / parcel.images[0].text.name)
    with pytest.raises(DeferredError):
        made.check()
    assert made.lost == parcel.key


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.binary(max_size=5000))
def test_base64_round_trips(tmp_path: Path, content: bytes) -> None:
    """Any bytes, any length; the hash and size are of the text."""
    png, text = tmp_path / "a.png", tmp_path / "a.png.txt"
    png.write_bytes(content)
    text.unlink(missing_ok=True)
    file = encode.write_text(png, text)
    assert base64.b64decode(text.read_bytes(), validate=True) == content
    assert (file.name, file.size) == ("a.png.txt", text.stat().st_size)
    assert file.digest == fingerprint(text.read_bytes())
    assert text.stat().st_mode & 0o777 == 0o600


def test_memory_does_not_grow_with_the_image(make_parcel: MakeParcel, tmp_path: Path) -> None:
    """A 64 MiB image is encoded and streamed within a few MiB."""
    png = tmp_path / "big.png"
    with png.open("wb") as file:
        file.truncate(64 << 20)
    tracemalloc.start()
    text = encode.write_text(png, tmp_path / "big.txt")
    parcel = make_parcel()
    parcel = replace(parcel, images=(replace(parcel.images[0], text=text),))
    made = body.Body([parcel])
    assert sum(len(piece) for piece in made.pieces()) == made.size > 85 << 20
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_keys_come_from_the_members_alone(make_parcel: MakeParcel) -> None:
    """One content: its own key. More: one for exactly these, in this order. A part: its frames."""
    study = study_fields()
    a, b, c = make_parcel(study), make_parcel(study), make_parcel(study, frames=4)
    assert request_key([a]) == a.key
    assert request_key([a, b]) == request_key([replace(a), replace(b)])
    keys = [request_key(x) for x in ([a], [b], [a, b], [b, a], [c], [c.part(0, 2)], [c.part(2, 4)])]
    assert len(set(keys)) == len(keys)
    assert request_key([c.part(0, 4)]) == c.key
