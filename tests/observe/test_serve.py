"""Who may ask the gateway's own web server, and how it listens."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from watcher.errors import ConfigError
from watcher.observe import serve
from watcher.options import ObserveOptions

ANYWHERE = ObserveOptions(listen="127.0.0.1:0")


async def _hello(_: web.Request) -> web.Response:
    return web.Response(text="hello")


ROUTES = [web.get("/hello", _hello), web.post("/hello", _hello)]


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    """A client."""
    async with aiohttp.ClientSession() as session:
        yield session


async def status(
    client: aiohttp.ClientSession, url: str, method: str = "GET", **headers: str
) -> int:
    """The status of one request."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.request(method, f"{url}hello", headers=named) as answer:
        return answer.status


async def test_a_page_on_loopback_answers_to_its_own_names_only(
    tmp_path: Path, client: aiohttp.ClientSession
) -> None:
    """A stranger's name that is led to 127.0.0.1 would let his page read ours."""
    served = await serve.start(ANYWHERE, tmp_path, ROUTES)
    assert served is not None
    port = served.address.rstrip("/").rpartition(":")[2]
    assert await status(client, served.address) == 200
    assert await status(client, served.address, Host=f"localhost:{port}") == 200
    assert await status(client, served.address, Host="evil.example") == 421
    assert await status(client, served.address, Host=f"127.0.0.1.evil.example:{port}") == 421
    await served.stop()


async def test_no_other_site_may_act(tmp_path: Path, client: aiohttp.ClientSession) -> None:
    """A POST from a foreign page is refused; one from our own is not."""
    served = await serve.start(ANYWHERE, tmp_path, ROUTES)
    assert served is not None
    own = served.address.rstrip("/")
    assert await status(client, served.address, "POST", Origin=own) == 200
    assert await status(client, served.address, "POST") == 200
    assert await status(client, served.address, "POST", Origin="https://evil.example") == 403
    assert await status(client, served.address, "POST", Origin="null") == 403
    await served.stop()


async def test_a_token_is_asked_of_everybody(tmp_path: Path, client: aiohttp.ClientSession) -> None:
    """As a bearer token or as a browser's password; nothing else opens."""
    served = await serve.start(ANYWHERE, tmp_path, ROUTES, token="sesame")
    assert served is not None
    basic = aiohttp.encode_basic_auth("anybody", "sesame")
    wrong = aiohttp.encode_basic_auth("sesame", "wrong")
    assert await status(client, served.address) == 401
    assert await status(client, served.address, Authorization="Bearer sesame") == 200
    assert await status(client, served.address, Authorization=basic) == 200
    for shown in (wrong, "Bearer sesam", "Bearer", "Basic !!", "sesame", "Basic c2VzYW1l"):
        assert await status(client, served.address, Authorization=shown) == 401
    await served.stop()


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "192.0.2.1:80", "box.example:80"])
def test_other_machines_need_a_token_and_tls(listen: str) -> None:
    """What is shown there may name patients' files to a person who reviews them."""
    options = ObserveOptions(listen=listen)
    with pytest.raises(ConfigError, match="token_file"):
        serve.check(options, None, None)
    with pytest.raises(ConfigError, match="tls_certificate"):
        serve.check(options, "sesame", None)
    serve.check(options.model_copy(update={"plain_http": True}), "sesame", None)


async def test_a_socket_belongs_to_its_owner(tmp_path: Path, client: aiohttp.ClientSession) -> None:
    """Mode 0600, below a folder with a long name too, and a stale one is replaced."""
    state = tmp_path / ("long" * 40)
    state.mkdir()
    for _ in range(2):
        served = await serve.start(ObserveOptions(listen="socket"), state, ROUTES)
        assert served is not None
        assert stat.S_IMODE((state / serve.SOCKET).stat().st_mode) == 0o600
        link = tmp_path / "s"
        link.unlink(missing_ok=True)
        link.symlink_to(state)
        connector = aiohttp.UnixConnector(str(link / serve.SOCKET))
        async with aiohttp.ClientSession(connector=connector) as local:
            assert await status(local, "http://whatever/") == 200
        await served.stop()


async def test_off_is_off(tmp_path: Path) -> None:
    """Nothing listens."""
    assert await serve.start(ObserveOptions(listen="off"), tmp_path, ROUTES) is None


async def test_a_taken_port_is_told(tmp_path: Path) -> None:
    """To whoever started it, who decides; the gateway goes on without a page."""
    served = await serve.start(ANYWHERE, tmp_path, ROUTES)
    assert served is not None
    port = served.address.rstrip("/").rpartition(":")[2]
    with pytest.raises(OSError, match="address"):
        await serve.start(ObserveOptions(listen=f"127.0.0.1:{port}"), tmp_path, ROUTES)
    await served.stop()


async def test_no_answer_is_kept_or_framed(tmp_path: Path, client: aiohttp.ClientSession) -> None:
    """Each carries the headers that keep it out of caches and other pages."""
    served = await serve.start(ANYWHERE, tmp_path, ROUTES)
    assert served is not None
    for path in ("hello", "nowhere"):
        async with client.get(f"{served.address}{path}") as answer:
            assert answer.headers["Cache-Control"] == "no-store"
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
    await served.stop()
