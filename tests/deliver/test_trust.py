"""Whom we speak to and as whom: real certificates, real handshakes, real token endpoints."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import pickle
import socket
import ssl
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.deliver.parcels import MakeParcel
from tests.deliver.sockets import OK, Handler, answer, listening, read_request
from watcher.deliver.client import Destination
from watcher.deliver.credential import ClientCredentials, TokenError
from watcher.deliver.http import Proxy
from watcher.deliver.outcomes import Answer, Situation, Verdict
from watcher.deliver.secret import Secret, load
from watcher.deliver.trust import spki_sha256
from watcher.errors import ConfigError
from watcher.options import DeliverOptions

CANARY = "s3cr3t-canary-value"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Whom the tests trust."""
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    """Its certificate in a file."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def private(path: Path, text: str) -> Path:
    """A file as a careful person makes it."""
    path.write_text(text)
    path.chmod(0o600)
    return path


def served_by(leaf: trustme.LeafCert, **settings: Any) -> ssl.SSLContext:
    """A server's TLS context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    for name, value in settings.items():
        setattr(context, name, value)
    return context


def accepting(heads: list[bytes] | None = None) -> Handler:
    """Delivered, and what the request's head was."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, _ = await read_request(reader)
            if heads is not None:
                heads.append(head)
            writer.write(answer(200, OK))
            await writer.drain()

    return handler


async def over_tls(
    make_parcel: MakeParcel,
    server: ssl.SSLContext,
    heads: list[bytes] | None = None,
    **options: Any,
) -> Answer:
    """What a request to a TLS server comes to."""
    async with listening(accepting(heads), server) as url:
        return await to(url, make_parcel, **options)


async def to(url: str, make_parcel: MakeParcel, **options: Any) -> Answer:
    """What a request to this URL comes to."""
    async with Destination(DeliverOptions.model_validate({"url": url, **options})) as destination:
        return await destination.send([make_parcel()])


# -- TLS ---------------------------------------------------------------------------------------


async def test_a_trusted_server_is_spoken_to(
    make_parcel: MakeParcel, authority: trustme.CA, ca_file: Path
) -> None:
    """By the configured authority."""
    server = served_by(authority.issue_cert("localhost"))
    got = await over_tls(make_parcel, server, tls_ca=ca_file)
    assert got.verdict is Verdict.DELIVERED


async def test_an_unknown_authority(make_parcel: MakeParcel, authority: trustme.CA) -> None:
    """The system's own do not know it: nothing is sent, the destination is paused."""
    heads: list[bytes] = []
    got = await over_tls(make_parcel, served_by(authority.issue_cert("localhost")), heads)
    assert (got.verdict, got.detail) == (Verdict.PAUSE, Situation.TLS_UNTRUSTED)
    assert heads == []


async def test_another_authority(make_parcel: MakeParcel, ca_file: Path) -> None:
    """Of the same name even."""
    server = served_by(trustme.CA().issue_cert("localhost"))
    got = await over_tls(make_parcel, server, tls_ca=ca_file)
    assert (got.verdict, got.detail) == (Verdict.PAUSE, Situation.TLS_UNTRUSTED)


async def test_the_wrong_host(
    make_parcel: MakeParcel, authority: trustme.CA, ca_file: Path
) -> None:
    """A valid certificate of somebody else."""
    server = served_by(authority.issue_cert("backend.example"))
    got = await over_tls(make_parcel, server, tls_ca=ca_file)
    assert (got.verdict, got.detail) == (Verdict.PAUSE, Situation.TLS_UNTRUSTED)


async def test_an_expired_certificate(
    make_parcel: MakeParcel, authority: trustme.CA, ca_file: Path
) -> None:
    """By a day."""
    old = authority.issue_cert("localhost", not_after=datetime.now(UTC) - timedelta(days=1))
    got = await over_tls(make_parcel, served_by(old), tls_ca=ca_file)
    assert (got.verdict, got.detail) == (Verdict.PAUSE, Situation.TLS_UNTRUSTED)


