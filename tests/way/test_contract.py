"""The traps of the backend's interface, from a file to the body that is sent, in both modes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blake3 import blake3
from jsonschema import Draft4Validator, Draft202012Validator
from PIL import Image
from pydicom import Dataset

from tests.deliver.test_body import FACTS
from tests.way.images import ct
from tests.way.test_attacks import job
from watcher.deliver import contract
from watcher.model import Prepared
from watcher.options import RenderOptions
from watcher.prepare import prepare
from watcher.scrub.keys import make_key

Change = Callable[[Dataset], None]
MODES = ["display", "lossless"]


def body_of(home: Path, mode: Any, change: Change) -> tuple[dict[str, Any], Dataset]:
    """The request of a CT slice after `change`, and the slice; it follows our document."""
    dataset = ct(0)
    change(dataset)
    dataset.save_as(home / "one.dcm")
    (home / "out").mkdir()
    make_key(home / "key")
    outcome = prepare(replace(job(home, "one"), render=RenderOptions(mode=mode), body=True))
    assert isinstance(outcome, Prepared), outcome
    sent: dict[str, Any] = json.loads((home / "out" / "one.json").read_bytes())
    document = contract.document()
    Draft202012Validator({"$ref": "#/components/schemas/Upload", **document}).validate(sent)
    if mode == "display":
        Draft4Validator(FACTS).validate(sent)
    return sent, dataset


def setting(**values: Any) -> Change:
    """Attributes to set, or with None to leave out."""

    def change(dataset: Dataset) -> None:
        for keyword, value in values.items():
            if value is None:
                del dataset[keyword]
            else:
                setattr(dataset, keyword, value)

    return change


def pixels(entry: dict[str, Any]) -> Any:
    with Image.open(io.BytesIO(base64.b64decode(entry["data"]))) as picture:
        array = np.asarray(picture)
    assert entry["bitsAllocated"] == 8 * array.dtype.itemsize
    assert entry["highBit"] == entry["bitsStored"] - 1
    assert int(array.max()) < 1 << entry["bitsStored"]
    assert (entry["height"], entry["width"]) == array.shape
    return array


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("slope", "intercept"), [("0.37", "-3.5"), (None, None), ("1", "-1024"), ("0.001", "0")]
)
def test_slope_and_intercept_are_those_of_the_png(
    mode: str, slope: str | None, intercept: str | None, tmp_path: Path
) -> None:
    """A rendering has 1 and 0; stored values keep theirs, signed ones moved up by half a range."""
    sent, dataset = body_of(tmp_path, mode, setting(RescaleSlope=slope, RescaleIntercept=intercept))
    entry = sent["images"][0]
    array = pixels(entry)
    if mode == "display":
        assert (entry["rescaleSlope"], entry["rescaleIntercept"]) == (1, 0)
        assert (entry["bitsAllocated"], entry["bitsStored"]) == (8, 8)
        return
    meant = dataset.pixel_array * float(slope or 1) + float(intercept or 0)
    back = array * float(entry["rescaleSlope"]) + float(entry["rescaleIntercept"])
    assert np.allclose(back, meant, rtol=0, atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("age", "sent_as"),
    [
        ("018Y", "018Y"),
        ("003D", "000Y"),
        ("051W", "000Y"),
        ("006M", "000Y"),
        ("030M", "002Y"),
        ("089Y", "089Y"),
        ("090Y", "090Y"),
        ("104Y", "090Y"),
    ],
)
def test_ages_are_whole_years(mode: str, age: str, sent_as: str, tmp_path: Path) -> None:
    """Of infants, too; above 89 they would identify."""
    sent, _ = body_of(tmp_path, mode, setting(PatientAge=age))
    assert sent["study"]["patientAge"] == sent_as


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("value", ["", None])
def test_accession_and_patient_are_pseudonyms_and_never_empty(
    mode: str, value: str | None, tmp_path: Path
) -> None:
    """Also where the source has none."""
    sent, _ = body_of(tmp_path, mode, setting(AccessionNumber=value, PatientID=value))
    assert sent["study"]["accessionNumber"]
    assert sent["study"]["patientId"]


@pytest.mark.parametrize("mode", MODES)
def test_frames_are_entries_with_a_number(mode: str, tmp_path: Path) -> None:
    """One SOP Instance UID, one entry a frame, each with its own picture."""

    def change(dataset: Dataset) -> None:
        cells = dataset.pixel_array
        dataset.NumberOfFrames = 3
        dataset.PixelData = np.stack([cells, cells[::-1], cells[:, ::-1]]).tobytes()

    sent, dataset = body_of(tmp_path, mode, change)
    entries = sent["images"]
    assert [entry["frameNumber"] for entry in entries] == [1, 2, 3]
    assert {entry["numberOfFrames"] for entry in entries} == {3}
    assert len({entry["imageInstanceUid"] for entry in entries}) == 1
    if mode == "lossless":
        for entry, cells in zip(entries, dataset.pixel_array, strict=True):
            meant = cells * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
            back = pixels(entry) * float(entry["rescaleSlope"]) + entry["rescaleIntercept"]
            assert np.array_equal(back, meant)


@pytest.mark.parametrize("word", ["", " blake3"])
def test_an_original_is_known_by_what_its_customers_key_says(word: str, tmp_path: Path) -> None:
    """SHA-256 for a key of an earlier version; the Idempotency-Key is made of it either way."""
    ct(0).save_as(tmp_path / "one.dcm")
    (tmp_path / "out").mkdir()
    (tmp_path / "key").touch(0o600)
    (tmp_path / "key").write_text(f"k1 {'ab' * 32}{word}\n")
    outcome = prepare(job(tmp_path, "one"))
    assert isinstance(outcome, Prepared), outcome
    source = (tmp_path / "one.dcm").read_bytes()
    known = f"blake3:{blake3(source).hexdigest()}" if word else hashlib.sha256(source).hexdigest()
    assert outcome.source_digest == known
    keyed = hmac.digest(bytes.fromhex("ab" * 32), b"content\0" + known.encode(), "sha256")
    assert outcome.content_key == keyed.hex()
