"""The reference backend as a web server. The home of aiohttp's server."""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientError, web

from watcher.receiver import page
from watcher.receiver.faults import Fault, Faults, Kind
from watcher.receiver.scanner import Scanner, TooLargeError
from watcher.receiver.shelf import Receipt, Shelf
from watcher.receiver.upload import RejectedError, judge

_OK = {"success": "ok"}
_KEY = re.compile(r'"?([A-Za-z0-9._-]{8,128})"?')


class _Gone(Exception):  # noqa: N818 - not an error: the connection ends here, by fault
    """Cut the connection."""


class Receiver:
    """The handlers and what they share. `shelf` counts what was accepted."""

    def __init__(
        self,
        store: Path,
        faults: Faults,
        *,
        most: int = 1 << 30,
        inflate: bool = False,
        required: dict[str, str] | None = None,
        keys: bool = True,
    ) -> None:
        self.shelf = Shelf(store)
        self.faults = faults
        self.seen = 0
        self._most = most
        self._inflate = inflate
        self._required = required or {}
        self._keys = keys
        self._busy: set[str] = set()
        # Our own threads: syncing here must not hold up whoever shares the process.
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="receiver")

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application()
        app.add_routes(
            [
                web.post("/v1/images/upload", self.upload),
                web.get("/v1/images/{uid}", self.has),
                web.get("/", self.index),
                web.get("/index.json", self.listing),
                web.get("/accepted/{name:[0-9a-f]+}/{file:[0-9]+\\.png}", self.image),
            ]
        )
        return app

    def close(self) -> None:
        """Wait for what is being made durable."""
        self._threads.shutdown()

    # -- the contract ------------------------------------------------------------------------

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/images/upload."""
        self.seen += 1
        fault = self.faults.next()
        try:
            return await self._upload(request, fault)
        except RejectedError as error:
            return _problem(error.status, error.message)
        except (_Gone, ClientError, OSError) as error:
            if not isinstance(error, _Gone) and request.content.at_eof():
                return _problem(500, "store")
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)

    async def _upload(self, request: web.Request, fault: Fault | None) -> web.StreamResponse:
        if fault is not None and fault.kind is Kind.RESET_BEFORE:
            raise _Gone
        if fault is not None and fault.kind is Kind.EARLY_STATUS:
            return self._faulty(int(fault.value))
        key = self._admit(request)
        if key in self._busy:
            return _problem(409, "Idempotency-Key: in use")
        if key is not None:
            self._busy.add(key)
        work = self.shelf.workplace()
        try:
            return await self._take(request, fault, key, work)
        finally:
            self._busy.discard(key or "")
            shutil.rmtree(work, ignore_errors=True)

    def _admit(self, request: web.Request) -> str | None:
        """The idempotency key. Raises RejectedError."""
        for name, value in self._required.items():
            if request.headers.get(name) != value:
                raise RejectedError(401, f"{name}: not accepted")
        if request.content_type != "application/json":
            raise RejectedError(415, "Content-Type: must be application/json")
        if (request.content_length or 0) > self._most:
            raise RejectedError(413, "body: too large")
        given = request.headers.get("Idempotency-Key")
        if given is None or not self._keys:
            return None
        match = _KEY.fullmatch(given)
        if match is None:
            raise RejectedError(400, "Idempotency-Key: pattern")
        return match[1]

    async def _take(
        self, request: web.Request, fault: Fault | None, key: str | None, work: Path
    ) -> web.StreamResponse:
        scanner = Scanner(work)
        try:
            sha256 = await self._read(request, scanner, fault)
        except TooLargeError:
            raise RejectedError(413, "body: too large") from None
        finally:
            scanner.close()
        early = self._instead(fault)
        if early is not None:
            return early
        replayed = self._replayed(key, sha256)
        if replayed is None:
            await self._accept(scanner, work, key, sha256)
        return await self._reply(request, fault, replayed=replayed is not None)

    async def _read(self, request: web.Request, scanner: Scanner, fault: Fault | None) -> str:
        """The SHA-256 of the body, which goes to the scanner as it comes."""
        digest = hashlib.sha256()
        size = 0
        half = (request.content_length or 0) // 2
        async for piece in request.content.iter_chunked(256 << 10):
            size += len(piece)
            if size > self._most:
                raise TooLargeError
            if fault is not None and fault.kind is Kind.RESET_DURING and size >= half:
                raise _Gone
            if fault is not None and fault.kind is Kind.SLOW_READ:
                await asyncio.sleep(len(piece) / max(fault.value, 1.0))
            digest.update(piece)
            scanner.feed(piece)
        return digest.hexdigest()

    def _replayed(self, key: str | None, sha256: str) -> Receipt | None:
        receipt = self.shelf.find(key) if key is not None else None
        if receipt is not None and receipt.sha256 != sha256:
            raise RejectedError(422, "Idempotency-Key: came before with another body")
        return receipt

    async def _accept(self, scanner: Scanner, work: Path, key: str | None, sha256: str) -> None:
        def durably() -> None:
            body = judge(scanner, work, inflate=self._inflate)
            self.shelf.accept(work, key, Receipt(sha256, _OK), body)

        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, durably)

    # -- faults ------------------------------------------------------------------------------

    def _instead(self, fault: Fault | None) -> web.Response | None:
        """The answer of a fault that accepts nothing."""
        if fault is None:
            return None
        if fault.kind in (Kind.RESET_AFTER, Kind.RESET_DURING):
            raise _Gone
        if fault.kind is Kind.STATUS:
            return self._faulty(int(fault.value))
        if fault.kind is Kind.NO_SUCCESS:
            return web.json_response({})
        if fault.kind is Kind.HTML:
            return web.Response(text="<html>Welcome to the guest network</html>")
        return None

    def _faulty(self, status: int) -> web.Response:
        response = _problem(status, "fault")
        if self.faults.retry_after is not None:
            response.headers["Retry-After"] = self.faults.retry_after
        return response

    async def _reply(
        self, request: web.Request, fault: Fault | None, *, replayed: bool
    ) -> web.StreamResponse:
        if fault is not None and fault.kind is Kind.LOST_REPLY:
            raise _Gone
        if fault is not None and fault.kind is Kind.DELAY:
            await asyncio.sleep(fault.value)
        headers = {"Idempotency-Replayed": "true"} if replayed else {}
        if fault is not None and fault.kind is Kind.CUT_REPLY:
            cut = web.StreamResponse(headers={"Content-Length": "100", **headers})
            await cut.prepare(request)
            await cut.write(b'{"success": ')
            raise _Gone
        return web.json_response(_OK, headers=headers)

    # -- looking -----------------------------------------------------------------------------

    async def has(self, request: web.Request) -> web.Response:
        """GET /v1/images/{uid}?frameNumber=N."""
        frame = request.query.get("frameNumber", "0")
        images = await asyncio.to_thread(lambda: self.shelf.images)
        held = frame.isdecimal() and (request.match_info["uid"], int(frame)) in images
        return web.json_response(_OK) if held else _problem(404, "not held")

    async def index(self, _: web.Request) -> web.Response:
        """GET /: the newest requests, with their images."""
        return web.Response(
            text=await asyncio.to_thread(page.render, self.shelf),
            content_type="text/html",
            headers={"Content-Security-Policy": page.POLICY},
        )

    async def listing(self, _: web.Request) -> web.Response:
        """GET /index.json: how many requests and images are held."""
        images = await asyncio.to_thread(lambda: self.shelf.images)
        return web.json_response(
            {
                "requests": len(self.shelf),
                "images": len(images),
                "twice": sum(n > 1 for n in images.values()),
            }
        )

    async def image(self, request: web.Request) -> web.StreamResponse:
        """GET /accepted/<id>/<n>.png."""
        path = self.shelf.accepted / request.match_info["name"] / request.match_info["file"]
        return web.FileResponse(path) if path.is_file() else _problem(404, "not held")


def _problem(status: int, message: str) -> web.Response:
    return web.json_response({"status": str(status), "message": message}, status=status)


@dataclass(frozen=True, slots=True)
class Running:
    """A receiver that listens at `url`."""

    url: str
    receiver: Receiver
    _runner: web.AppRunner

    async def stop(self) -> None:
        """Stop listening, end what is under way, make durable what was accepted."""
        await self._runner.cleanup()
        self.receiver.close()


async def start(
    store: Path,
    host: str = "127.0.0.1",
    port: int = 0,
    faults: Faults | None = None,
    *,
    inflate: bool = False,
    most: int = 1 << 30,
    required: dict[str, str] | None = None,
    keys: bool = True,
    tls: ssl.SSLContext | None = None,
) -> Running:
    """Listen. `port` 0 takes a free one; `required` are headers that a request must carry.

    A PNG's header and the CRC of its chunks are checked; with `inflate` its pixels as well. `most`
    is the largest body in bytes. Without `keys` it takes no notice of Idempotency-Key, as some
    backends do. Raises OSError when the port is taken.
    """
    receiver = Receiver(
        store, faults or Faults(), inflate=inflate, most=most, required=required, keys=keys
    )
    runner = web.AppRunner(receiver.app(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, host, port, ssl_context=tls)
    try:
        await site.start()
    except OSError:
        await runner.cleanup()
        raise
    address = runner.addresses[0]
    scheme = "https" if tls else "http"
    return Running(f"{scheme}://{host}:{address[1]}", receiver, runner)
