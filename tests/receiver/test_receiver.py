"""The reference backend: validates, keeps durably, answers by the contract, fails on request."""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.deliver.parcels import parcel_in, png_bytes, study_fields, uid
from tests.receiver.test_scanner import JSON
from watcher.deliver import body
from watcher.deliver.client import Destination
from watcher.deliver.outcomes import Situation, Verdict
from watcher.deliver.parcel import Parcel
from watcher.errors import ConfigError
from watcher.options import DeliverOptions
from watcher.receiver.app import Running, start
from watcher.receiver.faults import Fault, Faults, Kind
from watcher.receiver.png import BadImageError, check
from watcher.receiver.scanner import Scanner
from watcher.receiver.upload import RejectedError, judge

Edit = Callable[[dict[str, Any]], object]
Reply = tuple[int, dict[str, str], dict[str, Any]]


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """A receiver that checks everything."""
    receiver = await start(tmp_path / "store", inflate=True)
    yield receiver
    await receiver.stop()


def request_of(*parcels: Parcel) -> dict[str, Any]:
    """A request as JSON."""
    parsed: dict[str, Any] = json.loads(b"".join(body.Body(parcels).pieces()))
    return parsed


async def post(running: Running, data: object, **headers: str) -> Reply:
    """Status, headers and body of the answer to this."""
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    all_headers = {"Content-Type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{running.url}/v1/images/upload", data=raw, headers=all_headers) as answer,
    ):
        return answer.status, dict(answer.headers), await answer.json()


# -- accepting ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(16, 12), (300, 200)])
async def test_what_is_accepted_is_kept(
    running: Running, tmp_path: Path, size: tuple[int, int]
) -> None:
    """The PNGs as they were, and the body with their names; small and large go different ways."""
    study = study_fields()
    width, height = size
    parcels = [parcel_in(tmp_path, study, frames=n, width=width, height=height) for n in (1, 3)]
    status, _, answer = await post(running, request_of(*parcels), Idempotency_Key="k" * 8)
    assert (status, answer) == (200, {"success": "ok"})
    (folder,) = (tmp_path / "store" / "accepted").iterdir()
    images = [(p, i) for p in parcels for i in p.images]
    for number, (parcel, image) in enumerate(images, 1):
        sent = (parcel.folder / image.png.name).read_bytes()
        assert (folder / f"{number}.png").read_bytes() == sent
    record = json.loads((folder / "request.json").read_text())
    assert record["body"]["study"]["patientId"] == study.patient_id
    assert [i["data"] for i in record["body"]["images"]] == [f"{n}.png" for n in range(1, 5)]
    assert len(list(folder.iterdir())) == 5
    assert list((tmp_path / "store" / "incoming").iterdir()) == []
    wanted = {(i.image_instance_uid, i.frame_number or 0): 1 for _, i in images}
    assert running.receiver.shelf.images == wanted


async def test_extra_properties_are_allowed(running: Running, tmp_path: Path) -> None:
    """The contract does not forbid them; long ones are not kept."""
    sent = request_of(parcel_in(tmp_path))
    sent["images"][0]["laterality"] = "L"
    sent["note"] = "x" * 10_000
    assert (await post(running, sent))[0] == 200
    (folder,) = (tmp_path / "store" / "accepted").iterdir()
    assert sorted(p.name for p in folder.iterdir()) == ["1.png", "request.json"]


async def test_what_it_holds_can_be_looked_at(running: Running, tmp_path: Path) -> None:
    """A page with thumbnails, and the same as JSON."""
    await post(running, request_of(parcel_in(tmp_path, frames=2)))
    async with aiohttp.ClientSession(running.url) as session:
        async with session.get("/") as page:
            text = await page.text()
        async with session.get("/index.json") as listing:
            assert await listing.json() == {"requests": 1, "images": 2, "twice": 0}
        source = text.split('src="')[1].split('"')[0]
        async with session.get(source) as image:
            assert (await image.read())[:4] == b"\x89PNG"
        for missing in ("/accepted/00/1.png", "/accepted/../request.json", "/nothing"):
            async with session.get(missing) as answer:
                assert answer.status == 404


async def test_the_page_shows_text_as_text(running: Running, tmp_path: Path) -> None:
    """What a sender wrote is not markup."""
    sent = request_of(parcel_in(tmp_path))
    sent["study"]["patientId"] = "<script>alert(1)</script>"
    assert (await post(running, sent))[0] == 200
    async with aiohttp.ClientSession(running.url) as session, session.get("/") as page:
        assert "<script>" not in await page.text()
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]


