"""Faults: SIGKILLs, power cuts, failing disks and long runs; lost, accepted twice, time to recover.

One line a fault. Without options it takes some minutes; --long does what an unattended year might.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import os
import random
import shutil
import signal
import sqlite3
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.way.box import Box
from tests.way.disk import CHANGES, GROWS, MODES, OPENS, READS, FaultyDisk, compiled
from tests.way.images import ct, drop
from tests.way.nursery import Nursery
from watcher.receiver.app import Running, start

_HEAD = ("fault", "trials", "files", "lost", "twice", "partial", "refused", "recover s", "took s")
_KINDS = {errno.ENOSPC: GROWS, errno.EIO: OPENS | GROWS | READS | CHANGES, errno.EMFILE: OPENS}
_PATIENT = "attempts = 50\n"  # that a file was at hand when the process died is not its fault here


@dataclass
class Site:
    """A box, a backend, and files that are told from each other by their UIDs alone."""

    box: Box
    backend: Running
    template: bytes
    uid: bytes
    dropped: int = 0

    def drop(self, count: int) -> None:
        """Rename so many new files in."""
        folder = self.box.drop / "north" / str(self.dropped // 1000)
        folder.mkdir(parents=True, exist_ok=True)
        for _ in range(count):
            self.dropped += 1
            uid = b"2.25.%0*d" % (len(self.uid) - 5, 10**30 + self.dropped)
            partial = folder / f"{self.dropped}.part"
            partial.write_bytes(self.template.replace(self.uid, uid))
            partial.rename(partial.with_suffix(".dcm"))

    def row(self, fault: str, trials: int, recover: float, took: float) -> tuple[object, ...]:
        """What became of everything, past the product's own counting."""
        accepted = Counter(self.backend.receiver.shelf.images.values())
        arrived = sum(accepted.values())
        pictures = {p.stat().st_size for p in self.backend.receiver.shelf.accepted.rglob("*.png")}
        states = self.box.states()
        refused = states.total() - states["delivered"]
        lost = self.dropped - arrived - refused
        twice = sum(count * (times - 1) for times, count in accepted.items())
        kept = len(self.box.archived())
        left = len(self.box.dropped())
        told = f"{arrived} arrived, {kept} originals are archived, {left} still in the drop folder"
        assert kept == arrived, f"{told}: {dict(self.box.states())}"
        partial = len(pictures) - 1  # all show the same: one length
        return fault, trials, self.dropped, lost, twice, partial, refused, recover, took


@asynccontextmanager
async def site(home: Path, more: str = _PATIENT) -> AsyncIterator[Site]:
    """A fresh one."""
    (home / "box").mkdir(parents=True)
    backend = await start(home / "backend")
    box = Box(home / "box", backend.url, more)
    sample = drop(ct(1), home, "sample")
    uid = str(ct(1).SOPInstanceUID).encode()
    try:
        yield Site(box, backend, sample.read_bytes(), uid)
    finally:
        await backend.stop()


