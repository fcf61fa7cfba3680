"""Files made to hurt, through a real worker: each is refused by a limit, none costs the worker."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from multiprocessing import forkserver
from pathlib import Path
from struct import pack
from typing import Any

import jpeg_ls
import numpy as np

from tests.dicom.files import (
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    SR_CLASS,
    UNDEFINED,
    Coding,
    header,
    image,
    native,
    noise,
    part10,
)
from tests.dicom.jpegs import flat
from tests.dicom.test_compressed import EXTENDED, J2K, JPEG_LS, RLE, jpeg2000
from tests.way.images import ct
from watcher.job import Job
from watcher.model import Deferred, Outcome, Prepared, Reason, Refused
from watcher.options import Limits, PixelOptions, RenderOptions, ScrubOptions, WorkerOptions
from watcher.scrub.keys import make_key
from watcher.workers import Workers

MB = 1 << 20
LIMITS = Limits(frame_bytes=128 * MB)
GROWTH = 2 * LIMITS.frame_bytes + 128 * MB
"""Bytes that an attack may make a worker grow by: twice the greatest frame, and a constant."""
SIDE = 8000
SMALL = noise((40, 36), "u1")


def encapsulated(stream: bytes, syntax: str, **more: Any) -> bytes:
    stated = {"BitsAllocated": 8, "Rows": SIDE, "Columns": SIDE} | more
    return image(Coding().encapsulated([stream]), syntax, **stated)


def j2k_that_claims(rows: int, columns: int) -> bytes:
    """A small stream whose SIZ says that it is large, in one tile (ISO/IEC 15444-1 A.5.1)."""
    stream = jpeg2000(SMALL, 8)
    at = stream.index(b"\xff\x51") + 6
    large = pack(">LLLLLL", columns, rows, 0, 0, columns, rows)
    return stream[:at] + large + stream[at + 24 :]


def jls_that_claims(rows: int, columns: int) -> bytes:
    stream = bytes(jpeg_ls.encode_array(SMALL))
    at = stream.index(b"\xff\xf7") + 5
    return stream[:at] + pack(">HH", rows, columns) + stream[at + 4 :]


def jpeg_that_claims(rows: int, columns: int) -> bytes:
    stream = flat([100, 200])
    at = stream.index(b"\xff\xc1") + 5
    return stream[:at] + pack(">HH", rows, columns) + stream[at + 4 :]


def deflate_bomb() -> bytes:
    """150 kB that unfold to 150 MB of one private element."""
    plain = header(Coding()) + Coding().element(0x00091005, "OB", bytes(150 * MB))
    return part10(plain, DEFLATED)


def deflated_twice() -> bytes:
    """A stream of a stream: only the outer one is ever undone."""
    inner = zlib.compress(bytes(64 * MB), 9)
    return part10(header(Coding()) + Coding().element(0x00091005, "OB", inner), DEFLATED)


def rle_bomb() -> bytes:
    """Runs of 128 cells where the attributes promise a frame of 62 MB: a two hundredth of it."""
    runs = b"\x81\x00" * (SIDE * SIDE // 400)
    return encapsulated(pack("<16L", 1, 64, *[0] * 14) + runs, RLE)


def rle_offsets() -> bytes:
    """Segments that start outside of the frame, and before one another."""
    head = pack("<16L", 2, 0xFFFFFFF0, 64, *[0] * 13)
    return encapsulated(head + b"\x81\x00" * 9, RLE, BitsAllocated=16, Rows=40, Columns=36)


def nested(levels: int) -> bytes:
    body, coding = b"", Coding()
    for _ in range(levels):
        body = coding.sequence(0x0040A730, [coding.item(body, False)], defined=False)
    return part10(header(coding, SR_CLASS) + body, sop_class=SR_CLASS)


def with_length(length: int, syntax: str = EXPLICIT, vr: str = "OB") -> bytes:
    """An element that claims `length` bytes, and has four."""
    coding = Coding(syntax)
    return part10(header(coding) + coding.head(0x00091005, vr, length) + b"abcd", syntax)


def grey(**claims: Any) -> bytes:
    return image(native(bytes(512)), **{"Rows": 16, "Columns": 16, **claims})


def palette_that_claims() -> bytes:
    """A segmented table whose indirect segments call themselves."""
    coding = Coding()
    descriptor = pack("<HHH", 0, 0, 16)
    words = pack("<4H", 2, 60000, 0, 0) * 4000
    extra = b"".join(coding.element(0x00281101 + i, "US", descriptor) for i in range(3))
    extra += b"".join(coding.element(0x00281221 + i, "OW", words) for i in range(3))
    cells = native(bytes(256), "OB")
    more: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR", "BitsAllocated": 8}
    return image(cells, extra=extra, Rows=16, Columns=16, **more)


OVER, BAD = Reason.OVER_LIMIT, Reason.UNDECODABLE
ATTACKS: dict[str, tuple[Callable[[], bytes], set[Reason]]] = {
    "deflate-bomb": (deflate_bomb, {OVER}),
    "deflated-twice": (deflated_twice, {Reason.CORRUPT}),
    "rle-bomb": (rle_bomb, {BAD}),
    "rle-offsets": (rle_offsets, {BAD}),
    "j2k-claims-more-than-attributes": (
        lambda: encapsulated(j2k_that_claims(60000, 60000), J2K, Rows=40, Columns=36),
        {BAD},
    ),
    "j2k-and-attributes-claim": (lambda: encapsulated(j2k_that_claims(SIDE, SIDE), J2K), {OVER}),
    "jls-and-attributes-claim": (
        lambda: encapsulated(jls_that_claims(SIDE, SIDE), JPEG_LS),
        {OVER},
    ),
    "jls-claims-and-pays": (
        lambda: encapsulated(jls_that_claims(SIDE, SIDE) + bytes(SIDE * SIDE // 500), JPEG_LS),
        {BAD},
    ),
    "beyond-a-frames-bytes": (
        lambda: encapsulated(j2k_that_claims(60000, 60000), J2K, Rows=60000, Columns=60000),
        {OVER},
    ),
    "jpeg-claims-more-than-attributes": (
        lambda: encapsulated(
            jpeg_that_claims(60000, 60000), EXTENDED, Rows=8, Columns=16, BitsAllocated=16
        ),
        {BAD},
    ),
    "rows-and-columns": (lambda: grey(Rows=65535, Columns=65535), {OVER}),
    "frames": (lambda: grey(NumberOfFrames=2**31 - 1), {OVER}),
    "negative-frames": (lambda: grey(NumberOfFrames=-1), {BAD}),
    "frames-that-overflow": (lambda: grey(NumberOfFrames=10**11), {OVER, BAD}),
    "bits": (lambda: grey(BitsAllocated=65535, BitsStored=65535), {OVER, BAD}),
    "more-than-there-is": (lambda: grey(Rows=4000, Columns=4000), {BAD}),
    "depth": (lambda: nested(5000), {OVER}),
    "elements": (
        lambda: part10(header(Coding()) + Coding().element(0x00091005, "LO", b"") * 300_000),
        {OVER},
    ),
    "undefined-length": (lambda: with_length(UNDEFINED), {Reason.CORRUPT, Reason.NOT_WHOLE}),
    "undefined-implicit": (
        lambda: with_length(UNDEFINED, IMPLICIT),
        {Reason.CORRUPT, Reason.NOT_WHOLE},
    ),
    "negative-length": (lambda: with_length(0xFFFFFFFE), {Reason.CORRUPT, Reason.NOT_WHOLE}),
    "two-gigabytes": (lambda: with_length(0x7FFFFFFE), {Reason.CORRUPT, Reason.NOT_WHOLE}),
    "palette-in-itself": (palette_that_claims, {BAD}),
}


def job(home: Path, name: str) -> Job:
    return Job(
        id=name,
        root=home,
        path=f"{name}.dcm",
        device=None,
        out=home / "out",
        key_file=home / "key",
        scrub=ScrubOptions(),
        pixels=PixelOptions(),
        render=RenderOptions(),
        limits=LIMITS,
    )


def only_worker() -> int:
    """The process id of the only worker there is: the fork server's child."""
    server = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    children = Path(f"/proc/{server}/task/{server}/children").read_text(encoding="ascii").split()
    assert len(children) == 1
    return int(children[0])