async def test_it_can_be_asked_what_it_holds(running: Running, tmp_path: Path) -> None:
    """For a sender that does not use keys."""
    parcel = parcel_in(tmp_path, frames=2)
    await post(running, request_of(parcel))
    held = parcel.images[0].image_instance_uid
    async with aiohttp.ClientSession(running.url) as session:
        for path, status in (
            (f"{held}?frameNumber=1", 200),
            (f"{held}?frameNumber=3", 404),
            (held, 404),
            (uid(), 404),
            (f"{held}?frameNumber=x", 404),
        ):
            async with session.get(f"/v1/images/{path}") as answer:
                assert answer.status == status, path


# -- refusing ----------------------------------------------------------------------------------

REFUSED: list[tuple[int, str, Edit]] = [
    (400, "body: required", lambda r: r.pop("study")),
    (400, "body: required", lambda r: r.pop("images")),
    (400, "images: minItems", lambda r: r.update(images=[])),
    (400, "study: required", lambda r: r["study"].pop("patientId")),
    (400, "study.patientId: minLength", lambda r: r["study"].update(patientId="")),
    (400, "study.accessionNumber: minLength", lambda r: r["study"].update(accessionNumber="")),
    (400, "study.patientAge: pattern", lambda r: r["study"].update(patientAge="093Y")),
    (400, "study.patientAge: pattern", lambda r: r["study"].update(patientAge="006M")),
    (400, "series.seriesInstanceUid: type", lambda r: r["series"].update(seriesInstanceUid=7)),
    (400, "images.0: required", lambda r: r["images"][0].pop("data")),
    (400, "images.0.rescaleSlope: type", lambda r: r["images"][0].update(rescaleSlope="1")),
    (400, "images.0.rescaleSlope: not", lambda r: r["images"][0].update(rescaleSlope=0)),
    (400, "images.0.samplesPerPixel: enum", lambda r: r["images"][0].update(samplesPerPixel=2)),
    (400, "images.0: dependentRequired", lambda r: r["images"][0].update(frameNumber=1)),
    (400, "images.0.data: not base64", lambda r: r["images"][0].update(data="äöüß")),
    (400, "images.0.data: not base64", lambda r: r["images"][0].update(data="=" * 5000)),
    (422, "images.0.data: not a PNG", lambda r: r["images"][0].update(data="AAAA" * 2000)),
    (422, "images.0.data: not a PNG", lambda r: r["images"][0].update(data="AAAA")),
    (422, "images.0.width", lambda r: r["images"][0].update(width=17)),
    (422, "images.0.height", lambda r: r["images"][0].update(height=1)),
    (422, "images.0.samplesPerPixel", lambda r: r["images"][0].update(samplesPerPixel=3)),
    (422, "images.0.bitsAllocated", lambda r: r["images"][0].update(bitsAllocated=16)),
    (422, "images.0.bitsStored", lambda r: r["images"][0].update(bitsStored=12, highBit=11)),
    (422, "images.0.highBit", lambda r: r["images"][0].update(highBit=3)),
]


@pytest.mark.parametrize(("status", "place", "edit"), REFUSED)
async def test_a_request_that_is_refused(
    running: Running, tmp_path: Path, status: int, place: str, edit: Edit
) -> None:
    """With the place in it, never a value; and nothing is kept."""
    sent = request_of(parcel_in(tmp_path))
    edit(sent)
    got, _, answer = await post(running, sent, Idempotency_Key="k" * 8)
    assert (got, answer["status"]) == (status, str(status))
    assert answer["message"].startswith(place)
    assert not running.receiver.shelf.images
    assert not list((tmp_path / "store" / "incoming").iterdir())


def damaged(how: str) -> bytes:
    """A PNG with something wrong."""
    png = bytearray(png_bytes(16, 12))
    if how == "cut":
        return bytes(png[:-20])
    if how == "crc":
        png[60] ^= 1
    if how == "tail":
        png += b"PatientName^Hidden"
    if how == "pixels":
        other = png_bytes(16, 11)
        png = bytearray(bytes(png[:33]) + other[33:])
    return bytes(png)


@pytest.mark.parametrize("how", ["cut", "crc", "tail", "pixels"])
async def test_a_damaged_png_is_refused(running: Running, tmp_path: Path, how: str) -> None:
    """Cut, altered, with something after its end, or without the pixels that it promises."""
    sent = request_of(parcel_in(tmp_path))
    sent["images"][0]["data"] = base64.b64encode(damaged(how)).decode()
    status, _, answer = await post(running, sent)
    assert status == 422
    assert answer["message"].startswith("images.0.data")


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"null", b"\xff", b'{"study": 1}', b"[" * 100_000, b'"' + b"x" * 9000],
)
async def test_what_is_not_a_request(running: Running, raw: bytes) -> None:
    """Never a 500."""
    assert (await post(running, raw))[0] == 400


