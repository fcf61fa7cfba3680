"""Every answer, and every way to get none, over a real socket: one written outcome each."""

from __future__ import annotations

import asyncio
import gzip
import os
import socket
import struct
import tracemalloc
from email.utils import formatdate

import pytest

from tests.deliver.parcels import MakeParcel, study_fields
from tests.deliver.sockets import OK, Handler, always, answer, listening, read_head, read_request
from watcher.deliver.client import Destination
from watcher.deliver.outcomes import Answer, Situation, Verdict
from watcher.deliver.parcel import Parcel
from watcher.model import Reason
from watcher.options import DeliverOptions

HTML = b"<html><body>Blocked by the gateway</body></html>"
LATER, SPLIT, QUARANTINE, PAUSE = (
    Verdict.LATER,
    Verdict.SPLIT,
    Verdict.QUARANTINE,
    Verdict.PAUSE,
)
BUSY, ERROR, GONE = Reason.BACKEND_BUSY, Reason.BACKEND_ERROR, Reason.BACKEND_UNREACHABLE
PAUSED = Reason.DESTINATION_PAUSED


async def sent(handler: Handler, *parcels: Parcel, **options: object) -> Answer:
    """What one request to this backend comes to."""
    async with (
        listening(handler) as url,
        Destination(DeliverOptions.model_validate({"url": url, **options})) as destination,
    ):
        return await destination.send(parcels)


# -- complete answers --------------------------------------------------------------------------


@pytest.mark.parametrize("body", [OK, b'{"success":"ok","id":7}', b' { "success" : "ok" }\n'])
async def test_200_with_success_is_delivered(make_parcel: MakeParcel, body: bytes) -> None:
    """Whatever else it says."""
    got = await sent(always(answer(200, body)), make_parcel())
    assert got == Answer(Verdict.DELIVERED, None, 200)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"success": ""}',
        b'{"success": "no"}',
        b'{"success": true}',
        b'{"success": null}',
        b'["success"]',
        b'"ok"',
        b'{"success": "ok"',
        b"\xff\xfe\x00",
        b"[" * 50_000,
        HTML,
        OK + b" " * (64 << 10),
    ],
)
async def test_200_without_success_is_not_believed(make_parcel: MakeParcel, body: bytes) -> None:
    """Missing, malformed, a proxy's page, or too long: later, and it may have been accepted."""
    got = await sent(always(answer(200, body)), make_parcel())
    assert (got.verdict, got.reason, got.unknown) == (LATER, ERROR, True)


STATUSES = [
    (201, LATER, ERROR),
    (202, LATER, ERROR),
    (204, LATER, ERROR),
    (206, LATER, ERROR),
    (300, PAUSE, PAUSED),
    (304, PAUSE, PAUSED),
    (400, QUARANTINE, Reason.REJECTED),
    (401, PAUSE, PAUSED),
    (402, PAUSE, PAUSED),
    (403, PAUSE, PAUSED),
    (404, PAUSE, PAUSED),
    (405, PAUSE, PAUSED),
    (407, PAUSE, PAUSED),
    (408, LATER, BUSY),
    (409, LATER, BUSY),
    (410, PAUSE, PAUSED),
    (413, QUARANTINE, Reason.REJECTED),
    (415, PAUSE, PAUSED),
    (418, PAUSE, PAUSED),
    (421, LATER, BUSY),
    (422, QUARANTINE, Reason.REJECTED),
    (423, LATER, BUSY),
    (425, LATER, BUSY),
    (429, LATER, BUSY),
    (431, PAUSE, PAUSED),
    (500, LATER, ERROR),
    (501, LATER, ERROR),
    (502, LATER, GONE),
    (503, LATER, BUSY),
    (504, LATER, GONE),
    (507, LATER, ERROR),
    (599, LATER, ERROR),
]


@pytest.mark.parametrize(("status", "verdict", "reason"), STATUSES)
async def test_a_status_has_one_outcome(
    make_parcel: MakeParcel, status: int, verdict: Verdict, reason: Reason
) -> None:
    """For one image alone; the status is told, the backend's words are not."""
    body = b"" if status in (204, 304) else b'{"status": "x", "message": "CANARY"}'
    got = await sent(always(answer(status, body)), make_parcel())
    assert (got.verdict, got.reason, got.status) == (verdict, reason, status)
    assert got.detail == f"status {status}"


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_rejected_batch_is_split(make_parcel: MakeParcel, status: int) -> None:
    """Until the bad image stands alone."""
    study = study_fields()
    got = await sent(always(answer(status)), make_parcel(study), make_parcel(study))
    assert (got.verdict, got.status) == (SPLIT, status)


