"""The page's routes: three static files, and JSON for what they show and ask.

Whatever changes something, or shows what a patient could be known by, is a POST with this
process's token in a header, which no other site's page can read or send.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from importlib import resources
from typing import Any, Protocol

from aiohttp import web

from watcher.errors import NotPossibleError
from watcher.page.caller import Caller, caller_of

TOKEN_HEADER = "X-Watcher-Token"  # noqa: S105 - its name
_FILES: Mapping[str, tuple[str, str]] = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/review.js": ("review.js", "text/javascript"),
}
_BODY = 1 << 20
Told = dict[str, Any]


class Desk(Protocol):
    """Who knows and does it. Raises NotPossibleError with a sentence for the person."""

    async def overview(self) -> Told:
        """Everything at one moment."""
        ...

    async def history(self, hours: int) -> Told:
        """Counts by customer over time."""
        ...

    async def held(self) -> Told:
        """What is in quarantine."""
        ...

    async def look(self, wish: Told, caller: Caller) -> Told:
        """One file as a person is shown it."""
        ...

    async def decide(self, wish: Told, caller: Caller) -> Told:
        """What a person decides about it."""
        ...


def routes(desk: Desk) -> list[web.AbstractRouteDef]:
    """All of them."""
    token = secrets.token_urlsafe(32)

    async def session(request: web.Request) -> web.Response:
        if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            raise web.HTTPForbidden(text="another site's page asked\n")
        return web.json_response({"token": token})

    async def overview(_: web.Request) -> web.Response:
        return web.json_response(await desk.overview())

    async def history(request: web.Request) -> web.Response:
        asked = request.query.get("hours", "24")
        if asked not in ("24", "168"):
            raise web.HTTPBadRequest(text="hours is 24 or 168\n")
        return web.json_response(await desk.history(int(asked)))

    async def held(_: web.Request) -> web.Response:
        return web.json_response(await desk.held())

    async def no_icon(_: web.Request) -> web.Response:
        return web.Response(status=204)  # every browser asks

    return [
        web.get("/favicon.ico", no_icon),
        *(web.get(path, _static(*file)) for path, file in _FILES.items()),
        web.get("/api/session", session),
        web.get("/api/overview", overview),
        web.get("/api/history", history),
        web.get("/api/held", held),
        web.post("/api/look", _asked(token, desk.look)),
        web.post("/api/decide", _asked(token, desk.decide)),
    ]


def _static(name: str, kind: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    body = resources.files("watcher.page").joinpath(name).read_bytes()

    async def serve(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type=kind, charset="utf-8")

    return serve


def _asked(
    token: str, work: Callable[[Told, Caller], Awaitable[Told]]
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        if not hmac.compare_digest(request.headers.get(TOKEN_HEADER, "").encode(), token.encode()):
            raise web.HTTPForbidden(text="the page's own token is missing: load the page again\n")
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="JSON\n")
        try:
            return web.json_response(await work(await _wish(request), caller_of(request)))
        except NotPossibleError as refusal:
            return web.json_response({"error": str(refusal)}, status=409)

    return handle


async def _wish(request: web.Request) -> Told:
    body = await request.content.read(_BODY)
    try:
        wish = json.loads(body)
    except ValueError:
        raise web.HTTPBadRequest(text="not JSON\n") from None
    if not isinstance(wish, dict) or not isinstance(wish.get("id", ""), str):
        raise web.HTTPBadRequest(text="a JSON object\n")
    return wish