async def test_another_content_type(running: Running) -> None:
    """Only JSON."""
    assert (await post(running, b"{}", Content_Type="text/plain"))[0] == 415


@pytest.mark.parametrize("key", ["short", "x" * 129, "spaces in it", "semi;colon"])
async def test_a_key_of_another_form(running: Running, tmp_path: Path, key: str) -> None:
    """Is refused, not ignored: it would not protect."""
    assert (await post(running, request_of(parcel_in(tmp_path)), Idempotency_Key=key))[0] == 400


async def test_who_does_not_identify(tmp_path: Path) -> None:
    """401 before the body is read."""
    running = await start(tmp_path / "s", required={"Authorization": "Bearer right"})
    sent = request_of(parcel_in(tmp_path))
    assert (await post(running, sent))[0] == 401
    assert (await post(running, sent, Authorization="Bearer wrong"))[0] == 401
    assert (await post(running, sent, Authorization="Bearer right"))[0] == 200
    await running.stop()


async def test_a_body_beyond_the_limit(tmp_path: Path) -> None:
    """413, by its declared length and, without one, by counting."""
    running = await start(tmp_path / "s", most=2000)
    sent = json.dumps(request_of(parcel_in(tmp_path, width=100, height=100))).encode()
    assert (await post(running, sent))[0] == 413

    async def pieces() -> AsyncIterator[bytes]:
        yield sent

    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{running.url}/v1/images/upload",
            data=pieces(),
            headers={"Content-Type": "application/json"},
        ) as answer,
    ):
        assert answer.status == 413
    await running.stop()


@given(JSON)
def test_no_json_brings_it_down(value: object) -> None:
    """Whatever is sent is refused by a place in it; nothing else is ever raised."""
    with tempfile.TemporaryDirectory() as folder:
        scanner = Scanner(Path(folder))
        scanner.feed(json.dumps(value).encode())
        scanner.close()
        with pytest.raises(RejectedError):
            judge(scanner, Path(folder), inflate=True)


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_bring_down_the_png_check(data: bytes, signed: bool) -> None:
    """With a PNG's signature or without."""
    fields = request_fields()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.png"
        path.write_bytes(png_bytes(16, 12)[:33] * signed + data)
        with pytest.raises(BadImageError):
            check(path, fields, inflate=True)


def request_fields() -> dict[str, Any]:
    """What a request says of a 16 by 12 image."""
    return {
        "width": 16,
        "height": 12,
        "samplesPerPixel": 1,
        "bitsAllocated": 8,
        "bitsStored": 8,
        "highBit": 7,
    }


# -- idempotency -------------------------------------------------------------------------------


async def test_the_same_key_and_body_is_answered_again(running: Running, tmp_path: Path) -> None:
    """With or without quotation marks, and accepted once."""
    sent = request_of(parcel_in(tmp_path))
    first = await post(running, sent, Idempotency_Key="key-12345")
    again = await post(running, sent, Idempotency_Key='"key-12345"')
    assert first[0] == again[0] == 200
    assert first[2] == again[2]
    assert "Idempotency-Replayed" not in first[1]
    assert again[1]["Idempotency-Replayed"] == "true"
    assert set(running.receiver.shelf.images.values()) == {1}


async def test_the_same_key_with_another_body_is_refused(running: Running, tmp_path: Path) -> None:
    """422, as the draft on the Idempotency-Key header field says."""
    await post(running, request_of(parcel_in(tmp_path)), Idempotency_Key="key-12345")
    got = await post(running, request_of(parcel_in(tmp_path)), Idempotency_Key="key-12345")
    assert got[0] == 422
    assert len(running.receiver.shelf.images) == 1


async def test_a_refused_request_does_not_use_up_its_key(running: Running, tmp_path: Path) -> None:
    """What was not accepted can be mended."""
    sent = request_of(parcel_in(tmp_path))
    wrong = copy.deepcopy(sent)
    wrong["images"][0]["height"] = 1
    assert (await post(running, wrong, Idempotency_Key="key-12345"))[0] == 422
    assert (await post(running, sent, Idempotency_Key="key-12345"))[0] == 200


async def test_a_key_in_use_is_a_conflict(running: Running, tmp_path: Path) -> None:
    """409 while the first request is under way; afterwards its answer."""
    running.receiver.faults.script.append(Fault(Kind.DELAY, 0.5))
    sent = request_of(parcel_in(tmp_path))
    first = asyncio.create_task(post(running, sent, Idempotency_Key="key-12345"))
    await asyncio.sleep(0.2)
    assert (await post(running, sent, Idempotency_Key="key-12345"))[0] == 409
    assert (await first)[0] == 200
    assert (await post(running, sent, Idempotency_Key="key-12345"))[0] == 200