def peak(pid: int) -> int:
    """The greatest resident set of a process so far, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM"))


async def test_no_attack_costs_the_worker_or_its_memory(tmp_path: Path) -> None:
    """One worker takes them all, by reasons that a person can read, and then an honest image."""
    (tmp_path / "out").mkdir()
    make_key(tmp_path / "key")
    for name, (made, _) in ATTACKS.items():
        (tmp_path / f"{name}.dcm").write_bytes(made())
    for number, name in enumerate(("honest", "last")):
        ct(number).save_as(tmp_path / f"{name}.dcm")
    outcomes: dict[str, Outcome] = {}
    async with Workers(WorkerOptions(processes=1, timeout=60, memory=1 << 30)) as workers:
        assert isinstance(await workers.prepare(job(tmp_path, "honest")), Prepared)
        pid, before = only_worker(), peak(only_worker())
        for name in ATTACKS:
            outcomes[name] = await workers.prepare(job(tmp_path, name))
        assert isinstance(await workers.prepare(job(tmp_path, "last")), Prepared)
        assert only_worker() == pid
        assert peak(pid) - before < GROWTH
    for name, (_, reasons) in ATTACKS.items():
        outcome = outcomes[name]
        assert isinstance(outcome, Refused | Deferred), name
        assert outcome.reason in reasons, (name, outcome)
    assert [path.name for path in (tmp_path / "out").iterdir() if "honest" not in path.name] == [
        path.name for path in (tmp_path / "out").iterdir() if path.name.startswith("last")
    ]


async def test_a_codec_that_asks_for_more_than_the_cap_is_told_no(tmp_path: Path) -> None:
    """The attributes allow it, the worker's memory does not: quarantined, and the worker lives."""
    (tmp_path / "out").mkdir()
    make_key(tmp_path / "key")
    side = 2 * SIDE
    paid = bytes(side * side // 500)  # behind its end: enough for the ratio of decoded bytes
    data = encapsulated(j2k_that_claims(side, side) + paid, J2K, Rows=side, Columns=side)
    (tmp_path / "large.dcm").write_bytes(data)
    ct(0).save_as(tmp_path / "honest.dcm")
    async with Workers(WorkerOptions(processes=1, timeout=60, memory=256 << 20)) as workers:
        assert isinstance(await workers.prepare(job(tmp_path, "honest")), Prepared)
        pid = only_worker()
        large = job(tmp_path, "large")
        outcome = await workers.prepare(
            Job(**{name: getattr(large, name) for name in Job.__slots__} | {"limits": Limits()})
        )
        assert only_worker() == pid
    assert isinstance(outcome, Refused)
    assert outcome.reason in {Reason.UNDECODABLE, Reason.OUT_OF_MEMORY}


def test_attacks_are_small() -> None:
    """A file that is as large as what it unfolds to would be no attack, and prove no limit."""
    for name, (made, _) in ATTACKS.items():
        assert len(made()) < 4 * MB, name
    assert np.prod([SIDE, SIDE]) * 2 > 64 * MB
