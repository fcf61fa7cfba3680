"""How we identify ourselves: nothing, a bearer token, an API key, or OAuth2 client credentials."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import quote_plus

import aiohttp

from watcher.deliver import trust
from watcher.deliver.http import Proxy, basic, read
from watcher.deliver.outcomes import Situation
from watcher.deliver.secret import Secret, load
from watcher.errors import ConfigError
from watcher.options import DeliverOptions

_AHEAD = 0.2  # of a token's life: it is renewed when this much of it is left
_LIFE = 300.0  # seconds, when the token endpoint does not say


class TokenError(Exception):
    """No token: either not now, or refused."""

    def __init__(self, situation: Situation) -> None:
        super().__init__(situation)
        self.situation = situation


class Credential(Protocol):
    """What goes into a request's headers to say who we are."""

    async def headers(self, session: aiohttp.ClientSession) -> Mapping[str, str]:
        """The headers. Raises TokenError."""
        ...

    async def renew(self) -> bool:
        """After a 401: True when a second try has something new to show."""
        ...


def credential(options: DeliverOptions, proxy: Proxy) -> Credential:
    """The credential the settings ask for. Raises ConfigError."""
    if options.auth == "none":
        return _Fixed(options, "", "")
    if not options.secret:
        raise ConfigError(f'secret: auth = "{options.auth}" needs one')
    if options.auth == "bearer":
        return _Fixed(options, "Authorization", "Bearer ")
    if options.auth == "api-key":
        return _Fixed(options, options.api_key_header, "")
    return ClientCredentials(options, proxy)


class _Fixed:
    """A secret in one header; read again when the backend no longer takes it."""

    def __init__(self, options: DeliverOptions, header: str, prefix: str) -> None:
        self._reference = options.secret if header else ""
        self._header = header
        self._prefix = prefix
        self._secret = load(self._reference, "secret") if header else None

    async def headers(self, session: aiohttp.ClientSession) -> Mapping[str, str]:
        if self._secret is None:
            return {}
        return {self._header: self._prefix + self._secret.reveal()}

    async def renew(self) -> bool:
        if self._secret is None:
            return False
        try:
            fresh = load(self._reference, "secret")
        except ConfigError:
            return False
        changed, self._secret = fresh != self._secret, fresh
        return changed


class ClientCredentials:
    """OAuth2 client credentials (RFC 6749 section 4.4): one refresh at a time, ahead of expiry."""

    def __init__(
        self,
        options: DeliverOptions,
        proxy: Proxy,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not options.oauth_client_id:
            raise ConfigError("oauth_client_id: missing")
        self._url = trust.checked_url(options.oauth_token_url, options, "oauth_token_url")
        self._options = options
        self._proxy = proxy
        self._secret = load(options.secret, "secret")
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token: Secret | None = None
        self._fresh_until = 0.0
        self._valid_until = 0.0

    async def headers(self, session: aiohttp.ClientSession) -> Mapping[str, str]:
        if self._clock() >= self._fresh_until:
            await self._refresh(session)
        if self._token is None:
            raise TokenError(Situation.TOKEN_UNAVAILABLE)
        return {"Authorization": f"Bearer {self._token.reveal()}"}

    async def renew(self) -> bool:
        had, self._token = self._token, None
        self._fresh_until = self._valid_until = 0.0
        return had is not None

    async def _refresh(self, session: aiohttp.ClientSession) -> None:
        if self._lock.locked() and self._clock() < self._valid_until:
            return  # another request is at it, and the old token still holds
        async with self._lock:
            if self._clock() < self._fresh_until:
                return
            try:
                self._take(*await self._ask(session))
            except TokenError:
                if self._clock() >= self._valid_until:
                    raise

    def _take(self, token: Secret, life: float) -> None:
        self._token = token
        self._valid_until = self._clock() + life
        self._fresh_until = self._valid_until - _AHEAD * life

    async def _ask(self, session: aiohttp.ClientSession) -> tuple[Secret, float]:
        o = self._options
        form = {"grant_type": "client_credentials", "scope": o.oauth_scope}
        # RFC 6749 section 2.3.1 has both form-encoded before they are joined.
        identity = f"{quote_plus(o.oauth_client_id)}:{quote_plus(self._secret.reveal())}"
        try:
            async with asyncio.timeout(o.connect_timeout + o.answer_timeout):
                async with session.post(
                    self._url,
                    data={name: value for name, value in form.items() if value},
                    headers={
                        "Authorization": basic(identity),
                        "Accept": "application/json",
                        **self._proxy.headers(self._url),
                    },
                    allow_redirects=False,
                    **self._proxy.arguments(),
                ) as response:
                    status, body = response.status, await read(response)
        except (aiohttp.ClientError, OSError, ValueError):
            raise TokenError(Situation.TOKEN_UNAVAILABLE) from None
        if status in (400, 401, 403):
            raise TokenError(Situation.TOKEN_REFUSED)
        token = _token(body) if status == 200 else None
        if token is None:
            raise TokenError(Situation.TOKEN_UNAVAILABLE)
        return token


def _token(body: bytes) -> tuple[Secret, float] | None:
    """Access token and life in seconds, if that is what this answer is (RFC 6749 section 5.1)."""
    try:
        parsed = json.loads(body)
        token, life = parsed["access_token"], float(parsed.get("expires_in", _LIFE))
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return None
    if not isinstance(token, str) or not token or not (token.isascii() and token.isprintable()):
        return None
    return Secret(token), max(life, 1.0)