@pytest.mark.parametrize(
    ("status", "verdict"), [(400, QUARANTINE), (422, QUARANTINE), (413, SPLIT)]
)
async def test_one_instance_of_many_frames(
    make_parcel: MakeParcel, status: int, verdict: Verdict
) -> None:
    """Its frames part only for their size."""
    got = await sent(always(answer(status)), make_parcel(frames=4))
    assert got.verdict is verdict


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, LATER),
        (400, LATER),
        (422, LATER),
        (403, PAUSE),
        (404, PAUSE),
        (407, PAUSE),
        (413, QUARANTINE),
        (502, LATER),
        (503, LATER),
        (504, LATER),
    ],
)
async def test_a_proxys_page(make_parcel: MakeParcel, status: int, verdict: Verdict) -> None:
    """It knows nothing of images: what it says of them condemns none, except that one is large."""
    got = await sent(always(answer(status, HTML, "text/html; charset=utf-8")), make_parcel())
    assert got.verdict is verdict


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(make_parcel: MakeParcel, status: int) -> None:
    """Images go where the settings say and nowhere else."""
    asked: list[bytes] = []

    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await read_head(reader))[0])
        writer.write(answer(200, OK))

    async with listening(elsewhere) as other:
        reply = answer(status, b"", "text/html", f"Location: {other}/v1/images/upload")
        got = await sent(always(reply), make_parcel())
    assert (got.verdict, got.status) == (PAUSE, status)
    assert asked == []


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("120", 120, 120),
        ("0", 0, 0),
        (formatdate(2_000_000_000, usegmt=True), 6 * 3600, 6 * 3600),
        (formatdate(0, usegmt=True), 0, 0),
        ("99999999999999", 6 * 3600, 6 * 3600),
    ],
)
async def test_retry_after_in_both_forms(
    make_parcel: MakeParcel, value: str, least: float, most: float
) -> None:
    """In seconds from now; nobody puts us off for days."""
    reply = answer(429, b"", "application/json", f"Retry-After: {value}")
    got = await sent(always(reply), make_parcel())
    assert got.retry_after is not None
    assert least <= got.retry_after <= most


@pytest.mark.parametrize("value", ["soon", "-5", "1.5", "Wed, 99 Foo 2026", "²"])
async def test_a_senseless_retry_after_is_ignored(make_parcel: MakeParcel, value: str) -> None:
    """The usual delay applies."""
    head = f"HTTP/1.1 503 X\r\nContent-Length: 0\r\nRetry-After: {value}\r\n\r\n"
    got = await sent(always(head.encode()), make_parcel())
    assert (got.verdict, got.retry_after) == (LATER, None)


async def test_an_answer_before_the_body_was_read(make_parcel: MakeParcel) -> None:
    """A proxy that refuses by Content-Length alone is heard, though the body is not done."""

    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(answer(413, b"", "text/html", "Connection: close"))
        await writer.drain()
        await asyncio.sleep(1)

    study = study_fields()
    parcels = [make_parcel(study, width=1500, height=1500) for _ in range(2)]
    got = await sent(early, *parcels)
    assert (got.verdict, got.status) == (SPLIT, 413)


async def test_a_compressed_answer(make_parcel: MakeParcel) -> None:
    """We ask for none; who sends one all the same is understood, and a bomb is not inflated."""
    heads: list[bytes] = []
    bodies = [gzip.compress(OK), gzip.compress(bytes(100 << 20))]

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await read_request(reader))[0])
        writer.write(answer(200, bodies[len(heads) - 1], "a/json", "Content-Encoding: gzip"))
        await writer.drain()

    assert (await sent(handler, make_parcel())).verdict is Verdict.DELIVERED
    assert b"Accept-Encoding: identity\r\n" in heads[0]
    parcel = make_parcel()
    tracemalloc.start()
    got = await sent(handler, parcel)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (got.verdict, got.reason) == (LATER, ERROR)
    assert peak < 16 << 20


async def test_informational_answers_are_waited_through(make_parcel: MakeParcel) -> None:
    """102 Processing is not the answer."""
    reply = b"HTTP/1.1 102 Processing\r\n\r\n" + answer(200, OK)
    got = await sent(always(reply), make_parcel())
    assert got.verdict is Verdict.DELIVERED