async def kills(home: Path, trials: int, files: int, seed: int) -> tuple[object, ...]:
    """SIGKILL of the gateway at random moments, from its first breath on."""
    rng = random.Random(seed)
    async with site(home) as here, Nursery() as nursery:
        here.drop(files)
        settings, said, began = here.box.settings, home / "said", time.monotonic()
        done = 0
        while done < trials:
            pid = await nursery.start(settings, said, "--drain")
            ended = asyncio.create_task(nursery.ended())
            await asyncio.wait([ended], timeout=rng.choice((0.2, 0.5, 1.5)) * rng.random())
            if ended.done():
                here.drop(files // 10 or 1)  # all was done before all kills were
            else:
                with suppress(ProcessLookupError):  # it ended just now
                    os.kill(pid, signal.SIGKILL)
                    done += 1
            await ended
        recover = await _finish(nursery, settings, said)
        return here.row("SIGKILL of the gateway", trials, recover, time.monotonic() - began)


async def _finish(nursery: Nursery, settings: Path, said: Path) -> float:
    """Let the gateway end in peace; returns the seconds from its start to being ready."""
    began = time.monotonic()
    await nursery.start(settings, said, "--drain")
    while " ready" not in said.read_text():  # noqa: ASYNC110, ASYNC240 - another process decides
        await asyncio.sleep(0.02)
    recover = time.monotonic() - began
    code = await nursery.ended(within=1800)
    assert code == 0, said.read_text()[-3000:]  # noqa: ASYNC240
    return recover


async def cuts(home: Path, trials: int, seed: int, day: float) -> tuple[object, ...]:
    """Power cuts after a random change; see tests/way/disk.c for what survives one.

    The archive's days are `day` seconds long, so that each run makes new folders.
    """
    library, rng = compiled(), random.Random(seed)
    assert library is not None, "a C compiler is needed"
    began = time.monotonic()
    async with site(home) as here:
        disk = FaultyDisk(here.box.home, home / "kept", library)
        settings, said, done = here.box.settings, home / "said", 0
        async with Nursery(**disk.environment, NURSERY_DAY=str(day)) as nursery:
            while done < trials:
                here.drop(2)
                disk.begin()
                disk.control.cut_at = rng.randint(1, 60 * len(here.box.dropped()) + 60)
                disk.control.gateway = await nursery.start(settings, said, "--drain")
                code = await nursery.ended()
                # The shared fork server does not survive a client that dies while it asks; alone,
                # a gateway would have its own.
                ours = code not in (0, -signal.SIGKILL)
                assert not ours or "BrokenProcessPool" in said.read_text(), said.read_text()
                disk.lose(rng.choice(MODES), rng)
                done += code == -signal.SIGKILL
            disk.begin()
            recover = await _finish(nursery, settings, said)
        print(f"{len(list((here.box.state / 'archive' / 'north').iterdir()))} folders of days")
        return here.row("power cut", trials, recover, time.monotonic() - began)


async def failing(home: Path, number: int, rounds: int) -> tuple[object, ...]:
    """Operations on files fail with one errno, each n-th of them, under a running gateway."""
    library, rng = compiled(), random.Random(number)
    assert library is not None, "a C compiler is needed"
    began, failed, recover = time.monotonic(), 0, 0.0
    async with site(home) as here:
        disk = FaultyDisk(here.box.home, home / "kept", library)
        settings, said = here.box.settings, home / "said"
        disk.begin()
        async with Nursery(**disk.environment) as nursery:
            pid = await nursery.start(settings, said)
            await _until((here.box.state / "control.sock").exists)
            for _ in range(rounds):
                every = rng.choice((1, 2, 3, 5, 7, 11, 17, 29, 53))
                disk.fail(number, _KINDS[number], every, rng.randrange(every))
                here.drop(4)
                await asyncio.sleep(0.7)
                failed += disk.control.failed
                disk.fail(0, 0, 0, 0)
                lifted = time.monotonic()
                await _until(lambda: not here.box.dropped())
                recover = max(recover, time.monotonic() - lifted)
            os.kill(pid, signal.SIGTERM)
            assert await nursery.ended() == 0, said.read_text()[-3000:]
        took = time.monotonic() - began
        return here.row(f"{errno.errorcode[number]} of operations", failed, recover, took)


async def _until(condition: Callable[[], bool], within: float = 90.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - another process decides
            await asyncio.sleep(0.05)


async def steady(home: Path, files: int) -> tuple[object, ...]:
    """Many files through one process; prints its memory and descriptors on the way."""
    async with site(home, "") as here, Nursery() as nursery:
        box, settings = here.box, _as_shipped(here.box)
        began = time.monotonic()
        pid = await nursery.start(settings, home / "said")
        await _until((box.state / "control.sock").exists)
        print("  files  resident MiB  descriptors")
        for _ in range(10):
            here.drop(files // 10)
            await _until(lambda: here.box.states()["delivered"] == here.dropped, within=900)
            held = len(os.listdir(f"/proc/{pid}/fd"))
            print(f"{here.dropped:7} {_resident(pid) / 2**20:13.1f} {held:12}", flush=True)
        await _until(lambda: not here.box.dropped(), within=300)
        os.kill(pid, signal.SIGTERM)
        assert await nursery.ended() == 0
        return here.row("none, one process", 1, 0.0, time.monotonic() - began)


async def fairness(home: Path, files: int) -> tuple[object, ...]:
    """Single images of one customer: alone, while another's drop is taken in, and beside it then.

    With the shipped numbers of workers and requests. Prints the p95 of each.
    """
    async with site(home, "") as here, Nursery() as nursery:
        began = time.monotonic()
        pid = await nursery.start(_as_shipped(here.box), home / "said")
        await _until((here.box.state / "control.sock").exists)
        for number in range(10):
            await _urgent(here, number)
        alone = _p95("alone", [await _urgent(here, number) for number in range(100, 160)])
        here.drop(files)
        first = [await _urgent(here, number) for number in range(200, 260)]
        await _until(lambda: here.box.states().total() >= files, within=600)
        then = [await _urgent(here, number) for number in range(300, 360)]
        for name, times in (("while it is taken in", first), ("beside the backlog", then)):
            print(f"{_p95(name, times) / alone:.1f} times the usual p95")
        assert here.box.states()["queued"] > 0, "the backlog was too small to be beside"
        os.kill(pid, signal.SIGTERM)
        await nursery.ended()
        accepted = Counter(here.backend.receiver.shelf.images.values())
        lost = here.box.states()["delivered"] - sum(accepted.values())
        twice = sum(count * (times - 1) for times, count in accepted.items())
        took = time.monotonic() - began
        return "another's backlog", 1, here.dropped + 190, lost, twice, 0, 0, 0.0, took


def _as_shipped(box: Box) -> Path:
    """The box's settings with as many workers and requests as a site has that sets neither."""
    text = box.settings.read_text()
    path = box.home / "shipped.toml"
    path.write_text(text.replace("processes = 1\n", "").replace("concurrency = 1\n", ""))
    return path


Stretches = tuple[float, float, float]
"""Seconds from the rename to the ledger, from there to staged, from there to acknowledged."""


def _p95(name: str, times: list[Stretches]) -> float:
    """Print how long it took, and where; returns the 95th percentile of the whole in seconds."""
    whole = [sum(each) for each in times]
    p50, p95 = (statistics.quantiles(whole, n=20)[cut] for cut in (9, 18))
    parts = [statistics.quantiles(part, n=20)[18] * 1000 for part in zip(*times, strict=True)]
    print(
        f"urgent, {name:20} p50 {p50 * 1000:6.0f} ms  p95 {p95 * 1000:6.0f} ms "
        "(p95 to the ledger {:.0f}, staged {:.0f}, acknowledged {:.0f})".format(*parts)
    )
    return p95


async def _urgent(here: Site, number: int) -> Stretches:
    """Drop one, and read in the ledger when it was where."""
    folder = here.box.drop / "urgent"
    folder.mkdir(parents=True, exist_ok=True)
    partial, name = folder / f"{number}.part", f"{number}.dcm"
    uid = b"2.25.%0*d" % (len(here.uid) - 5, 9 * 10**30 + number)
    partial.write_bytes(here.template.replace(here.uid, uid))
    began = time.time()
    partial.rename(folder / name)
    await _until(lambda: not (folder / name).exists())
    with here.box.ledger() as db:
        moves = db.execute(
            "SELECT events.at FROM events JOIN instances USING (id)"
            " WHERE customer = 'urgent' AND path = ? ORDER BY seq",
            (name.encode(),),
        ).fetchall()
    (seen,), (staged,), (delivered,) = moves
    return seen - began, staged - seen, delivered - staged


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def million(home: Path, rows: int) -> list[tuple[object, ...]]:
    """What a ledger of so many rows costs: to open, check, count, claim from and back up."""
    from watcher.model import Signature, State
    from watcher.store import database, queries
    from watcher.store.ledger import Ledger

    home.mkdir()
    db = database.connect(home / "ledger.sqlite")
    ledger = Ledger(db)
    db.execute("BEGIN")
    for first in range(0, rows, 1000):
        ledger.admit(
            ((f"c{n % 3}", f"f{n}", Signature(1, n, 9, 1)) for n in range(first, first + 1000)),
            1.0,
        )
    db.execute(
        "UPDATE instances SET state = 'staged', sha256 = id, uid_digest = id"
        " WHERE inode < ? - 1000",
        (rows,),
    )
    db.execute("UPDATE instances SET state = 'delivered', disposed = 1 WHERE state = 'staged'")
    db.execute("COMMIT")
    db.close()
    began = time.perf_counter()
    db = database.connect(home / "ledger.sqlite")
    ledger = Ledger(db)
    print(f"\na ledger of {rows} rows, {(home / 'ledger.sqlite').stat().st_size >> 20} MiB")
    deeds: list[tuple[str, Callable[[], object]]] = [
        ("open", lambda: None),
        ("quick_check", lambda: db.execute("PRAGMA quick_check").fetchall()),
        ("all counts", lambda: queries.tallies(db)),
        ("claim one", lambda: ledger.claim(State.QUEUED, "c1", 1, 2.0)),
        ("admit one", lambda: ledger.admit([("c1", "new", Signature(1, 1, 1, 1))], 2.0)),
        ("undisposed", lambda: queries.undisposed(db, 256)),
        ("backup", lambda: database.backup(db, home / "copy.sqlite")),
    ]
    for name, deed in deeds:
        deed()
        print(f"  {name:12} {(time.perf_counter() - began) * 1000:9.1f} ms")
        began = time.perf_counter()
    db.close()
    return []


def main(argv: list[str]) -> int:
    """Run the chosen parts in a temporary folder and print the table."""
    parser = argparse.ArgumentParser(prog="bench faults", description=__doc__)
    parser.add_argument("--long", action="store_true", help="1000 kills, 500 cuts, 20000 files")
    parser.add_argument(
        "--only", choices=("kills", "cuts", "failing", "steady", "fairness", "million")
    )
    parser.add_argument("--kills", type=int, help="how many SIGKILLs")
    parser.add_argument("--files", type=int, help="files for the kills")
    parser.add_argument("--seed", type=int, default=1, help="of the random moments")
    parser.add_argument("--cuts", type=int, help="how many power cuts")
    parser.add_argument("--day", type=float, default=0.3, help="seconds of a day of the archive")
    chosen = parser.parse_args(argv)
    number = 1000 if chosen.long else 30
    kill_count, seed = chosen.kills or number, chosen.seed
    fast = Path("/dev/shm") if Path("/dev/shm").is_dir() else None  # noqa: S108 - ours, and gone
    home = Path(tempfile.mkdtemp(prefix="bench-faults-", dir=fast))
    parts: dict[str, Callable[[], list[tuple[object, ...]]]] = {
        "kills": lambda: [
            asyncio.run(kills(home / "kills", kill_count, chosen.files or kill_count * 10, seed))
        ],
        "cuts": lambda: [
            asyncio.run(cuts(home / "cuts", chosen.cuts or number // 2, seed, chosen.day))
        ],
        "failing": lambda: [
            asyncio.run(failing(home / str(each), each, number // 10)) for each in _KINDS
        ],
        "steady": lambda: [asyncio.run(steady(home / "steady", number * 20))],
        "fairness": lambda: [asyncio.run(fairness(home / "fairness", max(5000, number * 40)))],
        "million": lambda: million(home / "million", number * 1000),
    }
    try:
        rows = [
            row for name, part in parts.items() if chosen.only in (None, name) for row in part()
        ]
        for row in [_HEAD, *rows]:
            fault, *cells = [f"{c:.1f}" if isinstance(c, float) else str(c) for c in row]
            print(f"{fault:24}", *(f"{cell:>9}" for cell in cells))
        return int(any(row[column] for row in rows for column in (3, 4, 5)))
    except sqlite3.Error as error:
        print(type(error).__name__)
        return 1
    finally:
        shutil.rmtree(home)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
