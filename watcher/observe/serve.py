"""The gateway's own web server: where it listens and who may ask. What it shows comes from others.

    routes = [web.get("/livez", ...), ...]        # whoever has something to show gives these
    served = await start(options, state, routes, token=..., tls=...)

Here and in `watcher.receiver` aiohttp's server is at home.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import os
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from yarl import URL

from watcher.errors import ConfigError
from watcher.options import ObserveOptions

SOCKET = "http.sock"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Served:
    """A server that listens at `address`: a URL, or `unix:PATH`."""

    address: str
    _runner: web.AppRunner

    async def stop(self) -> None:
        """Stop listening and end what is under way."""
        await self._runner.cleanup()


async def start(
    options: ObserveOptions,
    state: Path,
    routes: Iterable[web.AbstractRouteDef],
    *,
    token: str | None = None,
    tls: ssl.SSLContext | None = None,
) -> Served | None:
    """Listen as `options.listen` says; None when that is "off".

    Raises ConfigError where other machines could ask without a token or without TLS, and OSError
    when the address is taken.
    """
    if options.listen == "off":
        return None
    check(options, token, tls)
    app = web.Application(middlewares=_guards(options, token))
    app.add_routes(routes)
    app.on_response_prepare.append(_dress)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        return Served(await _listen(runner, options, state, tls), runner)
    except OSError:
        await runner.cleanup()
        raise


def check(options: ObserveOptions, token: str | None, tls: ssl.SSLContext | None) -> None:
    """Raises ConfigError where these settings would show the page to whoever asks."""
    if options.listen in ("off", "socket") or _is_loopback(_host(options)):
        return
    if token is None:
        raise ConfigError("observe.listen: other machines can ask there; set observe.token_file")
    if tls is None and not options.plain_http:
        raise ConfigError(
            "observe.listen: other machines can ask there; set observe.tls_certificate and "
            "observe.tls_key, or observe.plain_http where the way to it is private"
        )


async def _listen(
    runner: web.AppRunner, options: ObserveOptions, state: Path, tls: ssl.SSLContext | None
) -> str:
    if options.listen == "socket":
        await _listen_on_socket(runner, state)
        return f"unix:{state / SOCKET}"
    host = _host(options)
    await web.TCPSite(runner, host, int(options.listen.rpartition(":")[2]), ssl_context=tls).start()
    port = runner.addresses[0][1]
    return str(URL.build(scheme="https" if tls else "http", host=host, port=port, path="/"))


async def _listen_on_socket(runner: web.AppRunner, state: Path) -> None:
    # A socket's path holds 107 bytes at most; through /proc the folder's own length is free.
    folder = os.open(state, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    (state / SOCKET).unlink(missing_ok=True)
    before = os.umask(0o177)
    try:
        await web.UnixSite(runner, f"/proc/self/fd/{folder}/{SOCKET}").start()
    finally:
        os.umask(before)
        os.close(folder)


def _host(options: ObserveOptions) -> str:
    return options.listen.rpartition(":")[0].strip("[]")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _dress(_: web.Request, response: web.StreamResponse) -> None:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)


def _guards(options: ObserveOptions, token: str | None) -> list[Middleware]:
    guards: list[Middleware] = [_same_origin]
    if token is not None:
        guards.append(_with_token(token))
    elif options.listen != "socket":
        guards.append(_with_our_name(_LOOPBACK | {_host(options)}))
    return guards


@web.middleware
async def _same_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """No other site's page may act through an operator's browser."""
    origin = request.headers.get("Origin")
    foreign = origin is not None and origin.partition("://")[2] != request.host
    if foreign and request.method not in _SAFE:
        raise web.HTTPForbidden(text="another site's page asked\n")
    return await handler(request)


def _with_our_name(names: frozenset[str]) -> Middleware:
    """Without a token, only by names of this machine: a stranger's name may be led here (DNS)."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.host.rpartition(":")[0].strip("[]") not in names and request.host not in names:
            raise web.HTTPMisdirectedRequest(text="ask for 127.0.0.1\n")
        return await handler(request)

    return guard


def _with_token(token: str) -> Middleware:
    """The token, as a scraper's bearer token or as the password a browser asks for."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        shown = _shown(request.headers.get("Authorization", ""))
        if not hmac.compare_digest(shown.encode(), token.encode()):
            raise web.HTTPUnauthorized(
                headers={"WWW-Authenticate": 'Basic realm="watcher"'},
                text="the token of observe.token_file is asked for, as a bearer or a password\n",
            )
        return await handler(request)

    return guard


def _shown(authorization: str) -> str:
    kind, _, value = authorization.partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
