"""/livez, /readyz and /metrics: how the gateway is doing, for machines that ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from watcher.observe.metrics import CONTENT_TYPE

WELL = "ok"


@dataclass(frozen=True, slots=True)
class Condition:
    """What was looked at, by name, each `ok` or the trouble in a word.

    `vital` decides whether the process works at all, `needed` whether it takes in and sends
    images, `noted` is for the operator's eye only.
    """

    vital: Mapping[str, str]
    needed: Mapping[str, str]
    noted: Mapping[str, str]

    @property
    def alive(self) -> bool:
        """A restart would not help."""
        return all(word == WELL for word in self.vital.values())

    @property
    def ready(self) -> bool:
        """Alive, and images are taken in."""
        return self.alive and all(word == WELL for word in self.needed.values())


class Vitals(Protocol):
    """Who knows."""

    async def condition(self) -> Condition:
        """How it is doing."""
        ...

    async def exposition(self) -> bytes:
        """Every metric as text."""
        ...


def routes(vitals: Vitals) -> list[web.AbstractRouteDef]:
    """The three routes. A status of 503 means no; the body says what, as JSON."""

    async def livez(_: web.Request) -> web.Response:
        condition = await vitals.condition()
        return _answer(condition.alive, condition.vital)

    async def readyz(_: web.Request) -> web.Response:
        condition = await vitals.condition()
        checks = {**condition.vital, **condition.needed, **condition.noted}
        return _answer(condition.ready, checks)

    async def metrics(_: web.Request) -> web.Response:
        body = await vitals.exposition()
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})

    return [
        web.get("/livez", livez),
        web.get("/readyz", readyz),
        web.get("/metrics", metrics),
    ]


def _answer(well: bool, checks: Mapping[str, str]) -> web.Response:
    body = {"status": WELL if well else "not ok", "checks": dict(checks)}
    return web.json_response(body, status=200 if well else 503)
