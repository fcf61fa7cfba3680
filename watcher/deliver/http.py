"""What every request of this room shares: the way through a proxy, and answers read in bounds."""

from __future__ import annotations

import base64
from typing import TypedDict

import aiohttp
from yarl import URL

from watcher.deliver.secret import Secret, load
from watcher.errors import ConfigError
from watcher.options import DeliverOptions

_ANSWER_MOST = 64 << 10


class ProxyArguments(TypedDict):
    """What aiohttp's request wants to know."""

    proxy: URL | None
    proxy_headers: dict[str, str] | None


class Proxy:
    """The configured proxy, if any. Raises ConfigError."""

    def __init__(self, options: DeliverOptions) -> None:
        self._url = _checked(options.proxy) if options.proxy else None
        self._password: Secret | None = None
        if options.proxy_secret:
            self._password = load(options.proxy_secret, "proxy_secret")

    def arguments(self) -> ProxyArguments:
        """For a request: with TLS the password goes into CONNECT, and only there."""
        return {"proxy": self._url, "proxy_headers": self._headers()}

    def headers(self, url: URL) -> dict[str, str]:
        """What the request itself must carry: without TLS there is no CONNECT."""
        return (self._headers() or {}) if url.scheme == "http" else {}

    def _headers(self) -> dict[str, str] | None:
        if self._url is None or self._password is None:
            return None
        return {"Proxy-Authorization": basic(self._password.reveal())}


def _checked(text: str) -> URL:
    url = URL(text)
    if url.scheme not in ("http", "https") or not url.host or url.user or url.password:
        raise ConfigError("proxy: must be http://HOST:PORT, without user or password")
    return url


def basic(user_and_password: str) -> str:
    """The value of an Authorization header (RFC 7617)."""
    return "Basic " + base64.b64encode(user_and_password.encode()).decode()


async def read(response: aiohttp.ClientResponse) -> bytes:
    """A whole answer; an empty one for more than 64 kB, which no answer of the contract has."""
    kept = bytearray()
    async for piece in response.content.iter_any():
        kept += piece
        if len(kept) > _ANSWER_MOST:
            response.close()
            return b""
    return bytes(kept)
