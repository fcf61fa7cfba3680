"""Whom we speak to: the URL's rules, the TLS context, mutual TLS and pinned keys."""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import os
import re
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from yarl import URL

from watcher.deliver.secret import check_private
from watcher.errors import ConfigError
from watcher.options import DeliverOptions

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def checked_url(text: str, options: DeliverOptions, setting: str) -> URL:
    """A URL we may speak to. Raises ConfigError.

    https; or plain http to loopback or to a host that is allowed by name. No user, password, query
    or fragment: a secret in a URL ends in logs.
    """
    try:
        url = URL(text)
    except ValueError:
        raise ConfigError(f"{setting}: not a URL") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigError(f"{setting}: must start with https:// or http:// and name a host")
    if url.user or url.password or url.query_string or url.fragment:
        raise ConfigError(f"{setting}: must hold no user, password, query or fragment")
    if url.scheme == "http" and not (_loopback(url.host) or url.host in options.plain_http_hosts):
        raise ConfigError(
            f"{setting}: plain http to another machine shows images to the network; use https, or "
            "name the host in plain_http_hosts"
        )
    return url


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def wanted(options: DeliverOptions) -> bool:
    """Whether TLS plays any part; making a context costs 60 ms, which loopback need not pay."""
    files = (options.tls_ca, options.tls_certificate, options.tls_key)
    urls = (options.url, options.oauth_token_url, options.proxy)
    return any(files) or bool(options.tls_pins) or any(u.lower().startswith("https:") for u in urls)


def context(options: DeliverOptions) -> ssl.SSLContext:
    """A verifying TLS context, 1.2 at least, with our certificate and pins. Raises ConfigError."""
    made = _verifying(options.tls_ca)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if (options.tls_certificate is None) != (options.tls_key is None):
        raise ConfigError("tls_certificate and tls_key: give both or neither")
    if options.tls_certificate is not None and options.tls_key is not None:
        _identify(made, options.tls_certificate, options.tls_key)
    if options.tls_pins:
        made.sslobject_class = _pinned(frozenset(_pin(text) for text in options.tls_pins))
    return made


def server(certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    """A TLS context, 1.2 at least, to serve with. Raises ConfigError."""
    if certificate is None or key is None:
        raise ConfigError("tls_certificate and tls_key: give both or neither")
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    _identify(made, certificate, key)
    return made


def _verifying(authorities: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authorities)
    except (OSError, ssl.SSLError):
        raise ConfigError(f"tls_ca: cannot use {authorities}") from None


def _identify(made: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        descriptor = os.open(key, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise ConfigError(f"tls_key: cannot read {key} (errno {error.errno})") from None
    try:
        check_private(descriptor, key, "tls_key")
    finally:
        os.close(descriptor)
    try:
        # A key with a passphrase must fail here, not ask on a terminal that nobody watches.
        made.load_cert_chain(certificate, key, password=lambda: b"")
    except (OSError, ssl.SSLError):
        raise ConfigError(f"tls_certificate, tls_key: cannot use {certificate}") from None


def _pin(text: str) -> bytes:
    try:
        digest = base64.b64decode(text.removeprefix("sha256//"), validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != hashlib.sha256().digest_size:
        raise ConfigError("tls_pins: each must be the base64 of a SHA-256")
    return digest


def spki_sha256(certificate: bytes) -> bytes:
    """SHA-256 of the SubjectPublicKeyInfo of a DER certificate (RFC 5280 4.1).

    For certificates that OpenSSL has verified. Raises IndexError for what is not one.
    """
    start, _ = _content(certificate, 0)  # Certificate
    start, _ = _content(certificate, start)  # tbsCertificate
    # [0] version (absent in version 1), serialNumber, signature, issuer, validity, subject
    for _ in range(6 if certificate[start] == 0xA0 else 5):
        _, start = _content(certificate, start)
    _, end = _content(certificate, start)
    return hashlib.sha256(certificate[start:end]).digest()


def expiry(certificate: bytes) -> float:
    """When a DER certificate ends (RFC 5280 4.1.2.5), in Unix seconds. As `spki_sha256` raises."""
    start, _ = _content(certificate, 0)
    start, _ = _content(certificate, start)
    for _ in range(4 if certificate[start] == 0xA0 else 3):
        _, start = _content(certificate, start)
    start, _ = _content(certificate, start)  # validity
    _, second = _content(certificate, start)  # notBefore
    begin, end = _content(certificate, second)
    text = certificate[begin:end].decode("ascii")
    if certificate[second] == 0x17:  # UTCTime: two digits of the year
        text = ("19" if text >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def expiry_of_file(path: Path) -> float:
    """When the first of a PEM file's certificates ends. Raises ConfigError."""
    try:
        text = path.read_text(encoding="ascii")
        ends = [expiry(ssl.PEM_cert_to_DER_cert(block)) for block in _PEM.findall(text)]
        return min(ends)
    except (OSError, ValueError, IndexError):
        raise ConfigError(f"{path} holds no certificate that can be read") from None


def _content(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of the DER element at `at` starts and ends (X.690 8.1.3)."""
    size, start = der[at + 1], at + 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(der[at + 2 : start], "big")
    return start, start + size


def _pinned(pins: frozenset[bytes]) -> type[ssl.SSLObject]:
    """A TLS object whose handshake also asks for a pinned key, before any byte of ours goes out."""

    class Pinned(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            shown: Any = self.getpeercert(binary_form=True)
            if shown is None or spki_sha256(shown) not in pins:
                raise ssl.SSLCertVerificationError("the public key is not a pinned one")

    return Pinned
