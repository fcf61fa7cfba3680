"""The whole way on real files: what is delivered, what stays, what is said, and what never is."""

from __future__ import annotations

import asyncio
import json
import signal
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from tests.way.box import Box
from tests.way.images import CANARIES, ct, drop
from watcher.receiver.app import Running
from watcher.receiver.faults import Fault, Faults, Kind


async def test_what_lies_there_before_the_start_arrives(box: Box, backend: Running) -> None:
    """Delivered, archived byte for byte, the outbox empty, the drop folder empty."""
    dropped = [drop(ct(n), box.drop / "north" / "deep" / "er", f"{n}.dcm") for n in range(2)]
    originals = {path.read_bytes() for path in dropped}
    ended = await box.drain()
    assert ended.code == 0, ended.said
    assert box.states() == {"delivered": 2}
    archived = [path for path in (box.state / "archive" / "north").rglob("*") if path.is_file()]
    assert {path.read_bytes() for path in archived} == originals
    assert box.dropped() == []
    assert list((box.state / "outbox").rglob("*.*")) == []
    assert sorted(backend.receiver.shelf.images.values()) == [1, 1]


async def test_what_the_backend_holds_is_the_image_and_describes_it(
    box: Box, backend: Running
) -> None:
    """The stored PNG opens, has the size of the source, and the fields speak of its bytes."""
    source = ct(1)
    drop(source, box.drop / "north", "1.dcm")
    assert (await box.drain()).code == 0
    (record,) = (json.loads(p.read_text()) for p in backend.receiver.shelf.accepted.rglob("*.json"))
    (image,) = record["body"]["images"]
    png = Image.open(next(backend.receiver.shelf.accepted.rglob("*.png")))
    assert (png.height, png.width) == (source.Rows, source.Columns) == (128, 128)
    assert (image["height"], image["width"], image["bitsStored"]) == (128, 128, 8)
    assert (image["rescaleSlope"], image["rescaleIntercept"]) == (1, 0)
    assert image["sopClassUid"] == source.SOPClassUID
    assert image["imageInstanceUid"] != source.SOPInstanceUID
    assert len(png.getcolors() or []) > 10


async def test_a_running_gateway_takes_files_of_new_customers_and_stops_cleanly(
    box: Box, backend: Running
) -> None:
    """Two customers, the same patient: delivered while it runs, under different pseudonyms."""
    process = await box.start("run", "--settings", str(box.settings))
    try:
        await _until((box.state / "control.sock").exists)
        drop(ct(1), box.drop / "north", "1.dcm")
        drop(ct(1), box.drop / "south" / "sub", "1.dcm")
        await _until(lambda: sum(backend.receiver.shelf.images.values()) == 2)
        status = await box.run("status", "--json", "--settings", str(box.settings))
        assert [c["customer"] for c in json.loads(status.said)["customers"]] == ["north", "south"]
    finally:
        process.send_signal(signal.SIGTERM)
        said, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, said.decode()
    bodies = [json.loads(p.read_text()) for p in backend.receiver.shelf.accepted.rglob("*.json")]
    assert len({body["body"]["study"]["patientId"] for body in bodies}) == 2


async def test_a_second_gateway_on_the_same_state_is_refused(box: Box) -> None:
    """Exit code 2 and a sentence; the first one does not notice."""
    first = await box.start("run", "--settings", str(box.settings))
    try:
        await _until((box.state / "control.sock").exists)
        second = await box.drain()
        assert second.code == 2
        assert "another gateway is running" in second.said
    finally:
        first.terminate()
        await first.communicate()


async def test_the_same_patient_keeps_the_pseudonym_over_restarts(
    box: Box, backend: Running
) -> None:
    """The key is on disk, private, and made once."""
    for number in (1, 2):
        drop(ct(number), box.drop / "north", f"{number}.dcm")
        assert (await box.drain()).code == 0
    bodies = [json.loads(p.read_text()) for p in backend.receiver.shelf.accepted.rglob("*.json")]
    assert len({body["body"]["study"]["patientId"] for body in bodies}) == 1
    assert len({body["body"]["study"]["studyInstanceUid"] for body in bodies}) == 1
    key = box.state / "keys" / "north.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


async def test_what_is_kept_after_delivery_is_kept_over_restarts(
    box: Box, backend: Running
) -> None:
    """Of a start, only what no instance owns any more is swept from the outbox."""
    box = replace(box, more="[archive]\nkeep_outbox = true\n")
    drop(ct(1), box.drop / "north", "1.dcm")
    assert (await box.drain()).code == 0
    outbox = box.state / "outbox" / "north"
    kept = sorted(path.name for path in outbox.iterdir())
    assert {Path(name).suffix for name in kept} >= {".dcm", ".png"}
    (outbox / "0123456789abcdef.png").touch()
    assert (await box.drain()).code == 0
    assert sorted(path.name for path in outbox.iterdir()) == kept


