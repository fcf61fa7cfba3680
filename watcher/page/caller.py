"""Who is at the other end of a request, as far as this machine knows it."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,31}")
_TABLES = ("/proc/self/net/tcp", "/proc/self/net/tcp6")


@dataclass(frozen=True, slots=True)
class Caller:
    """`uid` is the local user who owns the other end, where it is on this machine; `name` what a
    person with the token has called themselves; `address` where they are, "" for here.
    """

    uid: int | None
    name: str
    address: str


def caller_of(request: web.Request) -> Caller:
    """Who asks."""
    name = _named(request.headers.get("Authorization", ""))
    transport = request.transport
    link = None if transport is None else transport.get_extra_info("socket")
    if link is None:
        return Caller(None, name, "gone")
    if link.family == socket.AF_UNIX:
        size = struct.calcsize("3i")
        found = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        return Caller(struct.unpack("3i", found)[1], name, "")
    there, here = link.getpeername()[:2], link.getsockname()[:2]
    if not ipaddress.ip_address(there[0]).is_loopback:
        return Caller(None, name, there[0])
    return Caller(owner(there, here), name, "")


def owner(local: tuple[str, int], remote: tuple[str, int]) -> int | None:
    """The uid that owns the TCP connection from `local` to `remote`, out of the kernel's table."""
    wanted = (_spelt(local), _spelt(remote))
    for line in _lines():
        words = line.split()
        if (words[1], words[2]) == wanted:
            return int(words[7])
    return None


def _lines() -> Iterator[str]:
    for table in _TABLES:
        try:
            yield from Path(table).read_text("ascii").splitlines()[1:]
        except OSError:
            continue


def _spelt(end: tuple[str, int]) -> str:
    """An address as the kernel's table has it: words of the machine's byte order, in hex."""
    packed = ipaddress.ip_address(end[0]).packed
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words) + f":{end[1]:04X}"


def _named(authorization: str) -> str:
    """The name a browser's user has typed beside the token."""
    kind, _, value = authorization.partition(" ")
    if kind.lower() != "basic":
        return ""
    try:
        name = base64.b64decode(value, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return name if _NAME.fullmatch(name) else ""