async def test_keys_and_images_survive_a_restart(tmp_path: Path) -> None:
    """And what was half received does not."""
    running = await start(tmp_path / "store")
    sent = request_of(parcel_in(tmp_path, frames=2))
    await post(running, sent, Idempotency_Key="key-12345")
    await running.stop()
    (tmp_path / "store" / "incoming" / "half").mkdir()
    running = await start(tmp_path / "store")
    assert set(running.receiver.shelf.images.values()) == {1}
    status, headers, _ = await post(running, sent, Idempotency_Key="key-12345")
    assert (status, headers["Idempotency-Replayed"]) == (200, "true")
    assert set(running.receiver.shelf.images.values()) == {1}
    assert not (tmp_path / "store" / "incoming" / "half").exists()
    await running.stop()


async def test_without_a_key_a_second_request_is_a_second_one(
    running: Running, tmp_path: Path
) -> None:
    """So that a test can see what keys are for."""
    sent = request_of(parcel_in(tmp_path))
    await post(running, sent)
    await post(running, sent)
    assert set(running.receiver.shelf.images.values()) == {2}


# -- faults ------------------------------------------------------------------------------------

LATER, PAUSE, QUARANTINE = Verdict.LATER, Verdict.PAUSE, Verdict.QUARANTINE
FAULTS = [
    ("status=503", LATER, "status 503", 0),
    ("status=401", PAUSE, "status 401", 0),
    ("early-status=413", QUARANTINE, "status 413", 0),
    ("delay=0.05", Verdict.DELIVERED, "", 1),
    ("slow-read=5000000", Verdict.DELIVERED, "", 1),
    ("reset-before", LATER, Situation.RESET, 0),
    ("reset-during", LATER, Situation.RESET, 0),
    ("reset-after", LATER, Situation.RESET, 0),
    ("lost-reply", LATER, Situation.RESET, 1),
    ("cut-reply", LATER, Situation.ANSWER_CUT, 1),
    ("no-success", LATER, "status 200", 0),
    ("html", LATER, "status 200", 0),
]


@pytest.mark.parametrize(("text", "verdict", "detail", "accepted"), FAULTS)
async def test_a_fault(
    running: Running, tmp_path: Path, text: str, verdict: Verdict, detail: str, accepted: int
) -> None:
    """As our own client sees it, whether the image was accepted - and then it is, once."""
    running.receiver.faults.script.append(Fault.parse(text))
    parcel = parcel_in(tmp_path, width=600, height=400)
    async with Destination(DeliverOptions(url=running.url)) as destination:
        got = await destination.send([parcel])
        assert (got.verdict, got.detail) == (verdict, detail)
        assert len(running.receiver.shelf.images) == accepted
        assert (await destination.send([parcel])).verdict is Verdict.DELIVERED
    assert list(running.receiver.shelf.images.values()) == [1]


def test_every_fault_is_tried() -> None:
    """No kind is forgotten above."""
    assert {Fault.parse(text).kind for text, *_ in FAULTS} == set(Kind)


async def test_retry_after_is_sent_with_a_faulty_status(tmp_path: Path) -> None:
    """As it was given."""
    faults = Faults([Fault(Kind.STATUS, 429)], retry_after="7")
    running = await start(tmp_path / "s", faults=faults)
    async with Destination(DeliverOptions(url=running.url)) as destination:
        assert (await destination.send([parcel_in(tmp_path)])).retry_after == 7
    await running.stop()


def test_faults_come_as_often_as_said() -> None:
    """And the same way with the same seed."""
    kinds = [Fault(Kind.STATUS, 503, 0.1), Fault(Kind.LOST_REPLY, 0, 0.05)]
    drawn = [
        [f.next() for _ in range(20_000)] for f in (Faults(kinds, seed=3), Faults(kinds, seed=3))
    ]
    assert drawn[0] == drawn[1]
    share = [sum(f is kind for f in drawn[0]) / 20_000 for kind in kinds]
    assert abs(share[0] - 0.1) < 0.01
    assert abs(share[1] - 0.05 * 0.9) < 0.01


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "status", "status=x", "delay=-1", "reset-before=3", "delay=1:2", "delay=1:x"],
)
def test_a_fault_that_is_none(text: str) -> None:
    """Refuses the start."""
    with pytest.raises(ConfigError):
        Fault.parse(text)


async def test_a_taken_port(running: Running, tmp_path: Path) -> None:
    """Is said at once."""
    with pytest.raises(OSError, match="address already in use"):
        await start(tmp_path / "other", port=int(running.url.rsplit(":", 1)[1]))
