"""The page's own parts without a gateway: who is named, over a socket or with a token; counts."""

from __future__ import annotations

import base64
import os
import pwd
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from watcher.auditing import is_ours
from watcher.model import Signature, State
from watcher.observe import serve
from watcher.options import ObserveOptions
from watcher.page.caller import Caller
from watcher.page.routes import routes
from watcher.store.database import connect
from watcher.store.history import Count, counts
from watcher.store.ledger import Ledger
from watcher.store.records import Move

TOKEN = "a-long-token"


@dataclass
class Desk:
    """Remembers who asked."""

    callers: list[Caller] = field(default_factory=list)

    async def overview(self) -> dict[str, Any]:
        return {}

    async def history(self, hours: int) -> dict[str, Any]:
        return {"hours": hours}

    async def held(self) -> dict[str, Any]:
        return {}

    async def look(self, wish: dict[str, Any], caller: Caller) -> dict[str, Any]:
        self.callers.append(caller)
        return wish

    async def decide(self, wish: dict[str, Any], caller: Caller) -> dict[str, Any]:
        return await self.look(wish, caller)


async def ask(http: aiohttp.ClientSession, url: str, path: str) -> int:
    """One look, as the page asks for it."""
    async with http.get(f"{url}api/session") as answer:
        if answer.status != 200:
            return answer.status
        token = (await answer.json())["token"]
    headers = {"X-Watcher-Token": token}
    async with http.post(f"{url}{path}", json={"id": "x"}, headers=headers) as answer:
        return answer.status


async def test_over_the_socket_the_kernel_says_who(tmp_path: Path) -> None:
    """Mode 0600, and the uid of the peer."""
    desk = Desk()
    served = await serve.start(ObserveOptions(listen="socket"), tmp_path, routes(desk))
    assert served is not None
    connector = aiohttp.UnixConnector(str(tmp_path / serve.SOCKET))
    try:
        async with aiohttp.ClientSession(connector=connector) as http:
            assert await ask(http, "http://localhost/", "api/look") == 200
    finally:
        await served.stop()
    assert desk.callers == [Caller(os.getuid(), "", "")]


@pytest.mark.parametrize(("name", "named"), [("anna", "anna"), ("<b>", ""), ("", "")])
async def test_with_a_token_a_person_says_who(tmp_path: Path, name: str, named: str) -> None:
    """What is typed beside the token is a name of a checked form, or none; no token, no page."""
    desk, options = Desk(), ObserveOptions(listen="127.0.0.1:0")
    served = await serve.start(options, tmp_path, routes(desk), token=TOKEN)
    assert served is not None
    try:
        async with aiohttp.ClientSession() as stranger:
            assert await ask(stranger, served.address, "api/look") == 401
        basic = "Basic " + base64.b64encode(f"{name}:{TOKEN}".encode()).decode()
        async with aiohttp.ClientSession(headers={"Authorization": basic}) as http:
            assert await ask(http, served.address, "api/look") == 200
    finally:
        await served.stop()
    assert desk.callers == [Caller(os.getuid(), named, "")]


def test_who_may_review_without_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root, ourselves and our group; not another user, nor one whom the kernel does not know."""
    assert is_ours(0)
    assert is_ours(os.getuid())
    assert not is_ours(None)
    assert not is_ours(4_000_000)
    stranger = pwd.getpwnam("nobody")
    monkeypatch.setattr(os, "getgid", lambda: stranger.pw_gid + 1)
    assert not is_ours(stranger.pw_uid)
    monkeypatch.setattr(os, "getgid", lambda: stranger.pw_gid)
    assert is_ours(stranger.pw_uid)


@pytest.mark.parametrize("events", [0, 1, 7, 100])
def test_history_counts_what_came_to_an_end(tmp_path: Path, events: int) -> None:
    """Each end once, in the stretch it fell into; nothing from before."""
    db = connect(tmp_path / "ledger.sqlite")
    ledger = Ledger(db)
    for number in range(events):
        at = 1000.0 + 10 * number
        signature = Signature(1, number, 1, 1)
        ((id_, _),) = ledger.admit([("north", f"{number}", signature)], at)
        state = State.EXCLUDED if number % 2 else State.QUARANTINED
        ledger.move(id_, Move(state), at)
    since = 1000.0 + 10 * (events // 2)
    found = counts(db, since, 100.0)
    db.close()
    wanted: dict[tuple[float, str], int] = {}
    for number in range(events // 2, events):
        key = ((1000 + 10 * number) // 100 * 100.0, "excluded" if number % 2 else "quarantined")
        wanted[key] = wanted.get(key, 0) + 1
    assert {(count.start, count.state): count.n for count in found} == wanted
    assert all(isinstance(count, Count) and count.customer == "north" for count in found)