async def test_tls_1_1_is_not_spoken(
    make_parcel: MakeParcel, authority: trustme.CA, ca_file: Path
) -> None:
    """1.2 at least."""
    server = served_by(authority.issue_cert("localhost"))
    server.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        server.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        server.maximum_version = ssl.TLSVersion.TLSv1_1
    with refusing(server) as url:
        got = await to(url, make_parcel, tls_ca=ca_file)
    assert (got.verdict, got.detail) == (Verdict.PAUSE, Situation.TLS_FAILED)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_1_2_and_1_3_are_spoken(
    make_parcel: MakeParcel, authority: trustme.CA, ca_file: Path, version: ssl.TLSVersion
) -> None:
    """Either."""
    leaf = authority.issue_cert("localhost")
    server = served_by(leaf, minimum_version=version, maximum_version=version)
    assert (await over_tls(make_parcel, server, tls_ca=ca_file)).verdict is Verdict.DELIVERED


async def test_https_to_a_server_without_tls(make_parcel: MakeParcel) -> None:
    """Set up wrongly."""

    async def puzzled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(16)
        writer.write(answer(400, b"not a request", "text/plain"))

    async with listening(puzzled) as url:
        got = await to(url.replace("http:", "https:"), make_parcel)
    assert (got.verdict, got.detail) == (Verdict.PAUSE, Situation.TLS_FAILED)


async def test_a_handshake_that_is_cut(make_parcel: MakeParcel) -> None:
    """Is the network's fault, not the certificate's."""

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(16)
        writer.transport.abort()

    async with listening(cut) as url:
        got = await to(url.replace("http:", "https:"), make_parcel)
    assert got.verdict is Verdict.LATER


async def test_a_handshake_that_never_ends(make_parcel: MakeParcel) -> None:
    """Ends with `connect_timeout`."""

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(16)
        await asyncio.sleep(30)

    async with listening(silent) as url:
        got = await asyncio.wait_for(
            to(url.replace("http:", "https:"), make_parcel, connect_timeout=0.3), 10
        )
    assert (got.verdict, got.detail) == (Verdict.LATER, Situation.CONNECT_TIMEOUT)


# -- pinning -----------------------------------------------------------------------------------


def pin(leaf: trustme.LeafCert) -> str:
    """As `openssl x509 -pubkey | openssl pkey -pubin -outform der | sha256 | base64` says it."""
    certificate = x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes())
    der = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


@pytest.mark.parametrize("kind", list(trustme.KeyType))
@pytest.mark.parametrize("names", [1, 400])
def test_the_fingerprint_of_a_key(kind: trustme.KeyType, names: int) -> None:
    """As the cryptography package says it, for short and long certificates."""
    leaf = trustme.CA().issue_cert(*(f"h{n}.example" for n in range(names)), key_type=kind)
    der = ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())
    assert base64.b64encode(spki_sha256(der)).decode() == pin(leaf)


@pytest.mark.parametrize("prefix", ["", "sha256//"])
async def test_a_pinned_key(
    make_parcel: MakeParcel, authority: trustme.CA, ca_file: Path, prefix: str
) -> None:
    """One of the pins is enough, so that a spare can be named."""
    leaf, spare = authority.issue_cert("localhost"), authority.issue_cert("localhost")
    pins = [prefix + pin(spare), prefix + pin(leaf)]
    got = await over_tls(make_parcel, served_by(leaf), tls_ca=ca_file, tls_pins=pins)
    assert got.verdict is Verdict.DELIVERED


async def test_a_revoked_pin(make_parcel: MakeParcel, authority: trustme.CA, ca_file: Path) -> None:
    """A certificate that is valid in every other way: not a byte of the request goes out."""
    leaf, other = authority.issue_cert("localhost"), authority.issue_cert("localhost")
    heads: list[bytes] = []
    got = await over_tls(make_parcel, served_by(leaf), heads, tls_ca=ca_file, tls_pins=[pin(other)])
    assert (got.verdict, got.detail) == (Verdict.PAUSE, Situation.TLS_UNTRUSTED)
    assert heads == []


