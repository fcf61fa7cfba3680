"""The page's requests against a real gateway: who may ask, what is shown, what a decision does."""

from __future__ import annotations

import asyncio
import base64
import os
import pwd
import shutil
import socket
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.page.conftest import Site
from tests.page.pictures import BANNER, NAME, ultrasound
from tests.way.images import CANARIES, drop
from watcher.page.caller import owner
from watcher.receiver.app import Running

ME = f"page, uid {os.getuid()} {pwd.getpwuid(os.getuid()).pw_name}"


def canaries_in(text: str) -> list[str]:
    return [word for word in (*CANARIES, *NAME.split()) if word.lower() in text.lower()]


async def png_at(backend: Running) -> Path:
    """The one picture the backend holds."""
    folder = backend.receiver.shelf.accepted
    (png,) = await asyncio.to_thread(lambda: list(folder.rglob("*.png")))
    return png


async def test_a_file_is_shown_without_what_names_its_patient(site: Site) -> None:
    """Tags, actions, a filled picture; values on request only, and then the audit tells."""
    status, told = await site.post("api/look", {"id": site.ids[0]})
    assert status == 200
    assert told["reason"] == "burned-in"
    assert told["device"] == ["ACME", "Echo 5", "US", 480, 640]
    assert any(row[0] == "PatientName" for row in told["header"])
    assert all(row[5:] == ["", ""] for row in told["header"])
    assert not canaries_in(str(told["header"]))
    png = np.frombuffer(base64.b64decode(told["picture"]), np.uint8)
    picture = cv2.imdecode(png, cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    assert picture[16:44, 20:380].max() == 0  # where the name is
    assert site.told() == []

    status, told = await site.post("api/look", {"id": site.ids[0], "values": True})
    assert status == 200
    assert canaries_in(str(told["header"]))
    _, under = await site.post("api/look", {"id": site.ids[0], "under": True})
    png = np.frombuffer(base64.b64decode(under["picture"]), np.uint8)
    picture = cv2.imdecode(png, cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    assert picture[16:44, 20:380].max() > 200
    assert site.told() == [("values-shown", site.ids[0], ME)] * 2
    log = (site.box.state / "log" / "watcher.jsonl").read_text()
    assert not canaries_in(log)
    async with site.http.get(site.url) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


@pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("curl") is None, reason="needs root to be somebody else"
)
async def test_another_user_of_the_machine_sees_no_patient(site: Site) -> None:
    """The kernel says who is at the other end; they are told so, and shown nothing."""
    script = (
        'token=$(curl -s "$1api/session" | cut -d\\" -f4); '
        'curl -s -H "X-Watcher-Token: $token" -H "Content-Type: application/json" '
        '-d "{\\"id\\": \\"$2\\"}" "$1api/look"'
    )
    curl = await asyncio.create_subprocess_exec(
        *("sh", "-c", script.replace("\\\\", "\\"), "sh", site.url, site.ids[0]),
        stdout=asyncio.subprocess.PIPE,
        user=pwd.getpwnam("nobody").pw_uid,
    )
    said, _ = await curl.communicate()
    assert b"may review" in said
    assert b"picture" not in said


async def test_boxes_of_a_person_are_filled_and_proved_by_the_worker(
    site: Site, backend: Running
) -> None:
    """Delivered with the verdict "approved", without the banner, the person in the audit."""
    id_ = site.ids[0]
    _, told = await site.post("api/look", {"id": id_})
    wish = {"id": id_, "verb": "approve", "digest": told["digest"], "boxes": [BANNER]}
    assert (await site.post("api/decide", wish))[0] == 200
    await site.until("delivered", id_)

    picture = cv2.imread(str(await png_at(backend)), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    assert len(np.unique(picture[: BANNER[3]])) == 1
    assert picture[100:].max() > 60
    with site.box.ledger() as db:
        line = db.execute("SELECT line FROM audit WHERE deed = 'delivered'").fetchone()[0]
    assert '"verdict":"approved"' in line
    assert f'"reviewed":"{ME}' in line
    assert [deed for deed, _, _ in site.told()] == ["approved", "delivered"]


async def test_an_approval_does_not_send_what_the_proof_refuses(
    site: Site, backend: Running
) -> None:
    """Without boxes the name can be read; and what was approved is no other file's bytes."""
    one, two = site.ids
    _, told = await site.post("api/look", {"id": one})
    unmasked = {"id": one, "verb": "approve", "digest": told["digest"], "boxes": []}
    other = {"id": two, "verb": "approve", "digest": told["digest"], "boxes": [BANNER]}
    for wish in (unmasked, other):
        assert (await site.post("api/decide", wish))[0] == 200
    await site.refused(one, "own words left outside of the boxes")
    await site.refused(two, "changed after it was reviewed")
    assert not backend.receiver.shelf.images


async def test_boxes_become_a_rule_of_the_device_and_a_rejection_is_final(
    site: Site, backend: Running
) -> None:
    """A rule stands in the site's recipe, in deid's language; rejected is excluded, for good.

    The rule counts for the device's next file, without a restart.
    """
    fan = (240, 200, 400, 240)
    wish = {"id": site.ids[0], "verb": "rule", "boxes": [BANNER, fan]}
    status, told = await site.post("api/decide", wish)
    assert status == 200, told
    recipe = (site.box.home / "site.recipe").read_text()
    assert "LABEL nobody" in recipe
    assert "equals ManufacturerModelName Echo 5" in recipe
    assert "coordinates 0,0,640,60" in recipe
    assert "coordinates 240,200,400,240" in recipe
    assert [deed for deed, _, _ in site.told()] == ["device-rule"]
    readable = ultrasound(3)
    del readable.SequenceOfUltrasoundRegions
    drop(readable, site.box.drop / "north", "3.dcm")
    await site.delivered(1)
    picture = cv2.imread(str(await png_at(backend)), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    assert len(np.unique(picture[200:240, 240:400])) == 1
    assert len(np.unique(picture[250:290, 240:400])) > 10

    status, _ = await site.post("api/decide", {"id": site.ids[0], "verb": "reject"})
    assert status == 200
    await site.until("excluded", site.ids[0])
    status, told = await site.post("api/decide", {"id": site.ids[0], "verb": "reject"})
    assert status == 409
    assert "not in quarantine" in told["error"]
    assert site.told()[-1] == ("rejected", site.ids[0], ME)


FOREIGN: list[tuple[dict[str, str], int]] = [
    ({}, 403),
    ({"X-Watcher-Token": "guessed"}, 403),
    ({"X-Watcher-Token": "TOKEN", "Origin": "http://evil.example"}, 403),
    ({"X-Watcher-Token": "TOKEN", "Host": "evil.example"}, 421),
    ({"X-Watcher-Token": "TOKEN", "Content-Type": "text/plain"}, 415),
]
SENSELESS: list[dict[str, object]] = [
    {"verb": "approve", "boxes": [[0, 0, 0, 5]], "digest": "0" * 64},
    {"verb": "approve", "boxes": [[-5, 0, 5, 5]], "digest": "0" * 64},
    {"verb": "approve", "digest": "0" * 64},
    {"verb": "approve", "boxes": [[0, 0, 5, 5]]},
    {"verb": "rule", "boxes": []},
    {"verb": "look"},
    {"verb": "burn"},
    {"verb": "reject", "more": 1},
    {"verb": "reject", "id": "../../keys"},
]


async def test_nobody_elses_page_can_decide_and_nonsense_is_refused(site: Site) -> None:
    """No token, a guess, another origin, a name led here by DNS, a form's content type."""
    async with site.http.get(f"{site.url}api/session") as answer:
        token = (await answer.json())["token"]
    body = f'{{"id": "{site.ids[0]}", "verb": "reject"}}'
    for headers, status in FOREIGN:
        sent = {"Content-Type": "application/json"}
        sent |= {name: value.replace("TOKEN", token) for name, value in headers.items()}
        async with site.http.post(f"{site.url}api/decide", data=body, headers=sent) as answer:
            assert answer.status == status, headers
    foreign = {"Sec-Fetch-Site": "cross-site"}
    async with site.http.get(f"{site.url}api/session", headers=foreign) as answer:
        assert answer.status == 403
    for wish in SENSELESS:
        refused, told = await site.post("api/decide", {"id": site.ids[0]} | wish)
        assert refused == 409, wish
        assert told["error"]
    assert site.told() == []


def test_the_kernel_tells_who_owns_a_connection() -> None:
    """Both ends on this machine, IPv4 and IPv6."""
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as server:
            try:
                server.bind((host, 0))
            except OSError:
                continue  # no IPv6 here
            server.listen()
            with socket.create_connection(server.getsockname()[:2]) as client:
                ends = client.getsockname()[:2], client.getpeername()[:2]
                assert owner(*ends) == os.getuid()
            assert owner(("192.0.2.1", 5), ends[1]) is None