# -- no answer ---------------------------------------------------------------------------------


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _reset_at_once(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    _reset(writer)


async def _reset_before_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_head(reader)
    _reset(writer)


async def _reset_in_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    _, length = await read_head(reader)
    await reader.readexactly(length // 2)
    _reset(writer)


async def _reset_after_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    _reset(writer)


async def _close_after_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.close()


async def _half_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Says it will write nothing, goes on reading."""
    await read_head(reader)
    writer.write_eof()
    await reader.read()


async def _cut_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")
    await writer.drain()


async def _cut_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(answer(200, OK)[:-4])
    await writer.drain()


async def _not_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"220 mail.example ESMTP\r\n")
    await writer.drain()


async def _bad_chunks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
    await writer.drain()


@pytest.mark.parametrize(
    ("handler", "unknown"),
    [
        (_reset_at_once, False),
        (_reset_before_body, False),
        (_reset_in_body, False),
        (_reset_after_body, True),
        (_close_after_body, True),
        (_cut_head, True),
        (_cut_answer, True),
    ],
)
async def test_a_lost_connection_means_later(
    make_parcel: MakeParcel, handler: Handler, unknown: bool
) -> None:
    """The backend can have accepted it only if all of the body went out."""
    # Not known means more than the kernel's buffers hold: what they took, the backend may have.
    parcel = make_parcel(width=600, height=400) if unknown else make_parcel(width=6000, height=4000)
    got = await sent(handler, parcel)
    assert (got.verdict, got.reason, got.status) == (LATER, GONE, None)
    assert got.unknown is unknown


async def test_a_half_closed_connection_means_later(make_parcel: MakeParcel) -> None:
    """No answer can come any more."""
    got = await asyncio.wait_for(sent(_half_close, make_parcel(width=3000, height=2000)), 20)
    assert (got.verdict, got.reason) == (LATER, GONE)


@pytest.mark.parametrize("handler", [_not_http, _bad_chunks])
async def test_something_that_is_not_http(make_parcel: MakeParcel, handler: Handler) -> None:
    """Somebody else listens there, or the backend is broken."""
    got = await sent(handler, make_parcel())
    assert (got.verdict, got.reason, got.detail) == (LATER, ERROR, Situation.ANSWER_BROKEN)


async def test_a_backend_that_stops_reading(make_parcel: MakeParcel) -> None:
    """Is given up after `stall_timeout`, not after the hours a large request may take."""

    async def stuck(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await read_head(reader)
        await asyncio.sleep(30)

    parcel = make_parcel(width=6000, height=4000)
    got = await asyncio.wait_for(sent(stuck, parcel, stall_timeout=0.3), 10)
    assert (got.verdict, got.detail, got.unknown) == (LATER, Situation.STALLED, False)


async def test_a_backend_that_reads_slowly_is_waited_for(make_parcel: MakeParcel) -> None:
    """As long as it reads at all and is not slower than `slowest`."""

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, length = await read_head(reader)
        while length > 0:
            length -= len(await reader.read(256 << 10))
            await asyncio.sleep(0.02)
        writer.write(answer(200, OK))
        await writer.drain()

    got = await sent(slow, make_parcel(width=3000, height=2000), stall_timeout=1, answer_timeout=3)
    assert got.verdict is Verdict.DELIVERED


async def test_a_backend_that_reads_too_slowly(make_parcel: MakeParcel) -> None:
    """The time for a request grows with its size, and ends."""

    async def crawl(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        for _step in range(100):
            await reader.read(64 << 10)
            await asyncio.sleep(0.1)

    options = {"slowest": 1 << 30, "connect_timeout": 0.3, "answer_timeout": 0.3}
    got = await asyncio.wait_for(sent(crawl, make_parcel(width=6000, height=4000), **options), 10)
    assert (got.verdict, got.detail, got.unknown) == (LATER, Situation.TOO_SLOW, False)


async def test_a_backend_that_does_not_answer(make_parcel: MakeParcel) -> None:
    """It has everything and says nothing."""

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await asyncio.sleep(30)

    got = await asyncio.wait_for(sent(silent, make_parcel(), answer_timeout=0.2), 10)
    assert (got.verdict, got.unknown) == (LATER, True)
    assert got.detail in (Situation.ANSWER_TIMEOUT, Situation.TOO_SLOW)


async def test_an_answer_that_drips(make_parcel: MakeParcel) -> None:
    """A byte now and then does not keep a request alive for ever."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        for byte in answer(200, OK):
            writer.write(bytes([byte]))
            await asyncio.sleep(0.05)

    options = {"connect_timeout": 0.2, "answer_timeout": 0.2}
    got = await asyncio.wait_for(sent(drip, make_parcel(), **options), 10)
    assert (got.verdict, got.unknown) == (LATER, True)


async def test_nobody_listens(make_parcel: MakeParcel) -> None:
    """Connection refused."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with Destination(DeliverOptions(url=f"http://127.0.0.1:{port}")) as destination:
        got = await destination.send([make_parcel()])
    assert (got.verdict, got.reason, got.detail) == (LATER, GONE, Situation.UNCONNECTED)


async def test_a_connection_that_is_never_made(make_parcel: MakeParcel) -> None:
    """A full backlog swallows the handshake: the connect timeout ends it."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(server.getsockname())
            url = f"http://127.0.0.1:{server.getsockname()[1]}"
            async with Destination(DeliverOptions(url=url, connect_timeout=0.3)) as destination:
                got = await asyncio.wait_for(destination.send([make_parcel()]), 10)
        finally:
            for filler in fillers:
                filler.close()
    assert (got.verdict, got.reason, got.detail) == (LATER, GONE, Situation.CONNECT_TIMEOUT)


async def test_a_name_that_does_not_resolve(make_parcel: MakeParcel) -> None:
    """RFC 6761 keeps .invalid free of names."""
    async with Destination(DeliverOptions(url="https://backend.invalid")) as destination:
        got = await destination.send([make_parcel()])
    assert (got.verdict, got.reason, got.detail) == (LATER, GONE, Situation.UNRESOLVED)


# -- the request itself ------------------------------------------------------------------------


async def test_what_is_sent(make_parcel: MakeParcel) -> None:
    """One POST with a known length, the key of the content, and nothing about who we are."""
    heads: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await read_request(reader))[0])
        writer.write(answer(200, OK))

    parcel = make_parcel()
    await sent(handler, parcel)
    lines = heads[0].decode().split("\r\n")
    assert lines[0] == "POST /v1/images/upload HTTP/1.1"
    headers = dict(line.split(": ", 1) for line in lines[1:] if line)
    assert headers["Idempotency-Key"] == parcel.key
    assert headers["Content-Type"] == "application/json"
    assert "Content-Length" in headers
    assert not {"Transfer-Encoding", "Authorization", "Cookie"} & headers.keys()