async def test_a_pin_does_not_replace_the_authority(
    make_parcel: MakeParcel, authority: trustme.CA
) -> None:
    """It is asked for besides."""
    leaf = authority.issue_cert("localhost")
    got = await over_tls(make_parcel, served_by(leaf), tls_pins=[pin(leaf)])
    assert (got.verdict, got.detail) == (Verdict.PAUSE, Situation.TLS_UNTRUSTED)


@contextmanager
def refusing(server: ssl.SSLContext) -> Iterator[str]:
    """A server on a plain blocking socket: asyncio's drops the connection without an alert."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def serve() -> None:
            try:
                raw, _ = listener.accept()
            except TimeoutError:
                return
            with server.wrap_socket(raw, server_side=True, do_handshake_on_connect=False) as tls:
                with suppress(ssl.SSLError):
                    tls.do_handshake()
                # What is unread at the close would make it a reset, which may overtake the alert.
                tls.shutdown(socket.SHUT_WR)
                with suppress(OSError):
                    while socket.socket.recv(tls, 1 << 16):
                        pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"https://localhost:{listener.getsockname()[1]}"
        finally:
            thread.join()


# -- mutual TLS --------------------------------------------------------------------------------


def asking(authority: trustme.CA, version: ssl.TLSVersion) -> ssl.SSLContext:
    """A server that wants to see a certificate."""
    server = served_by(authority.issue_cert("localhost"), minimum_version=version)
    server.maximum_version = version
    server.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(server)
    return server


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_mutual_tls(
    make_parcel: MakeParcel,
    authority: trustme.CA,
    ca_file: Path,
    tmp_path: Path,
    version: ssl.TLSVersion,
) -> None:
    """With our certificate it works; without one the destination is set up wrongly.

    In TLS 1.3 the server says so only after the handshake; its word may be lost in the reset.
    """
    ours = authority.issue_cert("gateway.example")
    certificate = tmp_path / "client.pem"
    ours.cert_chain_pems[0].write_to_path(certificate)
    key = private(tmp_path / "client.key", ours.private_key_pem.bytes().decode())
    server = asking(authority, version)
    options: dict[str, Any] = {"tls_certificate": certificate, "tls_key": key}
    got = await over_tls(make_parcel, server, tls_ca=ca_file, **options)
    assert got.verdict is Verdict.DELIVERED
    with refusing(server) as url:
        got = await to(url, make_parcel, tls_ca=ca_file)
    heard = (Verdict.PAUSE, Situation.TLS_FAILED)
    unheard = (Verdict.LATER, Situation.RESET)
    late = version is ssl.TLSVersion.TLSv1_3
    assert (got.verdict, got.detail) in ({heard, unheard} if late else {heard})


# -- what refuses the start --------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://backend.example",
        "http://192.168.1.20:8080",
        "http://localhost.example",
        "http://127.0.0.1.example",
        "ftp://localhost",
        "localhost:8080",
        "",
        "embedded",
        "https://",
        f"https://user:{CANARY}@backend.example",
        f"https://backend.example/?key={CANARY}",
        "https://backend.example/#x",
    ],
)
def test_a_url_that_is_refused(url: str) -> None:
    """No plain http to another machine, no secret in a URL."""
    with pytest.raises(ConfigError) as caught:
        Destination(DeliverOptions(url=url))
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:1",
        "http://127.0.0.1:1",
        "http://127.9.9.9",
        "http://[::1]:1",
        "https://backend.example/base/",
        "http://allowed.example",
    ],
)
def test_a_url_that_is_taken(url: str) -> None:
    """https anywhere, plain http to loopback or to a host allowed by name."""
    Destination(DeliverOptions(url=url, plain_http_hosts=("allowed.example",)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"tls_ca": "/nowhere.pem"},
        {"tls_certificate": "/nowhere.pem"},
        {"tls_key": "/nowhere.pem"},
        {"tls_certificate": "/nowhere.pem", "tls_key": "/nowhere.pem"},
        {"tls_pins": ["not base64!"]},
        {"tls_pins": ["c2hvcnQ="]},
        {"auth": "bearer"},
        {"auth": "api-key"},
        {"auth": "oauth2"},
        {"auth": "oauth2", "secret": "env:HOME"},
        {"auth": "oauth2", "secret": "env:HOME", "oauth_client_id": "a"},
        {
            "auth": "oauth2",
            "secret": "env:HOME",
            "oauth_client_id": "a",
            "oauth_token_url": "http://tokens.example",
        },
        {"auth": "bearer", "secret": "env:NO_SUCH_NAME_HERE"},
        {"auth": "bearer", "secret": "file:/nowhere"},
        {"auth": "bearer", "secret": "file:/dev/null"},
        {"auth": "bearer", "secret": "file:/"},
        {"proxy": "socks5://proxy.example"},
        {"proxy": f"http://user:{CANARY}@proxy.example"},
    ],
)
def test_settings_that_refuse_the_start(wrong: dict[str, Any]) -> None:
    """Before a single image is looked at."""
    with pytest.raises(ConfigError) as caught:
        Destination(DeliverOptions.model_validate({"url": "https://backend.example", **wrong}))
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("setting", ["secret", "proxy_secret"])
def test_a_secret_itself_is_no_setting(setting: str) -> None:
    """The main settings file is no place for it, and the refusal does not repeat it."""
    with pytest.raises(ValueError, match=setting) as caught:
        DeliverOptions.model_validate({setting: CANARY})
    assert "file" in str(caught.value)
    assert CANARY not in f"{caught.value} {caught.value!r}"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o777, 0o610])
def test_a_file_that_others_can_open_refuses_the_start(tmp_path: Path, mode: int) -> None:
    """A secret and a private key alike; the message says what to do and not what is in it."""
    path = tmp_path / "key"
    path.write_text(CANARY)
    path.chmod(mode)
    for wrong in (
        {"auth": "bearer", "secret": f"file:{path}"},
        {"tls_certificate": path, "tls_key": path},
    ):
        with pytest.raises(ConfigError, match="chmod 600") as caught:
            Destination(DeliverOptions.model_validate({"url": "https://b.example", **wrong}))
        assert CANARY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("content", ["", "  \n", "line\none", "nul\0", "schlüssel", "\x7f"])
def test_a_secret_that_no_header_can_carry(tmp_path: Path, content: str) -> None:
    """Empty, or made to inject a header."""
    with pytest.raises(ConfigError):
        load(f"file:{private(tmp_path / 's', content)}", "secret")


def test_a_secret_never_shows(tmp_path: Path) -> None:
    """Not printed, formatted, pickled or compared by accident."""
    secret = load(f"file:{private(tmp_path / 's', CANARY + chr(10))}", "secret")
    assert secret.reveal() == CANARY
    assert CANARY not in f"{secret} {secret!r} {[secret]} {vars(Destination)}"
    assert secret == Secret(CANARY) != Secret("other")
    with pytest.raises(TypeError):
        pickle.dumps(secret)


# -- identifying ourselves ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "header", "value"),
    [
        ({"auth": "bearer"}, b"Authorization", b"Bearer " + CANARY.encode()),
        ({"auth": "api-key"}, b"X-API-Key", CANARY.encode()),
        ({"auth": "api-key", "api_key_header": "X-Site"}, b"X-Site", CANARY.encode()),
    ],
)
async def test_a_fixed_secret(
    make_parcel: MakeParcel, tmp_path: Path, options: dict[str, Any], header: bytes, value: bytes
) -> None:
    """In its header, once."""
    heads: list[bytes] = []
    secret = f"file:{private(tmp_path / 's', CANARY)}"
    async with listening(accepting(heads)) as url:
        await to(url, make_parcel, secret=secret, **options)
    assert heads[0].count(header + b": " + value + b"\r\n") == 1


async def test_a_secret_from_the_environment(
    make_parcel: MakeParcel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name."""
    monkeypatch.setenv("BACKEND_TOKEN", CANARY)
    heads: list[bytes] = []
    async with listening(accepting(heads)) as url:
        await to(url, make_parcel, auth="bearer", secret="env:BACKEND_TOKEN")
    assert f"Bearer {CANARY}".encode() in heads[0]


