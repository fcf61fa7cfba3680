"""The course: settings bent to a throw-away receiver and state, files, a kill, a restart."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from watcher.options import DeliverOptions
from watcher.receiver.app import Running
from watcher.receiver.app import start as start_receiver
from watcher.receiver.faults import Fault, Faults, Kind
from watcher.selftest.patients import Image, damaged, patients, slices, ultrasound, write
from watcher.settings import Customer, Settings, as_toml
from watcher.store import listing, queries
from watcher.store.listing import Filter
from watcher.store.queries import Tally
from watcher.store.records import Row

TESTED = "selftest"
_SLICES = 3


@dataclass(frozen=True, slots=True)
class Dropped:
    """All files of one customer. `follow_up` is the first patient's, some days later."""

    customer: str
    first: tuple[Image, ...]
    follow_up: tuple[Image, ...]
    other: tuple[Image, ...]
    ultrasound: Image
    damaged: Image
    again: Image

    @property
    def images(self) -> tuple[Image, ...]:
        """Everything, in the order in which it is dropped; the doublet comes later."""
        return (*self.first, *self.follow_up, *self.other, self.ultrasound, self.damaged)


@dataclass(frozen=True, slots=True)
class Course:
    """What is left when it is over. `exits` are the codes of the two runs."""

    home: Path
    settings: Settings
    dropped: tuple[Dropped, ...]
    receiver: Running
    rows: tuple[Row, ...]
    tallies: tuple[Tally, ...]
    exits: tuple[int, int]
    killed_after: int
    seconds: float

    def row_of(self, customer: str, image: Image) -> Row | None:
        """What became of one file."""
        return next(
            (row for row in self.rows if (row.customer, row.path) == (customer, image.name)), None
        )


def kinds(settings: Settings) -> dict[str, Customer]:
    """One customer for each combination of scrub, pixels and render that the site has."""
    everyone = {TESTED: settings.of(TESTED), **dict(sorted(settings.customers.items()))}
    known: list[object] = []
    chosen = {}
    for name, own in everyone.items():
        kind = (own.scrub, own.pixels, own.render)
        if kind not in known:
            known.append(kind)
            chosen[name] = own
    return chosen


def bent(settings: Settings, home: Path, url: str) -> Settings:
    """The same settings with another state, drop folder and backend, and nothing held back."""
    customers = {
        name: own.model_copy(
            update={
                "deliver": _deliver(own.deliver, url),
                "archive": own.archive.model_copy(update=_ARCHIVE),
                "paused": False,
            }
        )
        for name, own in kinds(settings).items()
    }
    return settings.model_copy(
        update={
            "state": home / "state",
            "intake": settings.intake.model_copy(update={"root": home / "drop"}),
            "deliver": _deliver(settings.deliver, url),
            "archive": settings.archive.model_copy(update=_ARCHIVE),
            "log": settings.log.model_copy(update={"console": False}),
            "observe": settings.observe.model_copy(update={"listen": "off"}),
            "customers": customers,
        }
    )


_ARCHIVE = {"after_delivery": "archive", "keep_outbox": True}


def _deliver(deliver: DeliverOptions, url: str) -> DeliverOptions:
    """Batches, retries and time limits stay the site's own; credentials and hours do not."""
    kept = ("batch_images", "batch_bytes", "batch_linger", "attempts", "split_after")
    return DeliverOptions(url=url, concurrency=1, retry_first=0.2, breaker_rest=0.2).model_copy(
        update={name: getattr(deliver, name) for name in kept}
    )


async def run(
    settings: Settings, home: Path, patience: float, tell: Callable[[str], None]
) -> Course:
    """Go the whole course. `patience` is how many seconds either run of the gateway may take."""
    started = time.monotonic()
    faults = Faults()
    faults.script.extend([Fault(Kind.STATUS, 503), Fault(Kind.LOST_REPLY)])
    receiver = await start_receiver(home / "receiver", faults=faults, inflate=True)
    try:
        own = bent(settings, home, receiver.url)
        (home / "settings.toml").write_text(as_toml(own), encoding="utf-8")
        dropped = tuple(_drop(name, each, own) for name, each in own.customers.items())
        tell(f"{sum(len(each.images) for each in dropped)} images are dropped")
        killed_after, first = await _until_killed(home, receiver, patience)
        tell(f"killed after {killed_after} were accepted; starting again")
        for each in dropped:
            write(each.again, own.intake.root / each.customer)
        second = await _drain(home, patience)
    finally:
        await receiver.stop()
    ledger = own.state / "ledger.sqlite"
    rows, tallies = _looked(ledger) if ledger.exists() else ((), ())
    return Course(
        home=home,
        settings=own,
        dropped=dropped,
        receiver=receiver,
        rows=tuple(rows),
        tallies=tuple(tallies),
        exits=(first, second),
        killed_after=killed_after,
        seconds=time.monotonic() - started,
    )


def _looked(ledger: Path) -> tuple[Sequence[Row], Sequence[Tally]]:
    with closing(queries.reader(ledger)) as db:
        return listing.page(db, Filter(), 100_000), queries.tallies(db)


def _drop(customer: str, own: Customer, settings: Settings) -> Dropped:
    one, other = patients(2)
    first = slices(one, own, 0, _SLICES)
    made = Dropped(
        customer=customer,
        first=tuple(first),
        follow_up=tuple(slices(one, own, 10, 1)),
        other=tuple(slices(other, own, 0, 1)),
        ultrasound=ultrasound(other, own),
        damaged=damaged(first[0]),
        again=Image(f"again-{first[0].name}", first[0].dataset, first[0].planted),
    )
    for image in made.images:
        write(image, settings.intake.root / customer)
    return made


async def _start(home: Path, *more: str) -> asyncio.subprocess.Process:
    # The site's own WATCHER_ variables are in the bent settings already.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WATCHER_")}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "watcher", "run", "--settings", str(home / "settings.toml"), *more),
        cwd=home,
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )


async def _until_killed(home: Path, receiver: Running, patience: float) -> tuple[int, int]:
    """Run until something was accepted, then kill without warning; (accepted, exit code)."""
    process = await _start(home)
    end = time.monotonic() + patience
    while process.returncode is None and time.monotonic() < end:
        if receiver.receiver.shelf.images:
            break
        await asyncio.sleep(0.02)
    accepted = sum(receiver.receiver.shelf.images.values())
    if process.returncode is None:
        process.kill()
    return accepted, await process.wait()


async def _drain(home: Path, patience: float) -> int:
    process = await _start(home, "--drain")
    try:
        return await asyncio.wait_for(process.wait(), patience)
    except TimeoutError:
        process.kill()
        await process.wait()
        return -1
