"""Delivery over a bad network: faults and outcomes, images a second, requests an image, memory.

Everything is real but the line: client, courier, breaker, receiver.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import itertools
import random
import resource
import struct
import sys
import tempfile
import time
import uuid
import zlib
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from watcher.deliver import encode
from watcher.deliver.batch import Batch, Bounds
from watcher.deliver.breaker import Breaker
from watcher.deliver.client import Destination
from watcher.deliver.courier import Courier
from watcher.deliver.outcomes import Answer, Situation, Verdict, failed
from watcher.deliver.parcel import Parcel
from watcher.deliver.retry import delay
from watcher.model import ImageFields, SpoolFile, StudyFields
from watcher.options import DeliverOptions
from watcher.receiver.app import Running, start
from watcher.receiver.faults import Fault, Faults

_WINDOW = 4 << 20  # bytes in flight in one direction of one connection
_SIDE = 320  # pixels; one image is 100 kB of noise, as a CT slice's PNG is


def main(argv: list[str]) -> int:
    """Print the tables; 0 when nothing was lost or accepted twice."""
    parser = argparse.ArgumentParser(prog="bench wan", description=str(__doc__))
    parser.add_argument("--seconds", type=float, default=1.5, help="per cell of the WAN table")
    parser.add_argument("--images", type=int, default=120, help="per row of the fault table")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_all(Path(folder), options))


async def _all(folder: Path, options: argparse.Namespace) -> int:
    wrong = await _faults(folder, options)
    wrong += await _wan(folder, options)
    _outage()
    await _memory(folder)
    print("\nlost or accepted twice:", wrong)
    return 1 if wrong else 0


# -- what is sent ------------------------------------------------------------------------------


def _png(rng: random.Random) -> bytes:
    ihdr = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 0, 0, 0, 0)
    rows = b"".join(b"\0" + rng.randbytes(_SIDE) for _ in range(_SIDE))
    chunks = ((b"IHDR", ihdr), (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks
    )


def _texts(folder: Path, rng: random.Random) -> tuple[SpoolFile, SpoolFile]:
    name = uuid.uuid4().hex
    png = _png(rng)
    (folder / f"{name}.png").write_bytes(png)
    text = encode.write_text(folder / f"{name}.png", folder / f"{name}.png.txt")
    return SpoolFile(f"{name}.png", len(png), hashlib.sha256(png).hexdigest()), text


def _parcels(folder: Path, rng: random.Random, series: int) -> Iterator[Parcel]:
    """Images without end, `series` of them to a Series; their pixels repeat, their UIDs do not."""
    files = [_texts(folder, rng) for _ in range(4)]
    while True:
        study = StudyFields(_uid(), _uid(), "A", "P")
        for number in range(series):
            png, text = files[number % len(files)]
            image = ImageFields(
                image_instance_uid=_uid(),
                sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
                height=_SIDE,
                width=_SIDE,
                rescale_slope=1.0,
                rescale_intercept=0.0,
                photometric_interpretation="MONOCHROME2",
                samples_per_pixel=1,
                bits_allocated=8,
                bits_stored=8,
                high_bit=7,
                text=text,
                png=png,
            )
            yield Parcel(uuid.uuid4().hex, study, (image,), folder)


def _uid() -> str:
    return f"2.25.{uuid.uuid4().int}"


# -- a pump: what the gateway does, with a list for a ledger -----------------------------------


@dataclass
class Pump:
    """Sends batches until the source or the time is at its end; keeps what is to be sent later."""

    destination: Destination
    options: DeliverOptions
    rng: random.Random
    attended: bool = False  # somebody ends every pause at once
    verdicts: Counter[str] = field(default_factory=Counter)
    delivered: dict[str, float] = field(default_factory=dict)  # key to time
    refused: set[str] = field(default_factory=set)
    breaker: Breaker = field(default_factory=Breaker)
    later: deque[tuple[float, int, Batch]] = field(default_factory=deque)

    async def run(self, source: Iterator[Batch], until: float) -> None:
        """Send; `until` ends the taking of new batches, what was begun is brought to its end."""
        courier = Courier(self.destination, self.options)
        under_way: set[asyncio.Task[None]] = set()
        while True:
            room = self.breaker.room(time.time(), self.options.concurrency) - len(under_way)
            load = self._next(source, until) if room > 0 else None
            if load is not None:
                task = asyncio.create_task(self._send(courier, *load))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                continue
            if not under_way and not self.later and (until < time.time() or until == 0):
                return
            await asyncio.sleep(0.005)

    def _next(self, source: Iterator[Batch], until: float) -> tuple[int, Batch] | None:
        now = time.time()
        if self.later and self.later[0][0] <= now:
            _, attempts, batch = self.later.popleft()
            return attempts + 1, batch
        fresh = next(source, None) if until == 0 or now < until else None
        return (1, fresh) if fresh is not None else None

    async def _send(self, courier: Courier, attempts: int, batch: Batch) -> None:
        results = await courier.deliver(batch, attempts=attempts, again=attempts > 1)
        for result in results:
            answer, keys = result.answer, [p.key for p in result.batch.parcels]
            self.verdicts[answer.verdict] += len(keys)
            self.breaker = self.breaker.after(
                result.batch.id, answer, time.time(), self.options, self.rng
            )
            if self.breaker.paused and self.attended:
                self.breaker = self.breaker.resumed()
            if answer.verdict is Verdict.DELIVERED:
                self.delivered.update(dict.fromkeys(keys, time.time()))
            elif answer.verdict is Verdict.QUARANTINE:
                self.refused.update(keys)
            else:
                wait = delay(answer, attempts=attempts, options=self.options, rng=self.rng)
                self.later.append((time.time() + wait, attempts, result.batch))
                self.later = deque(sorted(self.later, key=lambda entry: entry[0]))


def _batches(parcels: Iterator[Parcel], size: int, options: DeliverOptions) -> Iterator[Batch]:
    bounds = Bounds(options.batch_images, options.batch_bytes)
    while group := list(itertools.islice(parcels, size)):
        yield Batch.of(group, bounds)


# -- faults against outcomes -------------------------------------------------------------------

_FAULTS = (
    *("status=408", "status=429", "status=500", "status=503", "early-status=503"),
    *("status=400", "status=413", "status=401", "status=404"),
    *("reset-before", "reset-during", "reset-after", "lost-reply", "cut-reply"),
    *("no-success", "html", "delay=0.3", "slow-read=2000000"),
)


async def _faults(folder: Path, options: argparse.Namespace) -> int:
    print(f"{options.images} images in batches of 4, one fault in ten requests\n")
    heads = ("fault", "delivered", "refused", "put off", "paused", "twice", "lost", "req/image")
    print(f"{heads[0]:<20}" + "".join(f"{head:>11}" for head in heads[1:]))
    wrong = 0
    mixed = "status=503:0.025 reset-during:0.025 lost-reply:0.025 reset-before:0.025"
    rows = [(fault, f"{fault}:0.1", 4) for fault in _FAULTS]
    rows += [(f"a mix, batches of {n}", mixed, n) for n in (1, 8, 64)]
    for name, faults, size in rows:
        wrong += await _fault_row(folder, options, name, faults, size)
    return wrong


async def _fault_row(
    folder: Path, options: argparse.Namespace, name: str, faults: str, size: int
) -> int:
    parsed = Faults([Fault.parse(text) for text in faults.split()], seed=options.seed)
    running = await start(folder / uuid.uuid4().hex, faults=parsed)
    # Quick retries, so that the table is done in a minute; their number stays the same.
    quick = DeliverOptions(
        url=running.url, retry_first=0.02, retry_longest=0.5, breaker_rest=0.02, answer_timeout=20
    )
    images = options.images * (4 if "mix" in name else 1)
    endless = _parcels(folder, random.Random(options.seed), 64)
    parcels = itertools.islice(endless, images)
    pump = Pump(Destination(quick), quick, random.Random(options.seed), attended=True)
    await pump.run(_batches(parcels, size, quick), 0)
    await pump.destination.close()
    accepted = running.receiver.shelf.images
    twice = sum(n > 1 for n in accepted.values())
    lost = images - len(pump.delivered) - len(pump.refused)
    lost += len(pump.delivered) - len(accepted) if len(accepted) < len(pump.delivered) else 0
    put_off, paused = pump.verdicts[Verdict.LATER], pump.verdicts[Verdict.PAUSE]
    print(
        f"{name:<20}{len(pump.delivered):>11}{len(pump.refused):>11}{put_off:>11}{paused:>11}"
        f"{twice:>11}{lost:>11}{running.receiver.seen / images:>11.3f}"
    )
    await running.stop()
    return int(twice + lost)


# -- images a second over a slow line ----------------------------------------------------------


@contextlib.asynccontextmanager
async def _line(running: Running, rtt: float) -> AsyncIterator[str]:
    """A proxy on loopback that holds every byte for half a round trip, each way."""
    port = int(running.url.rsplit(":", 1)[1])
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            tasks.add(task)
        await asyncio.sleep(rtt)  # the handshake's own round trip
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        ways = (_held(reader, inner_writer, rtt / 2), _held(inner_reader, writer, rtt / 2))
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*ways)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _held(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, held: float) -> None:
    """Copy with a delay, `_WINDOW` bytes in flight at most; a reset is passed on as one."""
    queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_WINDOW >> 16)

    async def write() -> None:
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if not data:
                writer.close()
                return
            writer.write(data)
            await writer.drain()

    writing = asyncio.create_task(write())
    try:
        while data := await reader.read(1 << 16):
            await queue.put((time.monotonic() + held, data))
        await queue.put((time.monotonic() + held, b""))
        await writing
    except OSError:
        writer.transport.abort()
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)


_ONE_PERCENT = ("reset-before:0.0025", "reset-during:0.0025", "reset-after:0.0025",
                "lost-reply:0.0025")  # fmt: skip


async def _wan(folder: Path, options: argparse.Namespace) -> int:
    print(f"\nimages a second over a line, {_SIDE * _SIDE // 1000} kB each, 4 requests at once,")
    print("1 % of the requests cut (requests per accepted image in brackets)\n")
    print("round trip" + "".join(f"{'batches of ' + str(n):>22}" for n in (1, 8, 64)))
    wrong = 0
    for rtt in (0.02, 0.1, 0.3):
        cells = []
        for size in (1, 8, 64):
            rate, ratio, bad = await _cell(folder, options, rtt, size)
            cells.append(f"{rate:>13.1f} ({ratio:.3f})")
            wrong += bad
        print(f"{rtt * 1000:>6.0f} ms " + " ".join(f"{cell:>21}" for cell in cells))
    return wrong


async def _cell(
    folder: Path, options: argparse.Namespace, rtt: float, size: int
) -> tuple[float, float, int]:
    faults = Faults([Fault.parse(text) for text in _ONE_PERCENT], seed=options.seed)
    running = await start(folder / uuid.uuid4().hex, faults=faults)
    rng = random.Random(options.seed)
    async with _line(running, rtt) as url:
        settings = DeliverOptions(url=url)
        async with Destination(settings) as destination:
            pump = Pump(destination, settings, rng)
            begun = time.time()
            source = _batches(_parcels(folder, rng, 512), size, settings)
            await pump.run(source, begun + options.seconds)
    # Up to the 95th of a hundred: the last ones wait for a second try, and nobody with them.
    times = sorted(pump.delivered.values())
    most = times[: max(1, len(times) * 95 // 100)]
    rate = len(most) / (most[-1] - begun)
    accepted = running.receiver.shelf.images
    wrong = sum(n > 1 for n in accepted.values()) + abs(len(pump.delivered) - len(accepted))
    ratio = running.receiver.seen / max(1, len(accepted))
    await running.stop()
    return rate, ratio, wrong


# -- an hour without a backend -----------------------------------------------------------------


def _outage() -> None:
    """By the breaker alone, in simulated time: how many requests, and how it comes back."""
    rng, options, now, breaker, requests = random.Random(1), DeliverOptions(), 0.0, Breaker(), 0
    begun = now = 1_800_000_000.0
    gone, good = failed(Situation.UNCONNECTED), Answer(Verdict.DELIVERED, None, 200)
    while now < begun + 3600:
        breaker = breaker.after(f"{requests}", gone, now, options, rng)
        requests += 1
        now += breaker.wait(now)
    rooms = []
    for _ in range(4):
        rooms.append(breaker.room(now, options.concurrency))
        breaker = breaker.after("probe", good, now, options, rng)
    print(f"\nan hour of outage: {requests} requests, however many images wait;")
    print(f"then requests at once, round by round: {rooms}")


# -- memory ------------------------------------------------------------------------------------


async def _memory(folder: Path) -> None:
    """The client alone: a body of 512 MB to somebody who reads and forgets."""
    text = folder / "big.txt"
    digest, size = hashlib.sha256(), 512 << 20
    with text.open("wb") as file:
        for _ in range(size >> 20):
            digest.update(b"A" * (1 << 20))
            file.write(b"A" * (1 << 20))
    parcel = next(_parcels(folder, random.Random(1), 1))
    image = replace(parcel.images[0], text=SpoolFile("big.txt", size, digest.hexdigest()))

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        left = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        while left > 0 and (piece := await reader.read(1 << 18)):
            left -= len(piece)
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{"success": "ok"}')
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    before, begun = _resident(), time.perf_counter()
    async with Destination(DeliverOptions(url=url)) as destination:
        answer = await destination.send([replace(parcel, images=(image,))])
    took, after = time.perf_counter() - begun, _resident()
    server.close()
    print(f"\na body of {size >> 20} MB: {answer.verdict} in {took:.1f} s;", end=" ")
    print(f"largest resident memory before {before >> 10} MB, after {after >> 10} MB")


def _resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
