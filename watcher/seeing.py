"""What a person is shown of a quarantined file, made in a worker like everything from outside."""

from __future__ import annotations

import os

from watcher.dicom import paging
from watcher.dicom.frames import open_frames
from watcher.dicom.part10 import Part10, parse
from watcher.dicom.scrubbed import Box, Frames
from watcher.dicom.walk import walk
from watcher.errors import ConfigError, DeferredError, RefusedError
from watcher.intake import opening
from watcher.job import Job, Look, Ruling, Seen
from watcher.model import Deferred, Excluded, Reason, Refused
from watcher.prepare import scrubber_of, shielded
from watcher.render.picture import dumped
from watcher.scrub.explain import explain
from watcher.scrub.keys import load_key
from watcher.scrub.pixels.devices import Device, draft_rule
from watcher.scrub.pixels.planes import Planes
from watcher.scrub.pixels.recipe import extended
from watcher.scrub.pixels.regions import merged
from watcher.scrub.scrubber import Scrubber

_LARGEST = 512 << 20
"""Bytes of a file that is shown; a page is no workstation."""


def look(wish: Look) -> Seen | Refused | Excluded | Deferred:
    """The file as it would be treated; never raises. Nothing is written anywhere."""
    return shielded(_look, wish)


def rule(ruling: Ruling) -> str | Refused | Excluded | Deferred:
    """The site's recipe with a rule for the boxes, checked as a whole; never raises."""
    return shielded(_rule, ruling)


def _look(wish: Look) -> Seen:
    source = _contents(wish.job)
    limits = wish.job.limits
    part = parse(source, walk(source, limits), limits)
    frames = open_frames(part, limits)
    if frames is None:
        raise RefusedError(Reason.MISSING_ATTRIBUTE, "PixelData")
    scrubber = scrubber_of(wish.job)
    boxes, verdict, detail = _judged(scrubber, part, frames)
    device = Device.of(part.dataset, frames.rows, frames.columns)
    masked = boxes if wish.boxes is None else wish.boxes
    return Seen(
        source_digest=paging.digest(source, load_key(wish.job.key_file).like),
        frames=frames.number,
        rows=frames.rows,
        columns=frames.columns,
        boxes=boxes,
        verdict=verdict,
        detail=detail,
        device=device.row,
        device_key=device.key,
        png=_picture(part, frames, wish.frame, masked),
        header=_header(scrubber, part, wish.values),
    )


def _contents(job: Job) -> memoryview:
    descriptor = opening.open_source(job.root, job.path, job.device)
    with os.fdopen(descriptor, "rb") as source:
        if os.fstat(descriptor).st_size > min(_LARGEST, job.limits.file_bytes):
            raise RefusedError(Reason.OVER_LIMIT, "too large to be shown")
        return memoryview(source.read())


def _judged(scrubber: Scrubber, part: Part10, frames: Frames) -> tuple[tuple[Box, ...], str, str]:
    """The boxes to begin with, the verdict and its detail; what is refused is only sketched."""
    try:
        scrubbed = scrubber.scrub(part, frames)
    except RefusedError as refused:
        seen = scrubber.judge.sketch(part, frames)
        outcome = refused.outcome
        return tuple((0, *box) for box in merged(seen)), outcome.reason.value, outcome.detail
    return scrubbed.boxes, scrubbed.verdict, ""


def _picture(part: Part10, frames: Frames, frame: int, boxes: tuple[Box, ...]) -> bytes:
    if not 0 <= frame < frames.number:
        raise DeferredError(Reason.NOT_WHOLE, "no such frame")
    plane = Planes(part.dataset, frames).of(frames.frame(frame))[0]
    for number, left, top, right, bottom in boxes:
        if number in (0, frame + 1):
            plane[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = 0
    return dumped(plane)


def _header(scrubber: Scrubber, part: Part10, values: bool) -> tuple[tuple[str, ...], ...]:
    try:
        return tuple(
            (row.path, row.tag, row.vr, row.action, row.rule, row.before, row.after)
            for row in explain(scrubber.header, part, values)
        )
    except RefusedError:
        return ()


def _rule(ruling: Ruling) -> str:
    try:
        return extended(ruling.recipe, draft_rule(Device(*ruling.device), ruling.boxes))
    except ConfigError:
        raise RefusedError(Reason.BURNED_IN, "the rule does not fit into the recipe") from None