async def test_a_lost_key_stops_the_start(box: Box) -> None:
    """A new key would give known patients new pseudonyms without anybody noticing."""
    drop(ct(1), box.drop / "north", "1.dcm")
    assert (await box.drain()).code == 0
    (box.state / "keys" / "north.key").unlink()
    ended = await box.drain()
    assert ended.code == 2
    assert "the key of customer 'north' is missing" in ended.said


@pytest.mark.parametrize(
    ("content", "state", "reason"),
    [
        (b"not an image at all, but long enough to be sure of it" * 9, "excluded", "not-dicom"),
        (None, "quarantined", "truncated"),
    ],
    ids=["text", "truncated"],
)
async def test_what_is_no_whole_dicom_file_has_a_stated_end(
    box: Box, backend: Running, content: bytes | None, state: str, reason: str
) -> None:
    """Nothing of it is sent, and the file stays where it is."""
    path = drop(ct(1), box.drop / "north", "odd")
    path.write_bytes(path.read_bytes()[:-999] if content is None else content)
    patient = Box(box.home, box.backend, more="[customers]\n")
    settings = patient.settings.read_text().replace("[deliver]", "give_up_after = 1\n[deliver]")
    short = box.home / "short.toml"
    short.write_text(settings)
    ended = await box.run("run", "--settings", str(short), "--drain")
    assert ended.code == 0, ended.said
    assert (box.states(), box.reasons()) == ({state: 1}, {reason: 1})
    assert path.exists()
    assert not backend.receiver.shelf.images


async def test_a_rejected_image_is_quarantined_and_a_person_releases_it(
    box: Box, backend: Running, faults: Faults
) -> None:
    """400 is the backend's last word, until somebody has mended it and says release."""
    faults.script.append(Fault(Kind.STATUS, 400))
    drop(ct(1), box.drop / "north", "1.dcm")
    assert (await box.drain()).code == 0
    assert box.reasons() == {"rejected-by-backend": 1}
    settings = ("--settings", str(box.settings))
    listed = json.loads((await box.run("quarantine", "list", "--json", *settings)).said)
    (entry,) = listed
    held = list((box.state / "quarantine").rglob(f"{entry['id']}.*"))
    assert {path.suffix for path in held} == {".dcm", ".json"}
    shown = await box.run("quarantine", "show", entry["id"], *settings)
    assert "rejected-by-backend" in shown.said
    released = await box.run("quarantine", "release", entry["id"][:6], *settings)
    assert released.code == 0, released.said
    assert (await box.drain()).code == 0
    assert box.states() == {"delivered": 1}


async def test_a_file_that_crashes_its_worker_costs_only_itself(box: Box, backend: Running) -> None:
    """A worker that is killed is replaced; after three attempts the file is quarantined."""
    for number in range(3):
        drop(ct(number), box.drop / "north", f"{number}.dcm")
    huge = ct(9)
    huge.NumberOfFrames = 1
    drop(huge, box.drop / "north", "poison.dcm")
    ended = await box.run("-m", "tests.way.poisoned", str(box.settings), "poison.dcm")
    assert ended.code == 0, ended.said
    assert box.states() == {"delivered": 3, "quarantined": 1}
    assert box.reasons() == {"crashed": 1}


async def test_no_canary_is_seen_outside_drop_quarantine_and_archive(
    box: Box, backend: Running, faults: Faults
) -> None:
    """Names, ids and paths of a patient in no log, output, file name, request or stored image."""
    faults.script.extend([Fault(Kind.STATUS, 500), Fault(Kind.STATUS, 422)])
    folder = box.drop / "north" / "Zyxcanary_Qwvcanary"
    for number in range(3):
        drop(ct(number), folder, f"CANARYMRN77_{number}.dcm")
    nameless = ct(7)
    del nameless.SOPInstanceUID
    drop(nameless, folder, "CANARYMRN77_nameless.dcm")
    (folder / "Xanthecanary.txt").write_text("CANARYACC88 is no image\n" * 20)
    again = ct(1)
    again.PatientComments = "other bytes of CANARYMRN77"
    drop(again, folder, "CANARYMRN77_conflict.dcm")
    debug = Box(box.home, box.backend, more='[log]\nlevel = "debug"\n')
    ended = await debug.drain()
    settings = str(debug.settings)
    status = await box.run("status", "--settings", settings)
    listed = await box.run("quarantine", "list", "--settings", settings)

    said = ended.said.replace(str(box.home), "") + status.said + listed.said
    for canary in CANARIES:
        assert canary.lower() not in said.lower()
    assert _leaks(box.state, leave={"quarantine", "archive", "ledger.sqlite", "keys"}) == []
    assert _leaks(backend.receiver.shelf.accepted.parent, leave=set()) == []


def _leaks(root: Path, leave: set[str]) -> list[str]:
    found = []
    for path in root.rglob("*"):
        top = path.relative_to(root).parts[0]
        if top in leave or top.startswith("ledger.sqlite") or not path.is_file():
            continue
        text = path.read_bytes().lower() + str(path.relative_to(root)).lower().encode()
        found += [f"{path.name}: {c}" for c in CANARIES if c.lower().encode() in text]
    return found


async def _until(condition: Callable[[], bool], within: float = 60.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - another process decides
            await asyncio.sleep(0.05)
