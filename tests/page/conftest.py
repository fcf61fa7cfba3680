"""A real gateway with its page, and refused ultrasounds for a person to review."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.page.pictures import ultrasound
from tests.way.box import Box
from tests.way.conftest import backend, faults
from tests.way.images import drop
from watcher.receiver.app import Running

__all__ = ["backend", "faults"]

RECIPE = "FORMAT dicom\n\n%filter graylist\n\nLABEL nobody\n  equals Manufacturer NOBODY\n"


class PageBox(Box):
    """A box that serves the page."""

    @property
    def settings(self) -> Path:
        path = super().settings
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace('listen = "off"', 'listen = "127.0.0.1:0"'), encoding="utf-8")
        return path


@dataclass
class Site:
    """The box, the page's address, a browser's honest requests, and the ids in quarantine."""

    box: Box
    url: str
    http: aiohttp.ClientSession
    ids: list[str]

    async def post(self, path: str, wish: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """As the page's own script does."""
        async with self.http.get(f"{self.url}api/session") as answer:
            token = (await answer.json())["token"]
        headers = {"X-Watcher-Token": token, "Origin": self.url.rstrip("/")}
        async with self.http.post(f"{self.url}{path}", json=wish, headers=headers) as answer:
            return answer.status, await answer.json()

    async def until(self, state: str, id_: str) -> str:
        """Wait until an instance is there; returns its detail."""
        for _ in range(600):
            with self.box.ledger() as db:
                found = db.execute(
                    "SELECT state, detail FROM instances WHERE id = ?", (id_,)
                ).fetchone()
            if found[0] == state:
                return str(found[1])
            await asyncio.sleep(0.1)
        raise AssertionError(f"{id_} is {found[0]}: {found[1]}")

    async def delivered(self, wanted: int) -> None:
        """Wait until so many are."""
        for _ in range(900):
            if self.box.states()["delivered"] == wanted:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(self.box.reasons())

    async def refused(self, id_: str, detail: str) -> None:
        """Wait until it is back in quarantine for this."""
        for _ in range(600):
            if await self.until("quarantined", id_) == detail:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(await self.until("quarantined", id_))

    def told(self) -> list[tuple[str, str, str]]:
        """The audit as (deed, id, actor)."""
        with self.box.ledger() as db:
            found = db.execute(
                "SELECT deed, id, json_extract(line, '$.actor') FROM audit ORDER BY seq"
            )
            return [tuple(row) for row in found][1:]


@pytest.fixture
async def site(tmp_path: Path, backend: Running) -> AsyncIterator[Site]:
    """Two ultrasounds of one device, refused."""
    home = tmp_path / "box"
    home.mkdir()
    (home / "site.recipe").write_text(RECIPE + "  coordinates 0,0,1,1\n")
    box = PageBox(home, backend.url, '[pixels]\nrecipe = "site.recipe"\n')
    for number in (1, 2):
        drop(ultrasound(number), box.drop / "north", f"{number}.dcm")
    gateway = await box.start("run", "--settings", str(box.settings))
    assert gateway.stdout is not None
    said = b""
    while b"Log  " not in said:
        line = await asyncio.wait_for(gateway.stdout.readline(), 60)
        assert line, said
        said += line
    rest = asyncio.create_task(gateway.stdout.read())
    address = re.search(rb"Page +(http://\S+)", said)
    assert address is not None, said
    try:
        async with aiohttp.ClientSession() as http:
            yield Site(box, address[1].decode(), http, await _quarantined(box, 2))
    finally:
        gateway.terminate()
        await gateway.wait()
        await rest


async def _quarantined(box: Box, wanted: int) -> list[str]:
    for _ in range(900):
        with box.ledger() as db:
            found = db.execute("SELECT id FROM instances WHERE state = 'quarantined'").fetchall()
        if len(found) == wanted:
            return [id_ for (id_,) in found]
        await asyncio.sleep(0.1)
    raise AssertionError("nothing was refused")