async def test_a_changed_text_aborts_the_request(make_parcel: MakeParcel) -> None:
    """The backend never has a whole body; the parcel to blame is named."""
    had, wanted = 0, 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal had, wanted
        _, wanted = await read_head(reader)
        while piece := await reader.read(1 << 16):
            had += len(piece)
        writer.write(answer(200, OK))

    study = study_fields()
    good, bad = make_parcel(study), make_parcel(study, width=2000, height=1000)
    path = bad.folder / bad.images[0].text.name
    text = path.read_bytes()
    path.write_bytes(text[:-8] + bytes(reversed(text[-8:-4])) + text[-4:])
    got = await sent(handler, good, bad)
    assert (got.verdict, got.reason, got.culprit) == (LATER, Reason.SPOOL_LOST, bad.key)
    assert 0 < had < wanted


async def test_a_missing_text_makes_no_connection(make_parcel: MakeParcel) -> None:
    """Nobody is bothered with half a request."""
    parcel = make_parcel()
    (parcel.folder / parcel.images[0].text.name).unlink()
    got = await sent(_reset_at_once, parcel)
    assert (got.reason, got.culprit, got.detail) == (
        Reason.SPOOL_LOST,
        parcel.key,
        Situation.SPOOL_LOST,
    )


async def test_nothing_is_left_open(make_parcel: MakeParcel) -> None:
    """A hundred failed and a hundred cancelled requests leave no file or socket behind."""
    parcel = make_parcel(width=1200, height=1000)

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, length = await read_head(reader)
        await reader.readexactly(length // 8)
        _reset(writer)

    async with listening(cut) as url, Destination(DeliverOptions(url=url)) as destination:
        await destination.send([parcel])
        await asyncio.sleep(0.1)
        before = len(os.listdir("/proc/self/fd"))
        for number in range(100):
            assert (await destination.send([parcel])).verdict is LATER
            task = asyncio.create_task(destination.send([parcel]))
            await asyncio.sleep(number / 20_000)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.3)
        assert len(os.listdir("/proc/self/fd")) <= before + 2


async def test_the_reply_to_a_broken_request_does_not_spoil_the_next(
    make_parcel: MakeParcel,
) -> None:
    """After any failure the connection is not used again."""
    calls = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            await read_head(reader)
            writer.write(answer(503))
            await writer.drain()
            await reader.read()
            return
        await read_request(reader)
        writer.write(answer(200, OK))

    async with (
        listening(handler) as url,
        Destination(DeliverOptions(url=url)) as destination,
    ):
        parcel = make_parcel(width=3000, height=2000)
        assert (await destination.send([parcel])).status == 503
        assert (await destination.send([parcel])).verdict is Verdict.DELIVERED
