"""Certificates and their ends, secrets, and whether each backend can be reached."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from shlex import quote

from yarl import URL

from watcher.deliver import secret, trust
from watcher.doctor.finding import Finding, hint, ok, trouble
from watcher.errors import ConfigError
from watcher.options import DeliverOptions
from watcher.settings import Settings

_SOON = 30 * 86400.0
_PATIENCE = 5.0


def certificate_files(settings: Settings) -> Iterator[tuple[str, Path]]:
    """(setting, file) of every certificate that the settings name."""
    everyone = {"": settings.deliver}
    everyone |= {f"customers.{name}.": own.deliver for name, own in settings.customers.items()}
    for prefix, deliver in everyone.items():
        for name in ("tls_ca", "tls_certificate"):
            path = getattr(deliver, name)
            if path is not None:
                yield f"{prefix}deliver.{name}", path
    if settings.observe.tls_certificate is not None:
        yield "observe.tls_certificate", settings.observe.tls_certificate


def certificate_ends(settings: Settings) -> dict[str, float]:
    """When the first certificate of each file expires, Unix seconds; what cannot be read is 0."""
    return {setting: _end(path) for setting, path in certificate_files(settings)}


def _end(path: Path) -> float:
    try:
        return trust.expiry_of_file(path)
    except ConfigError:
        return 0.0


def certificates(settings: Settings) -> Iterator[Finding]:
    """None has expired, none will within a month."""
    files = dict(certificate_files(settings))
    for setting, path in files.items():
        try:
            end = trust.expiry_of_file(path)
        except ConfigError as error:
            yield trouble("certificates", f"{setting}: {error}", f"openssl x509 -in {path} -text")
            continue
        yield _expiry(setting, end, f"openssl x509 -in {quote(str(path))} -noout -enddate")
    if not files:
        yield ok("certificates", "the settings name none of our own")


def _expiry(what: str, end: float, mend: str) -> Finding:
    days = (end - time.time()) / 86400
    if days <= 0:
        return trouble("certificates", f"{what} expired {-days:.0f} days ago", mend)
    says = f"{what} expires in {days:.0f} days"
    return ok("certificates", says) if days * 86400 > _SOON else hint("certificates", says, mend)


def secrets(settings: Settings) -> Iterator[Finding]:
    """Each secret that is referred to is there; its value is looked at and shown to nobody."""
    found = False
    for name, deliver in _destinations(settings).items():
        if deliver.auth == "none":
            continue
        found = True
        try:
            secret.load(deliver.secret, "deliver.secret")
        except ConfigError as error:
            yield trouble("secrets", f"{name}: {error}")
        else:
            yield ok("secrets", f"{name}: deliver.secret is there")
    if not found:
        yield ok("secrets", "no backend asks for one")


def reachability(settings: Settings) -> Iterator[Finding]:
    """Name, connection and TLS of each backend; no request is sent."""
    seen: set[tuple[str, str]] = set()
    for name, deliver in _destinations(settings).items():
        for url in filter(None, (deliver.url, deliver.oauth_token_url)):
            if (url, deliver.proxy) in seen:
                continue
            seen.add((url, deliver.proxy))
            yield from _reach(name, deliver, url)


def _destinations(settings: Settings) -> dict[str, DeliverOptions]:
    return {
        "everyone": settings.deliver,
        **{f"customer {name}": own.deliver for name, own in settings.customers.items()},
    }


def _reach(name: str, deliver: DeliverOptions, url: str) -> Iterator[Finding]:
    check = "reachability"
    if url == "embedded":
        yield hint(check, f"{name}: the backend is the reference receiver inside the gateway")
        return
    try:
        target = trust.checked_url(deliver.proxy or url, deliver, "deliver.url")
        host, port = str(target.host), int(target.port or 443)
        tls = trust.context(deliver) if target.scheme == "https" else None
    except ConfigError as error:
        yield trouble(check, f"{name}: {error}", "watcher check-config")
        return
    what = f"{name}: {'proxy' if deliver.proxy else 'backend'} {host}:{port}"
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        yield trouble(check, f"{what}: the name is not known", f"getent hosts {quote(host)}")
        return
    try:
        link = socket.create_connection((host, port), _PATIENCE)
    except OSError as error:
        says = f"{what}: no connection (errno {error.errno or 'timeout'})"
        yield trouble(check, says, f"timeout 5 bash -c '</dev/tcp/{host}/{port}'; echo $?")
        return
    with closing(link):
        yield from (
            [ok(check, f"{what} takes connections")]
            if tls is None
            else _shake(what, link, tls, URL(url).host or host)
        )


def _shake(what: str, link: socket.socket, tls: ssl.SSLContext, host: str) -> Iterator[Finding]:
    check, mend = "reachability", f"openssl s_client -connect {host}:443 -showcerts </dev/null"
    try:
        with tls.wrap_socket(link, server_hostname=host) as shaken:
            shown = shaken.getpeercert(binary_form=True)
    except ssl.SSLCertVerificationError as error:
        yield trouble(check, f"{what}: certificate not trusted ({error.verify_message})", mend)
        return
    except OSError as error:
        yield trouble(check, f"{what}: no TLS ({type(error).__name__})", mend)
        return
    yield ok(check, f"{what} takes connections, and its certificate is trusted")
    if shown is not None:
        yield _expiry(f"the certificate of {host}", trust.expiry(shown), mend)