async def test_a_changed_token_is_read_again(make_parcel: MakeParcel, tmp_path: Path) -> None:
    """After a 401, and only if there is a new one; then the same request succeeds."""
    path = private(tmp_path / "s", "old-token")
    heads: list[bytes] = []

    async def strict(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, _ = await read_request(reader)
            heads.append(head)
            writer.write(answer(200, OK) if b"new-token" in head else answer(401))
            await writer.drain()

    async with listening(strict) as url:
        options = DeliverOptions(url=url, auth="bearer", secret=f"file:{path}")
        async with Destination(options) as destination:
            assert (await destination.send([make_parcel()])).verdict is Verdict.PAUSE
            assert len(heads) == 1
            private(path, "new-token")
            assert (await destination.send([make_parcel()])).verdict is Verdict.DELIVERED
            assert len(heads) == 3


class TokenEndpoint:
    """An OAuth2 server and a backend that takes its newest tokens only."""

    def __init__(self, life: float = 3600, delay: float = 0.0) -> None:
        self.life = life
        self.delay = delay
        self.replies: list[bytes] = []
        self.requests: list[tuple[bytes, bytes]] = []
        self.valid: set[str] = set()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, body = await read_request(reader)
            if b"/token " in head.split(b"\r\n")[0]:
                self.requests.append((head, body))
                await asyncio.sleep(self.delay)
                writer.write(self.replies.pop(0) if self.replies else self.token())
            else:
                token = head.split(b"Authorization: Bearer ")[1].split(b"\r\n")[0].decode()
                writer.write(answer(200, OK) if token in self.valid else answer(401))
            await writer.drain()

    def token(self) -> bytes:
        """A new token."""
        name = f"token-{len(self.requests)}"
        self.valid.add(name)
        text = f'{{"access_token":"{name}","token_type":"Bearer","expires_in":{self.life}}}'
        return answer(200, text.encode())


def oauth_options(url: str, tmp_path: Path, **more: Any) -> DeliverOptions:
    """Settings that ask for tokens."""
    return DeliverOptions(
        url=url,
        auth="oauth2",
        secret=f"file:{private(tmp_path / 's', CANARY)}",
        oauth_client_id="gate:way",
        oauth_token_url=f"{url}/token",
        **more,
    )


def oauth(url: str, tmp_path: Path, **more: Any) -> Destination:
    """A destination that asks for tokens."""
    return Destination(oauth_options(url, tmp_path, **more))


async def test_client_credentials(make_parcel: MakeParcel, tmp_path: Path) -> None:
    """RFC 6749 4.4: asked for once, used for all; id and secret encoded as 2.3.1 says."""
    endpoint = TokenEndpoint()
    async with listening(endpoint) as url, oauth(url, tmp_path, oauth_scope="up") as destination:
        for _ in range(3):
            assert (await destination.send([make_parcel()])).verdict is Verdict.DELIVERED
    assert len(endpoint.requests) == 1
    head, body = endpoint.requests[0]
    assert body == b"grant_type=client_credentials&scope=up"
    basic = base64.b64encode(f"gate%3Away:{CANARY}".encode())
    assert b"Authorization: Basic " + basic in head


async def test_one_refresh_at_a_time(make_parcel: MakeParcel, tmp_path: Path) -> None:
    """Twenty requests at once ask for one token."""
    endpoint = TokenEndpoint(delay=0.1)
    async with listening(endpoint) as url, oauth(url, tmp_path) as destination:
        parcels = [make_parcel() for _ in range(20)]
        answers = await asyncio.gather(*(destination.send([p]) for p in parcels))
    assert {a.verdict for a in answers} == {Verdict.DELIVERED}
    assert len(endpoint.requests) == 1


async def test_refreshed_ahead_of_expiry(tmp_path: Path) -> None:
    """While the old token still holds; and if that fails, the old one is used to its end."""
    endpoint = TokenEndpoint(life=100.0)
    now = 1000.0
    async with listening(endpoint) as url, aiohttp.ClientSession() as session:
        options = oauth_options(url, tmp_path)
        credentials = ClientCredentials(options, Proxy(options), clock=lambda: now)

        async def used(at: float) -> str:
            nonlocal now
            now = at
            return (await credentials.headers(session))["Authorization"]

        assert await used(1000) == await used(1079) == "Bearer token-1"
        endpoint.replies.append(answer(503))
        assert await used(1085) == "Bearer token-1"
        assert await used(1086) == "Bearer token-3"
        endpoint.replies += [answer(503), answer(503)]
        assert await used(1180) == "Bearer token-3"
        with pytest.raises(TokenError):
            await used(1186)


async def test_a_revoked_token_is_replaced_at_once(make_parcel: MakeParcel, tmp_path: Path) -> None:
    """A 401 costs one more request, not a pause; a second 401 is a pause."""
    endpoint = TokenEndpoint()
    async with listening(endpoint) as url, oauth(url, tmp_path) as destination:
        await destination.send([make_parcel()])
        endpoint.valid.clear()
        assert (await destination.send([make_parcel()])).verdict is Verdict.DELIVERED
        endpoint.valid.clear()
        endpoint.replies.append(answer(200, b'{"access_token":"dud"}'))
        assert (await destination.send([make_parcel()])).verdict is Verdict.PAUSE


@pytest.mark.parametrize(
    ("reply", "verdict", "detail"),
    [
        (answer(400, b'{"error":"invalid_scope"}'), Verdict.PAUSE, Situation.TOKEN_REFUSED),
        (answer(401, b'{"error":"invalid_client"}'), Verdict.PAUSE, Situation.TOKEN_REFUSED),
        (answer(500), Verdict.LATER, Situation.TOKEN_UNAVAILABLE),
        (answer(302, b"", "x/y", "Location: /v1"), Verdict.LATER, Situation.TOKEN_UNAVAILABLE),
        (answer(200, b"<html>"), Verdict.LATER, Situation.TOKEN_UNAVAILABLE),
        (answer(200, b"[]"), Verdict.LATER, Situation.TOKEN_UNAVAILABLE),
        (answer(200, b'{"access_token":7}'), Verdict.LATER, Situation.TOKEN_UNAVAILABLE),
        (
            answer(200, b'{"access_token":"a\\r\\nX: y"}'),
            Verdict.LATER,
            Situation.TOKEN_UNAVAILABLE,
        ),
        (b"", Verdict.LATER, Situation.TOKEN_UNAVAILABLE),
    ],
)
async def test_no_token(
    make_parcel: MakeParcel, tmp_path: Path, reply: bytes, verdict: Verdict, detail: Situation
) -> None:
    """Refused is a pause, anything else is later; the image is not sent without one."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, _ = await read_request(reader)
        assert head.startswith(b"POST /token")
        writer.write(reply)

    async with listening(handler) as url, oauth(url, tmp_path) as destination:
        got = await destination.send([make_parcel()])
    assert (got.verdict, got.detail) == (verdict, detail)


async def test_nothing_secret_in_any_failure(
    make_parcel: MakeParcel, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in the answer, the destination's own text, or the log at its loudest."""
    caplog.set_level(0)
    secret = f"file:{private(tmp_path / 's', CANARY)}"
    options = DeliverOptions(
        url="http://localhost:9",
        auth="bearer",
        secret=secret,
        proxy="http://localhost:9",
        proxy_secret=secret,
    )
    async with Destination(options) as destination:
        got = await destination.send([make_parcel()])
        inner = [vars(part) for part in vars(destination).values() if hasattr(part, "__dict__")]
        shown = f"{got!r} {destination!r} {vars(destination)!r} {inner!r} {options!r} {caplog.text}"
    assert got.verdict is Verdict.LATER
    assert CANARY not in shown


# -- proxies -----------------------------------------------------------------------------------


async def test_the_environments_proxy_is_ignored(
    make_parcel: MakeParcel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the setting counts; nor is ~/.netrc asked for a password."""
    asked: list[bytes] = []
    heads: list[bytes] = []
    async with listening(accepting(asked)) as proxy, listening(accepting(heads)) as url:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy)
        netrc = Path(os.environ.get("TMPDIR", "/tmp")) / f"netrc-{os.getpid()}"
        private(netrc, f"machine localhost login x password {CANARY}\n")
        monkeypatch.setenv("NETRC", str(netrc))
        try:
            await to(url, make_parcel)
        finally:
            netrc.unlink()
    assert asked == []
    assert b"Authorization" not in heads[0]


async def test_a_configured_proxy(make_parcel: MakeParcel, tmp_path: Path) -> None:
    """Plain http goes through it, with its own password."""
    heads: list[bytes] = []
    secret = f"file:{private(tmp_path / 's', 'user:' + CANARY)}"
    async with listening(accepting(heads)) as proxy:
        got = await to("http://localhost:1", make_parcel, proxy=proxy, proxy_secret=secret)
    assert got.verdict is Verdict.DELIVERED
    assert heads[0].startswith(b"POST http://localhost:1/v1/images/upload ")
    basic = base64.b64encode(f"user:{CANARY}".encode())
    assert b"Proxy-Authorization: Basic " + basic + b"\r\n" in heads[0]


async def test_tokens_come_through_the_proxy_too(make_parcel: MakeParcel, tmp_path: Path) -> None:
    """A site that needs one needs it for both."""
    endpoint = TokenEndpoint()
    lines: list[bytes] = []

    async def proxying(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, _ = await read_request(reader)
            lines.append(head.split(b"\r\n")[0])
            writer.write(endpoint.token() if b"/token" in lines[-1] else answer(200, OK))
            await writer.drain()

    async with (
        listening(proxying) as proxy,
        oauth("http://localhost:1", tmp_path, proxy=proxy) as destination,
    ):
        assert (await destination.send([make_parcel()])).verdict is Verdict.DELIVERED
    assert [line.split()[1] for line in lines] == [
        b"http://localhost:1/token",
        b"http://localhost:1/v1/images/upload",
    ]


async def test_tls_through_a_proxy(
    make_parcel: MakeParcel, authority: trustme.CA, ca_file: Path, tmp_path: Path
) -> None:
    """The proxy sees CONNECT and its password; the backend does not."""
    connects: list[bytes] = []
    heads: list[bytes] = []
    secret = f"file:{private(tmp_path / 's', 'user:' + CANARY)}"

    async def proxying(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        connects.append(head)
        port = int(head.split()[1].rsplit(b":", 1)[1])
        inner_reader, inner_writer = await asyncio.open_connection("localhost", port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(pumped(reader, inner_writer), pumped(inner_reader, writer))

    server = served_by(authority.issue_cert("localhost"))
    async with listening(accepting(heads), server) as url, listening(proxying) as proxy:
        got = await to(url, make_parcel, tls_ca=ca_file, proxy=proxy, proxy_secret=secret)
    assert got.verdict is Verdict.DELIVERED
    assert b"Proxy-Authorization: Basic " in connects[0]
    assert b"Proxy-Authorization" not in heads[0]


async def pumped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the end."""
    while piece := await reader.read(1 << 16):
        writer.write(piece)
        await writer.drain()
    writer.close()


@pytest.mark.parametrize("status", [403, 407, 502])
async def test_a_proxy_that_refuses(make_parcel: MakeParcel, status: int) -> None:
    """CONNECT is answered with something else than 200."""

    async def refusing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(status, b"<html>", "text/html"))

    async with listening(refusing) as proxy:
        got = await to("https://backend.example", make_parcel, proxy=proxy)
    assert got.verdict is (Verdict.LATER if status == 502 else Verdict.PAUSE)
