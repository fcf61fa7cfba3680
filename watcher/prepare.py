"""The pure call that runs in a worker process: one source file in, files and pseudonyms out.

`prepare(job)` opens, walks, parses, scrubs, renders, encodes and proves one Instance. Paths and
hashes go in and come out; no pixels cross the pipe. Everything unexpected is caught here, once.
"""

from __future__ import annotations

import errno
import functools
import mmap
import os
import resource
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from watcher.deliver import body, encode
from watcher.dicom import frames as dicom_frames
from watcher.dicom import paging, part10, walk, writing
from watcher.dicom.scrubbed import Scrubbed
from watcher.errors import ConfigError, DeferredError, ExcludedError, RefusedError
from watcher.intake import opening
from watcher.job import Job
from watcher.model import (
    Deferred,
    Excluded,
    ImageFields,
    Outcome,
    Prepared,
    Reason,
    Refused,
    Signature,
    SpoolFile,
)
from watcher.options import Limits, PixelOptions, ScrubOptions
from watcher.render import render
from watcher.scrub.keys import CustomerKey, load_key
from watcher.scrub.pseudonyms import Pseudonyms
from watcher.scrub.scrubber import Scrubber
from watcher.store import spool

A = TypeVar("A")
T = TypeVar("T")

# Below this a file is read, so that a writer who truncates it cannot kill the worker (SIGBUS).
_MAPPED_FROM = 64 << 20
# So many frames share the method that was found for the first of them: the trial takes as long as
# the frame itself. Counted from the first frame, so that a file always gives the same bytes.
_ALIKE = 16


def prepare(job: Job) -> Outcome:
    """Prepare one file; never raises, so that no message with a patient in it can travel."""
    outcome = shielded(_prepare, job)
    if not isinstance(outcome, Prepared):
        with suppress(OSError):  # the next attempt clears it, too
            clear(job)
    return outcome


def shielded(work: Callable[[A], T], argument: A) -> T | Refused | Excluded | Deferred:
    """The worker's edge: whatever `work` raises becomes an outcome without its message."""
    try:
        return work(argument)
    except (RefusedError, ExcludedError, DeferredError) as known:
        outcome: Refused | Excluded | Deferred = known.outcome
    except ConfigError:  # checked at the start: a key or recipe that cannot be read now
        outcome = Deferred(Reason.UNREADABLE, "settings")
    except MemoryError:
        outcome = Refused(Reason.OUT_OF_MEMORY)
    except OSError as error:
        outcome = _io(error)
    except RecursionError:
        outcome = Refused(Reason.OVER_LIMIT, "recursion")
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        outcome = Refused(Reason.INTERNAL, place(error))
    return outcome


def _io(error: OSError) -> Refused | Deferred:
    if error.errno == errno.ENOMEM:
        return Refused(Reason.OUT_OF_MEMORY)
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return Deferred(Reason.DISK_FULL if full else Reason.UNREADABLE, f"errno-{error.errno}")


