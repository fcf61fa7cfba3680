"""`watcher devices`: unknown scanners with counts, a drafted rule, its trial and its approval."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from tests.store.samples import prepared
from watcher.cli import watcher
from watcher.model import PixelReport, Reason, Signature, State
from watcher.scrub.pixels.recipe import read_rules
from watcher.store.ledger import Ledger
from watcher.store.records import Move
from watcher.store.spool import Spool
from watcher.store.writer import Writer

SCANNER = ("ACME", "Sono 5", "US", 240, 320)
_ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6.1"


def screenshot() -> bytes:
    """An ultrasound picture of an unknown scanner with a name on top."""
    pixels = np.zeros((240, 320), np.uint8)
    cv2.putText(pixels, "KOWALSKA, ANNA", (10, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 1)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = UID(_ULTRASOUND), ExplicitVRLittleEndian
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    values = Dataset()
    values.SOPClassUID, values.SOPInstanceUID = UID(_ULTRASOUND), meta.MediaStorageSOPInstanceUID
    values.Manufacturer, values.ManufacturerModelName, values.Modality = SCANNER[:3]
    values.ImageType = ["ORIGINAL", "PRIMARY"]
    values.Rows, values.Columns = 240, 320
    values.SamplesPerPixel, values.PhotometricInterpretation = 1, "MONOCHROME2"
    values.BitsAllocated = values.BitsStored = 8
    values.HighBit, values.PixelRepresentation = 7, 0
    values.PixelData = pixels.tobytes()
    dataset.update(values)
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A box that sent two pictures of one scanner and has a third in quarantine."""
    spool = Spool(tmp_path / "state")
    spool.prepare()
    (tmp_path / "settings.toml").write_text(
        f'state = "{tmp_path}/state"\n[intake]\nroot = "{tmp_path}/drop"\n'
        f'[pixels]\nrecipe = "{tmp_path}/site.recipe"\n'
    )
    (tmp_path / "site.recipe").write_text(
        "FORMAT dicom\n%filter graylist\nLABEL other\n  equals Modality XX\n  coordinates 0,0,1,1\n"
    )
    writer = Writer(tmp_path / "state" / "ledger.sqlite")
    writer.submit(lambda ledger: fill(ledger, spool, tmp_path)).result()
    writer.close()
    return tmp_path


def fill(ledger: Ledger, spool: Spool, folder: Path) -> None:
    sightings = [("north", f"{n}.dcm", Signature(1, n, 10, n)) for n in range(3)]
    ids = [id_ for id_, _ in ledger.admit(sightings, 1.0)]
    rows = ledger.claim(State.QUEUED, "north", 3, 2.0)
    assert {row.id for row in rows} == set(ids)
    for n, row in enumerate(rows[:2]):
        report = PixelReport(device=SCANNER, scores=(0.9,))
        made = replace(
            prepared(f"sha{n}", signature=row.signature),
            pixels=report,
            verdict="redacted",
            boxes=((0, 8, 10, 200, 30), *(((0, 0, 0, 320, 240),) if n else ())),  # filled whole
        )
        ledger.stage(row, made, 3.0)
    original = folder / "held.dcm"
    original.write_bytes(screenshot())
    record = {"reason": str(Reason.BURNED_IN), "id": rows[2].id}
    with original.open("rb") as source:
        spool.hold(source.fileno(), "north", rows[2].id, record)
    ledger.move(rows[2].id, Move(State.QUARANTINED, Reason.BURNED_IN), 3.0)


def ran(site: Path, *words: str) -> str:
    answer = CliRunner().invoke(watcher, ["devices", *words], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return answer.stdout


def settings(site: Path) -> str:
    return f"--settings={site}/settings.toml"


def test_a_scanner_without_a_rule_is_listed_with_its_counts(site: Path) -> None:
    (line,) = json.loads(ran(site, settings(site), "--json"))
    assert (line["manufacturer"], line["model"], line["rows"]) == ("ACME", "Sono 5", 240)
    assert (line["instances"], line["with_text"], line["quarantined"]) == (2, 2, 1)
    assert "Sono 5" in ran(site, settings(site))


def test_a_draft_covers_what_was_read_before_and_what_is_in_quarantine(
    site: Path, tmp_path: Path
) -> None:
    (line,) = json.loads(ran(site, settings(site), "--json"))
    draft = ran(site, "draft", line["key"], settings(site))
    assert "equals ManufacturerModelName Sono 5" in draft
    path = tmp_path / "draft.recipe"
    path.write_text("FORMAT dicom\n%filter graylist\n" + draft)
    (rule,) = read_rules(path, strict=True)
    covered = np.zeros((240, 320), bool)
    for area in rule.areas:
        left, top, right, bottom = area.box
        covered[top:bottom, left:right] = True
    assert covered[10:30, 8:200].all()
    assert not covered[120:].any()


def test_a_rule_is_tried_on_the_quarantine_and_changes_nothing(site: Path) -> None:
    (line,) = json.loads(ran(site, settings(site), "--json"))
    before = (site / "site.recipe").read_bytes()
    (found,) = json.loads(ran(site, "test", line["key"], settings(site), "--json"))
    assert found["verdict"] in ("regions", "redacted")
    assert (site / "site.recipe").read_bytes() == before


def test_an_approved_rule_stands_in_the_sites_recipe_and_in_the_audit(site: Path) -> None:
    (line,) = json.loads(ran(site, settings(site), "--json"))
    ran(site, "approve", line["key"], settings(site))
    labels = [rule.label for rule in read_rules(site / "site.recipe", strict=True)]
    assert labels[0] == "other"
    assert "Sono 5" in labels[1]
    told = CliRunner().invoke(watcher, ["audit", "export", settings(site)])
    assert "device-rule" in told.output
    assert line["key"] in told.output


def test_a_rule_that_the_recipe_reader_refuses_is_not_approved(site: Path, tmp_path: Path) -> None:
    (line,) = json.loads(ran(site, settings(site), "--json"))
    bad = tmp_path / "bad.txt"
    bad.write_text("LABEL x\n  coordinates 5,5,1,1\n")
    before = (site / "site.recipe").read_bytes()
    answer = CliRunner().invoke(
        watcher, ["devices", "approve", line["key"], f"--rule={bad}", settings(site)]
    )
    assert answer.exit_code != 0
    assert (site / "site.recipe").read_bytes() == before
