"""Inflating a deflated data set in steps, within caps (PS3.5 A.5)."""

from __future__ import annotations

import zlib
from struct import pack

from watcher.dicom.elements import corrupt, truncated
from watcher.errors import RefusedError
from watcher.model import Reason
from watcher.options import Limits

_STEP_IN, _STEP_OUT = 1 << 16, 1 << 20
_RATIO_COUNTS_FROM = 1 << 20  # an empty picture deflates 1000 to 1, and a small one harms nobody


def inflate(source: memoryview, limits: Limits) -> memoryview:
    """The inflated bytes of a raw deflate stream, which zeros may follow.

    Raises DeferredError(NOT_WHOLE) when the stream does not end, RefusedError(OVER_LIMIT) beyond
    `inflated_bytes` or `inflate_ratio`, RefusedError(CORRUPT) when it is no such stream.
    """
    most = min(limits.inflated_bytes, int(limits.inflate_ratio * len(source)) + _RATIO_COUNTS_FROM)
    stream, out, pos, rest = zlib.decompressobj(-zlib.MAX_WBITS), bytearray(), 0, b""
    while not stream.eof:
        piece = rest or bytes(source[pos : pos + _STEP_IN])
        if not piece:
            raise truncated("deflated data set")
        pos += 0 if rest else len(piece)
        try:
            out += stream.decompress(piece, _STEP_OUT)
        except zlib.error:
            raise corrupt("deflated data set") from None
        if len(out) > most:
            raise RefusedError(Reason.OVER_LIMIT, "inflated size")
        rest = stream.unconsumed_tail
    _judge_rest(stream.unused_data + bytes(source[pos : pos + _STEP_IN]), out)
    return memoryview(out).toreadonly()


def _judge_rest(rest: bytes, out: bytearray) -> None:
    """Behind the stream: padding, or the trailer (CRC, length) that gzip-minded writers leave."""
    if not any(rest):
        return
    trailer = pack("<LL", zlib.crc32(out), len(out) & 0xFFFFFFFF)
    if not rest.startswith(trailer[: len(rest)]) or any(rest[len(trailer) :]):
        raise corrupt("bytes after the deflated data set")
    if len(rest) < len(trailer):
        raise truncated("deflated data set")