def place(error: BaseException) -> str:
    """Type and code place of an error, never its message, which may quote a patient."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "watcher" in f.filename] or frames
    where = f"{Path(ours[-1].filename).stem}:{ours[-1].lineno}" if ours else "?"
    return f"{type(error).__name__} at {where}"


def clear(job: Job) -> None:
    """Remove whatever an attempt at this id left in its outbox."""
    spool.clear(job.out, job.id)


class _Steps:
    """Milliseconds of CPU-bound work per step."""

    def __init__(self) -> None:
        self.ms: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = (time.perf_counter() - start) * 1000
            self.ms[name] = round(self.ms.get(name, 0.0) + spent, 3)


def _prepare(job: Job) -> Prepared:
    clear(job)
    # Not synced: a crash of this process leaves it behind, a power cut is not the file's fault.
    begun = job.out / f"{job.id}.begun"
    begun.touch(0o600)
    steps = _Steps()
    descriptor = opening.open_source(job.root, job.path, job.device)
    try:
        before = opening.signature(descriptor)
        with _room_to_map(before.size):
            with steps.step("read"):
                source = _contents(descriptor, before.size, job.limits)
            prepared = _instance(job, source, before, steps)
        if opening.signature(descriptor) != before:
            raise DeferredError(Reason.CHANGED)
    finally:
        os.close(descriptor)
    begun.unlink(missing_ok=True)
    return replace(prepared, steps_ms=steps.ms)


@contextmanager
def _room_to_map(size: int) -> Iterator[None]:
    """The cap is on what a worker allocates: a file that is only mapped comes on top of it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if size < _MAPPED_FROM or soft == resource.RLIM_INFINITY:
        yield
        return
    resource.setrlimit(resource.RLIMIT_AS, (soft + size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _contents(descriptor: int, size: int, limits: Limits) -> memoryview:
    if size > limits.file_bytes:
        raise RefusedError(Reason.OVER_LIMIT, "file_bytes")
    if size >= _MAPPED_FROM:
        return memoryview(mmap.mmap(descriptor, size, prot=mmap.PROT_READ))
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return memoryview(file.read(size + 1))


def _instance(job: Job, source: memoryview, signature: Signature, steps: _Steps) -> Prepared:
    if len(source) != signature.size:
        raise DeferredError(Reason.CHANGED)
    with steps.step("parse"):
        walked = walk.walk(source, job.limits)
        part = part10.parse(source, walked, job.limits)
        decoder = dicom_frames.open_frames(part, job.limits)
    with steps.step("hash"):
        key = _key(job.key_file)
        digest = paging.digest(source, key.like)  # without keeping a mapped file resident
    with steps.step("scrub"):
        approved = _approved(job, digest)
        scrubbed = scrubber_of(job).scrub(part, decoder, approved)
    with steps.step("write"):
        written = writing.write(scrubbed, job.out / f"{job.id}.dcm")
    _prove(scrubbed, written.header)
    study = scrubbed.study
    images = tuple(_images(job, scrubbed, steps))
    with steps.step("prove"):
        _prove(scrubbed, body.skeleton(study, images))
    if job.body:
        with steps.step("body"):
            body.write_body(job.out / f"{job.id}.json", study, images, job.out)
    return Prepared(
        source_digest=digest,
        content_key=Pseudonyms(key).digest("content", digest),
        signature=signature,
        uid_digest=scrubbed.uid_digest,
        study=study,
        images=images,
        dcm=SpoolFile(f"{job.id}.dcm", written.size, written.digest),
        recipe=scrubbed.recipe,
        key_id=scrubbed.key_id,
        verdict=scrubbed.verdict,
        boxes=scrubbed.boxes,
        pixels=scrubbed.pixels,
    )


def _approved(job: Job, digest: str) -> tuple[tuple[int, int, int, int, int], ...] | None:
    """The boxes of a person, who has decided on no other bytes than those."""
    if job.review is None:
        return None
    if job.review.source_digest != digest:
        raise RefusedError(Reason.BURNED_IN, "changed after it was reviewed")
    return job.review.boxes


def scrubber_of(job: Job) -> Scrubber:
    """The scrubber with this job's settings and key."""
    return _scrubber(job.scrub, job.pixels, job.key_file, job.generation)


def _images(job: Job, scrubbed: Scrubbed, steps: _Steps) -> Iterator[ImageFields]:
    many, method = scrubbed.frames.number > 1, None
    for index in range(scrubbed.frames.number):
        stem = f"{job.id}.{index + 1:05d}" if many else job.id
        png = job.out / f"{stem}.png"
        with steps.step("render"):
            method = None if index % _ALIKE == 0 else method
            rendered = render(scrubbed, index, job.render, png, method)
            method = rendered.method
        with steps.step("encode"):
            text = encode.write_text(png, job.out / f"{stem}.png.txt")
        yield ImageFields(
            image_instance_uid=scrubbed.sop_instance_uid,
            sop_class_uid=scrubbed.sop_class_uid,
            height=rendered.height,
            width=rendered.width,
            rescale_slope=rendered.rescale_slope,
            rescale_intercept=rendered.rescale_intercept,
            photometric_interpretation=rendered.photometric_interpretation,
            samples_per_pixel=rendered.samples_per_pixel,
            bits_allocated=rendered.bits_allocated,
            bits_stored=rendered.bits_stored,
            high_bit=rendered.high_bit,
            text=text,
            png=rendered.png,
            frame_number=index + 1 if many else None,
        )


def _prove(scrubbed: Scrubbed, data: bytes) -> None:
    tag = scrubbed.leak(data)
    if tag is not None:
        raise RefusedError(Reason.RESIDUAL_PHI, tag)


@functools.lru_cache(maxsize=256)
def _key(key_file: Path) -> CustomerKey:
    return load_key(key_file)


@functools.lru_cache(maxsize=256)
def _scrubber(
    scrub: ScrubOptions, pixels: PixelOptions, key_file: Path, generation: int
) -> Scrubber:
    # The generation is there to be another key of the cache.
    return Scrubber.load(scrub, pixels, load_key(key_file))


def verify(options: list[tuple[ScrubOptions, PixelOptions]]) -> list[str]:
    """Load every recipe and model that will be used; returns the rules that a site loosened.

    Raises ConfigError: with a recipe or a model that is not sound, nothing starts.
    """
    key = CustomerKey("check", bytes(32))
    loaded = [Scrubber.load(scrub, pixels, key) for scrub, pixels in options]
    return sorted({line for scrubber in loaded for line in scrubber.loosened})
