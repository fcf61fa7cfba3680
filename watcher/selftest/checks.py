"""What was promised, held against what a course has left behind."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median

import numpy as np

from watcher import overview
from watcher.dicom.names import Dataset
from watcher.dicom.part10 import parse
from watcher.dicom.walk import walk
from watcher.errors import DeferredError, ExcludedError, RefusedError
from watcher.model import Reason, State
from watcher.observe.console import readable
from watcher.render.picture import load
from watcher.selftest.course import Course, Dropped
from watcher.selftest.patients import BETWEEN, FIRST_DAY, Image, Planted
from watcher.store import queries
from watcher.store.records import Row
from watcher.store.spool import Spool

_VISIBLE = 10.0
"""Grey levels by which letters may stand out of their surroundings: noise does by 1 or 2."""


@dataclass(frozen=True, slots=True)
class Check:
    """One promise: what it is, what was found, and whether it held."""

    promise: str
    found: str
    held: bool


def examine(course: Course) -> list[Check]:
    """Every promise, in the order of an image's way."""
    several = len(course.dropped) > 1
    found = [_ran(course)]
    for dropped in course.dropped:
        mark = f" ({dropped.customer})" if several else ""
        for check in _of_customer(course, dropped):
            found.append(Check(check.promise + mark, check.found, check.held))
    return [*found, _scrubbed(course), _unsaid(course), _once(course), *_restart(course)]


def _of_customer(course: Course, dropped: Dropped) -> Iterator[Check]:
    yield _arrived(course, dropped)
    yield _delivered(course, dropped)
    yield _refused(course, dropped)
    yield _doublet(course, dropped)
    yield _burned_in(course, dropped)
    yield _pseudonyms(course, dropped)
    yield from _dates(course, dropped)
    yield _kept(course, dropped)


def _ran(course: Course) -> Check:
    code = course.exits[1]
    words = {0: "it settled everything and ended", 3: "it ended, but files are still pending"}
    found = words.get(code, f"it ended with code {code} (-1: out of time)")
    log = course.settings.state / "log" / "watcher.jsonl"
    for line in overview.last_lines(log, ("error",), 3 if code else 0):
        found += f"; {readable(line, coloured=False)}"
    return Check("The gateway runs on these settings, recipes and models", found, code == 0)


def _arrived(course: Course, dropped: Dropped) -> Check:
    images = [*dropped.images, dropped.again]
    seen = sum(course.row_of(dropped.customer, image) is not None for image in images)
    found = f"{seen} of {len(images)} files were seen"
    return Check("Every dropped file is seen", found, seen == len(images))


def _delivered(course: Course, dropped: Dropped) -> Check:
    images = [*dropped.first, *dropped.follow_up, *dropped.other]
    rows = [course.row_of(dropped.customer, image) for image in images]
    count = sum(row is not None and row.state is State.DELIVERED for row in rows)
    others = sorted({_word(row) for row in rows if row is None or row.state is not State.DELIVERED})
    found = f"{count} of {len(images)}" + (f"; others: {', '.join(others)}" if others else "")
    return Check("Clean CT slices are delivered", found, count == len(images))


def _word(row: Row | None) -> str:
    if row is None:
        return "not seen"
    return " ".join(word for word in (row.state, row.reason, row.detail) if word)


def _refused(course: Course, dropped: Dropped) -> Check:
    row = course.row_of(dropped.customer, dropped.damaged)
    held = row is not None and row.state is State.QUARANTINED
    return Check("A damaged file stays here, with a reason", _word(row), held)


def _doublet(course: Course, dropped: Dropped) -> Check:
    row = course.row_of(dropped.customer, dropped.again)
    held = row is not None and row.state is State.DUPLICATE
    return Check("The same file under another name is not sent again", _word(row), held)


def _burned_in(course: Course, dropped: Dropped) -> Check:
    promise = "A name burned into an ultrasound does not leave"
    row = course.row_of(dropped.customer, dropped.ultrasound)
    if row is not None and row.state is State.QUARANTINED:
        return Check(promise, f"refused: {_word(row)}", row.reason == Reason.BURNED_IN)
    if row is None or row.state is not State.DELIVERED:
        return Check(promise, _word(row), False)
    seen = _standing_out(course, row, dropped.ultrasound)
    found = f"sent with {len(row.prepared.boxes) if row.prepared else 0} boxes filled; letters"
    return Check(promise, f"{found} stand out by {seen:.1f} grey levels", seen < _VISIBLE)


def _standing_out(course: Course, row: Row, image: Image) -> float:
    """Mean grey level of the letters' pixels over that of the pixels around them."""
    if row.prepared is None or image.letters is None:
        return math.inf
    outbox = Spool(course.settings.state).outbox / row.customer
    shown = load(outbox / row.prepared.images[0].png.name)[..., 0].astype(float)
    if shown.shape != image.letters.shape:
        return math.inf
    lines = np.flatnonzero(image.letters.any(axis=1))
    columns = np.flatnonzero(image.letters.any(axis=0))
    place = np.s_[lines[0] : lines[-1] + 1, columns[0] : columns[-1] + 1]
    letters, around = shown[place][image.letters[place]], shown[place][~image.letters[place]]
    return float(abs(letters.mean() - around.mean()))


def _pseudonyms(course: Course, dropped: Dropped) -> Check:
    def names(images: tuple[Image, ...]) -> set[str]:
        rows = [course.row_of(dropped.customer, image) for image in images]
        return {row.prepared.study.patient_id for row in rows if row and row.prepared}

    first, other = names((*dropped.first, *dropped.follow_up)), names(dropped.other)
    held = len(first) == 1 and len(other) == 1 and not first & other
    found = f"{len(first)} pseudonym for one patient in two studies, {len(other)} for another"
    return Check("A patient keeps one pseudonym, and shares it with nobody", found, held)


