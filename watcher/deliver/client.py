"""One destination: sends one request and says what came of it. The home of aiohttp's client."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from watcher.deliver import http, outcomes, trust
from watcher.deliver.body import Body
from watcher.deliver.credential import Credential, TokenError, credential
from watcher.deliver.outcomes import Answer, Answered, Situation, Verdict
from watcher.deliver.pace import Pace
from watcher.deliver.parcel import Parcel, request_key
from watcher.deliver.retry import retry_after
from watcher.errors import DeferredError, RefusedError
from watcher.options import DeliverOptions

_SLICE = 128 << 10  # what must go out within `stall_timeout`
_KEEP_ALIVE = 4.0  # seconds; below Node's 5, so that we close an idle connection first


class Destination:
    """A backend, with its connections, its credential and its bandwidth cap.

    Made from settings alone; raises ConfigError. Use as an async context manager, or `close` it.
    """

    def __init__(self, options: DeliverOptions) -> None:
        self._options = options
        self._base = trust.checked_url(options.url, options, "url")
        self._tls = trust.context(options) if trust.wanted(options) else True
        self._proxy = http.Proxy(options)
        self._credential: Credential = credential(options, self._proxy)
        self._pace = Pace(options.bytes_per_second)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def send(self, parcels: Sequence[Parcel], *, again: bool = False) -> Answer:
        """Send one request with all `parcels`, which are of one Study and Series.

        Never raises for anything the network, the backend or the spool does. `again` says that an
        earlier request with these parcels had an unknown outcome.
        """
        try:
            body = Body(parcels)
        except RefusedError as error:
            return _invalid(parcels, error)
        try:
            body.check()
        except DeferredError:
            return outcomes.failed(Situation.SPOOL_LOST, culprit=body.lost)
        if again and self._options.idempotency == "ask":
            known = await self._ask(parcels)
            if known is not None:
                return known
        answer = await self._post(parcels, body)
        if answer.status == 401 and await self._credential.renew():
            answer = await self._post(parcels, body)
        return answer

    async def _post(self, parcels: Sequence[Parcel], body: Body) -> Answer:
        stream = _Stream(body, self._pace, self._options.stall_timeout)
        try:
            headers = await self._headers()
            headers["Idempotency-Key"] = request_key(parcels)
            answer = await self._exchange("POST", self._options.path, headers, stream)
        except TokenError as error:
            return outcomes.failed(error.situation)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            situation = stream.trouble or _situation(error)
            return outcomes.failed(situation, sent=stream.complete, culprit=body.lost)
        return outcomes.answered(
            answer,
            parcels=len(parcels),
            images=sum(len(parcel.images) for parcel in parcels),
            idempotency=self._options.idempotency,
        )

    async def _ask(self, parcels: Sequence[Parcel]) -> Answer | None:
        """Ask a backend without keys what it holds; None when the request must be sent."""
        held = []
        for parcel in parcels:
            for image in parcel.images:
                path = self._options.ask_path.replace(
                    "{imageInstanceUid}", image.image_instance_uid
                )
                if image.frame_number is not None:
                    path = f"{path}?frameNumber={image.frame_number}"
                answer = await self._look(path)
                if isinstance(answer, Answer):
                    return answer
                held.append(answer)
        return outcomes.asked(held)

    async def _look(self, path: str) -> Answer | bool:
        """Whether the backend says it holds an image, or the outcome if it cannot be asked."""
        try:
            answer = await self._exchange("GET", path, await self._headers())
        except TokenError as error:
            return outcomes.failed(error.situation)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return outcomes.failed(_situation(error), sent=True)
        if answer.status in (200, 404):
            return answer.status == 200
        return outcomes.answered(answer, parcels=2, images=2)

    async def _headers(self) -> dict[str, str]:
        # Compressed answers would save nothing, and a bomb of one would cost a lot.
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        headers |= self._proxy.headers(self._base)
        return headers | dict(await self._credential.headers(self._opened()))

    async def _exchange(
        self, method: str, path: str, headers: dict[str, str], stream: _Stream | None = None
    ) -> Answered:
        """One request and its whole answer, within a time that grows with its size."""
        o = self._options
        size = stream.size if stream is not None and stream.size else 0
        total = o.connect_timeout + o.answer_timeout + size / o.slowest
        async with asyncio.timeout(total):
            async with self._opened().request(
                method,
                URL(str(self._base).rstrip("/") + path, encoded=True),
                data=stream,
                headers=headers,
                allow_redirects=False,
                **self._proxy.arguments(),
            ) as response:
                body = await http.read(response)
                return Answered(
                    response.status,
                    response.headers.get("Content-Type", ""),
                    body,
                    retry_after(response.headers.get("Retry-After"), time.time()),
                )

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            o = self._options
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    ssl=self._tls, limit=o.concurrency + 1, keepalive_timeout=_KEEP_ALIVE
                ),
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=o.connect_timeout, sock_read=o.answer_timeout
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session


class _Stream(aiohttp.Payload):
    """A body on its way out, which knows how far it came and what stopped it."""

    def __init__(self, body: Body, pace: Pace, stall: float) -> None:
        super().__init__(body, content_type="application/json")
        self._size = body.size
        self._body = body
        self._pace = pace
        self._stall = stall
        self._left = body.size
        self.trouble: Situation | None = None

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        raise TypeError("a body is never held as one string")

    async def write(self, writer: AbstractStreamWriter) -> None:
        await self.write_with_length(writer, None)

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        try:
            async for piece in self._body.stream():
                view = memoryview(piece)
                for start in range(0, len(view), _SLICE):
                    await self._slice(writer, view[start : start + _SLICE])
        except DeferredError:
            self.trouble = Situation.SPOOL_LOST
            raise

    @property
    def complete(self) -> bool:
        """Whether the backend may have all of it; said before the last byte goes, not after."""
        return self._left <= 0

    async def _slice(self, writer: AbstractStreamWriter, data: memoryview) -> None:
        await self._pace.take(len(data))
        self._left -= len(data)
        try:
            async with asyncio.timeout(self._stall):
                await writer.write(data)
        except TimeoutError:
            self.trouble = Situation.STALLED
            raise


def _invalid(parcels: Sequence[Parcel], error: RefusedError) -> Answer:
    """A field that does not follow the contract: find out whose, send nothing."""
    detail = f"{Situation.INVALID.value} {error.outcome.detail}"
    if len(parcels) > 1:
        return Answer(Verdict.SPLIT, error.outcome.reason, detail=detail)
    return Answer(Verdict.QUARANTINE, error.outcome.reason, detail=detail, culprit=parcels[0].key)


# In this order: the first match wins, and the library's classes overlap.
_SITUATIONS: tuple[tuple[type[BaseException], Situation], ...] = (
    (aiohttp.ClientConnectorDNSError, Situation.UNRESOLVED),
    (aiohttp.ClientConnectorCertificateError, Situation.TLS_UNTRUSTED),
    (aiohttp.ClientSSLError, Situation.TLS_FAILED),
    (aiohttp.ClientProxyConnectionError, Situation.UNCONNECTED),
    (aiohttp.ClientHttpProxyError, Situation.PROXY_REFUSED),
    (ssl.SSLError, Situation.TLS_FAILED),
    (aiohttp.ConnectionTimeoutError, Situation.CONNECT_TIMEOUT),
    (aiohttp.SocketTimeoutError, Situation.ANSWER_TIMEOUT),
    (aiohttp.ClientConnectorError, Situation.UNCONNECTED),
    (aiohttp.ClientPayloadError, Situation.ANSWER_CUT),
    (aiohttp.ClientResponseError, Situation.ANSWER_BROKEN),
    (TimeoutError, Situation.TOO_SLOW),
    (ValueError, Situation.ANSWER_BROKEN),
)


def _situation(error: BaseException) -> Situation:
    if isinstance(error, aiohttp.ClientHttpProxyError) and error.status >= 500:
        return Situation.UNCONNECTED
    if isinstance(error.__cause__, ssl.SSLError) and not isinstance(error, aiohttp.ClientSSLError):
        return Situation.TLS_FAILED  # an alert after the handshake, e.g. to our certificate
    return next((s for kind, s in _SITUATIONS if isinstance(error, kind)), Situation.RESET)
