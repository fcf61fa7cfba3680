"""The audit of a real gateway: what it tells, that kills leave no gap, that tampering is named."""

from __future__ import annotations

import csv
import io
import json
import os
import pwd
import re
import signal

import pytest

from tests.way.box import Box
from tests.way.images import CANARIES, ct, drop
from watcher.receiver.app import Running


def me() -> str:
    return f"uid {os.getuid()} {pwd.getpwuid(os.getuid()).pw_name}"


async def exported(box: Box, *more: str) -> list[dict[str, str]]:
    ended = await box.run("audit", "export", "--csv", "--settings", str(box.settings), *more)
    assert ended.code == 0, ended.said
    return list(csv.DictReader(io.StringIO(ended.said)))


async def test_what_left_is_told_by_what_can_be_found_again(box: Box, backend: Running) -> None:
    """Hashes of what the backend holds, pseudonyms, destination, answer; and nobody's name."""
    drop(ct(1), box.drop / "north", "one.dcm")
    assert (await box.drain()).code == 0

    begun, line = await exported(box)
    assert begun["deed"] == "begun"
    assert line["deed"] == "delivered"
    assert line["customer"] == "north"
    assert line["destination"] == f"{backend.url}/v1/images/upload".removesuffix(
        "/v1/images/upload"
    )
    assert line["answer"].startswith("200")
    (uid,) = backend.receiver.shelf.images
    assert line["instance"] in str(uid)
    assert all(re.fullmatch("blake3:[0-9a-f]{64}", line[sum_]) for sum_ in ("sent", "cleaned"))
    assert line["verdict"]
    assert line["recipe"]
    text = json.dumps(line)
    assert not [canary for canary in CANARIES if canary in text]
    assert str(ct(1).SOPInstanceUID) not in text


async def test_who_decided_is_told_with_and_without_a_running_gateway(box: Box) -> None:
    """The control socket knows the uid of who asks; without a gateway it is the process's own."""
    for number in (1, 2):
        nameless = ct(number)
        del nameless.SOPInstanceUID
        drop(nameless, box.drop / "north", f"{number}.dcm")
    settings = str(box.settings)
    assert (await box.drain()).code == 0
    with box.ledger() as db:
        one, two = (row[0] for row in db.execute("SELECT id FROM instances"))
    await box.run("quarantine", "reject", one, "--settings", settings)
    gateway = await box.start("run", "--settings", settings)
    assert gateway.stdout is not None
    async for said in gateway.stdout:
        if b"ready" in said:
            break
    await box.run("quarantine", "release", two, "--settings", settings)
    gateway.send_signal(signal.SIGTERM)
    await gateway.communicate()

    told = [
        (row["deed"], row["id"], row["actor"].split(", login")[0]) for row in await exported(box)
    ]
    assert told[1:] == [("rejected", one, me()), ("released", two, me())]
    ended = await box.run("audit", "verify", "--settings", settings)
    assert ended.code == 0, ended.said


STEPS = [
    # The ends of the commit; what lies around it is also a step of tests/way/test_kills.py.
    pytest.param("watcher.pipeline:Pipeline.delivered", "before", marks=pytest.mark.long),
    ("watcher.store.audit:Audit.append", "after"),
    pytest.param("watcher.pipeline:Pipeline.delivered", "after", marks=pytest.mark.long),
    ("watcher.auditing:note_head", "after"),
]


@pytest.mark.parametrize(("step", "when"), STEPS)
async def test_a_kill_leaves_no_acknowledged_image_without_its_line(
    box: Box, backend: Running, step: str, when: str
) -> None:
    """SIGKILL around the commit: afterwards both are there or neither, and in the end both."""
    drop(ct(1), box.drop / "north", "one.dcm")
    died = await box.run("-m", "tests.way.killer", step, when, "1", str(box.settings))
    assert died.code == -signal.SIGKILL, died.said
    if box.states()["delivered"]:
        with box.ledger() as db:
            told = db.execute("SELECT count(*) FROM audit WHERE deed = 'delivered'").fetchone()
        assert told == (1,)

    assert (await box.drain()).code == 0
    ended = await box.run("audit", "verify", "--json", "--settings", str(box.settings))
    assert ended.code == 0, ended.said
    assert [row["deed"] for row in await exported(box)].count("delivered") == 1
    assert list(backend.receiver.shelf.images.values()) == [1]


async def test_the_verb_names_the_altered_line_and_the_missing_tail(box: Box) -> None:
    """On the ledger's file itself, with the exit code a script can go by."""
    for number in range(3):
        drop(ct(number), box.drop / "north", f"{number}.dcm")
    assert (await box.drain()).code == 0
    settings = str(box.settings)
    with box.ledger() as db:
        db.execute("DROP TRIGGER audit_is_not_changed")
        db.execute("DROP TRIGGER audit_is_not_cut")
        db.execute("UPDATE audit SET line = replace(line, 'clean', 'other') WHERE seq = 3")
    ended = await box.run("audit", "verify", "--settings", settings)
    assert (ended.code, ended.said) == (5, "line 3 was altered\n")

    with box.ledger() as db:
        db.execute("DELETE FROM audit WHERE seq >= 3")
        db.execute("UPDATE instances SET customer = customer")
    ended = await box.run("audit", "verify", "--settings", settings)
    assert (ended.code, ended.said) == (5, "line 3 is missing, and all up to line 4\n")


@pytest.mark.parametrize("backup", ["kept", "gone"])
async def test_a_ledger_that_was_put_back_is_told_of_and_an_old_head_tells_too(
    box: Box, backup: str
) -> None:
    """The lines that are lost with it are counted in a new one; a noted head says they are gone."""
    for number in range(3):
        drop(ct(number), box.drop / "north", f"{number}.dcm")
    assert (await box.drain()).code == 0
    settings = str(box.settings)
    whole = await box.run("audit", "verify", "--json", "--settings", settings)
    noted = json.loads(whole.said)["head"]
    path = box.state / "ledger.sqlite"
    path.write_bytes(path.read_bytes()[:5000] + b"\xa5" * 30_000)
    if backup == "gone":
        (box.state / "backup" / "ledger.sqlite").unlink()
    assert (await box.drain()).code == 0

    told = [(row["deed"], row["delivered_before"]) for row in await exported(box)]
    assert [deed for deed, _ in told].count("restored") == 1
    lost = 3 - [deed for deed, _ in told].count("delivered")
    assert ("restored", str(lost)) in told
    ended = await box.run("audit", "verify", "--settings", settings)
    assert ended.code == 0, ended.said
    if lost:
        ended = await box.run("audit", "verify", "--head", noted, "--settings", settings)
        assert ended.code == 5, ended.said