def _dates(course: Course, dropped: Dropped) -> Iterator[Check]:
    if course.settings.of(dropped.customer).scrub.dates != "modified":
        return
    promise = "Dates are moved, and the interval between two studies is kept"
    days = [
        _day(_cleaned(course, dropped.customer, image))
        for image in (dropped.first[0], dropped.follow_up[0])
    ]
    if days[0] is None or days[1] is None:
        yield Check(promise, "a cleaned file has no Study Date", False)
        return
    apart = (days[1] - days[0]).days
    moved = days[0].date() != FIRST_DAY
    found = f"{apart} days apart, {'moved' if moved else 'not moved'}"
    yield Check(promise, found, apart == BETWEEN and moved)


def _day(dataset: Dataset | None) -> datetime | None:
    text = "" if dataset is None else str(dataset.get("StudyDate", ""))
    return datetime.strptime(text, "%Y%m%d").astimezone() if text else None


def _kept(course: Course, dropped: Dropped) -> Check:
    source, cleaned = dropped.first[0].dataset, _cleaned(course, dropped.customer, dropped.first[0])
    lost = [name for name in _MEANING if cleaned is None or cleaned.get(name) != source.get(name)]
    found = f"lost: {', '.join(lost)}" if lost else ", ".join(_MEANING)
    return Check("What the image means is kept", found, not lost)


_MEANING = ("Modality", "BodyPartExamined", "PixelSpacing", "SliceThickness", "RescaleIntercept")


def _cleaned(course: Course, customer: str, image: Image) -> Dataset | None:
    row = course.row_of(customer, image)
    if row is None or row.prepared is None:
        return None
    path = Spool(course.settings.state).outbox / customer / row.prepared.dcm.name
    if not path.is_file():
        return None
    data, limits = memoryview(path.read_bytes()), course.settings.limits
    try:
        return parse(data, walk(data, limits), limits).dataset
    except (RefusedError, DeferredError, ExcludedError):
        return None


# -- over all customers ----------------------------------------------------------------------


def _scrubbed(course: Course) -> Check:
    """Every planted value, whole, in any case, in every byte that left and every cleaned file."""
    wanted = _wanted(course)
    files = _bytes(course.home / "receiver", Spool(course.settings.state).outbox)
    there = [each for each in wanted if any(_in(each, data) for data in files)]
    leaked = sorted({each.what for each in there})
    gone = len(wanted) - len(there)
    found = (
        f"score {gone} of {len(wanted)}: so many planted values are in none of {len(files)} files"
    )
    found += f"; FOUND: {', '.join(leaked)}" if leaked else ""
    promise = "No identifying value is in anything that was sent, nor in a cleaned file"
    return Check(promise, found, bool(files) and not leaked)


def _unsaid(course: Course) -> Check:
    files = _bytes(course.settings.state / "log")
    leaked = {each.what for each in _wanted(course) if any(_in(each, data) for data in files)}
    found = f"FOUND: {', '.join(sorted(leaked))}" if leaked else "none is there"
    return Check("No identifying value is in the log", found, bool(files) and not leaked)


def _wanted(course: Course) -> list[Planted]:
    images = [image for dropped in course.dropped for image in dropped.images]
    every = {planted for image in images for planted in image.planted if not planted.allowed}
    return sorted(every, key=lambda planted: (planted.what, planted.value))


def _bytes(*folders: Path) -> list[bytes]:
    paths = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return [path.name.encode() + b"\n" + path.read_bytes().lower() for path in paths]


def _in(planted: Planted, data: bytes) -> bool:
    return planted.value.lower().encode() in data


def _once(course: Course) -> Check:
    counts = course.receiver.receiver.shelf.images
    twice = sum(n > 1 for n in counts.values())
    sent = sum(
        len(row.prepared.images)
        for row in course.rows
        if row.prepared is not None and row.state is State.DELIVERED
    )
    found = f"{len(counts)} images accepted, {sent} delivered by the ledger, {twice} twice"
    promise = "The receiver has each delivered image exactly once, after a 503 and a lost answer"
    return Check(promise, found, len(counts) == sent > 0 and not twice)


def _restart(course: Course) -> Iterator[Check]:
    lost = sum(tally.unaccounted for tally in course.tallies)
    pending = sum(tally.pending for tally in course.tallies)
    seen = sum(tally.seen for tally in course.tallies)
    found = f"killed when {course.killed_after} were accepted; then {seen} seen, {pending} pending"
    promise = "After a kill without warning it goes on, and every file is accounted for"
    yield Check(promise, f"{found}, {lost} lost", seen > 0 and lost == 0 and pending == 0)
    waits = waiting_times(course)
    if waits:
        found = f"{median(waits):.1f} s in the middle, {max(waits):.1f} s at most, start included"
        yield Check("From drop to acknowledgement", found, True)


def waiting_times(course: Course) -> list[float]:
    """Seconds from first sight to acknowledgement of each delivered file, sorted."""
    ledger = course.settings.state / "ledger.sqlite"
    if not ledger.exists():
        return []
    with closing(queries.reader(ledger)) as db:
        ends = {row.id: queries.history(db, row.id)[-1].at for row in course.rows}
    delivered = [row for row in course.rows if row.state is State.DELIVERED]
    return sorted(ends[row.id] - row.seen_at for row in delivered)
