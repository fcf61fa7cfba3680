"""A backend made of nothing but a socket, to misbehave in ways no web server would."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b'{"success": "ok"}'


def answer(status: int, body: bytes = b"", kind: str = "application/json", *headers: str) -> bytes:
    """One HTTP answer in bytes."""
    lines = [
        f"HTTP/1.1 {status} X",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def read_head(reader: asyncio.StreamReader) -> tuple[bytes, int]:
    """The request's head, and the length of the body that follows."""
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [li for li in head.lower().split(b"\r\n") if li.startswith(b"content-length:")]
    return head, int(lengths[0].split(b":")[1]) if lengths else 0


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and whole body."""
    head, length = await read_head(reader)
    return head, await reader.readexactly(length)


@asynccontextmanager
async def listening(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve with `handler`; gives the base URL on loopback."""
    tasks: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            pass  # the tests end connections in every way
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(one, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if tls else 'http'}://localhost:{port}"
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def always(data: bytes, *, after_body: bool = True) -> Handler:
    """Give these bytes to every request, then close."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await (read_request(reader) if after_body else read_head(reader))
        writer.write(data)
        await writer.drain()

    return handler
