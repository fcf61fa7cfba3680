"""The words everyone uses: states, reasons and the frozen records that rooms hand to each other."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field


class State(enum.StrEnum):
    """Where one file of one customer stands. The legal moves are `MOVES`."""

    QUEUED = "queued"
    STAGED = "staged"
    DELIVERED = "delivered"
    DUPLICATE = "duplicate"
    EXCLUDED = "excluded"
    QUARANTINED = "quarantined"


PENDING = frozenset({State.QUEUED, State.STAGED})

# A move to the same state is "later, itself": the attempt is over, the next one is not due yet.
# STAGED to QUEUED: the spool was lost and is rebuilt from the original, which is still in place.
# STAGED to EXCLUDED: it was to be quarantined, but its sender has taken the original away.
# QUARANTINED to EXCLUDED: a person looked and rejected it.
# EXCLUDED to QUEUED: a file that had vanished with its folder or mount is back.
MOVES: Mapping[State, frozenset[State]] = {
    State.QUEUED: frozenset(
        {State.QUEUED, State.STAGED, State.DUPLICATE, State.EXCLUDED, State.QUARANTINED}
    ),
    State.STAGED: frozenset(
        {
            State.STAGED,
            State.DELIVERED,
            State.QUARANTINED,
            State.EXCLUDED,
            State.QUEUED,
            State.DUPLICATE,
        }
    ),
    State.QUARANTINED: frozenset({State.QUEUED, State.EXCLUDED}),
    State.DELIVERED: frozenset(),
    State.DUPLICATE: frozenset(),
    State.EXCLUDED: frozenset({State.QUEUED}),
}


class Reason(enum.StrEnum):
    """Why a file is where it is. The only text about a file that may reach a log."""

    # later
    NOT_WHOLE = "not-whole"
    CHANGED = "changed"
    UNREADABLE = "unreadable"
    WORKER_LOST = "worker-lost"
    DISK_FULL = "disk-full"
    SPOOL_LOST = "spool-lost"
    BACKEND_UNREACHABLE = "backend-unreachable"
    BACKEND_BUSY = "backend-busy"
    BACKEND_ERROR = "backend-error"
    DESTINATION_PAUSED = "destination-paused"
    # excluded
    NOT_A_FILE = "not-a-file"
    NOT_DICOM = "not-dicom"
    NOT_AN_IMAGE = "not-an-image"
    VANISHED = "vanished"
    SUPERSEDED = "superseded"
    REJECTED_BY_PERSON = "rejected-by-person"
    # quarantined
    EMPTY = "empty"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    OVER_LIMIT = "over-limit"
    MISSING_ATTRIBUTE = "missing-attribute"
    UNSUPPORTED_CLASS = "unsupported-class"
    UNDECODABLE = "undecodable"
    BURNED_IN = "burned-in"
    RESIDUAL_PHI = "residual-phi"
    SCRUB_FAILED = "scrub-failed"
    CONFLICT = "conflict"
    CRASHED = "crashed"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out-of-memory"
    REJECTED = "rejected-by-backend"
    EXHAUSTED = "attempts-exhausted"
    OUTCOME_UNKNOWN = "outcome-unknown"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Refused:
    """Permanent: to quarantine. `detail` names a tag, rule or place, never a value."""

    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Excluded:
    """Permanent: by a written rule this file is none of ours."""

    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Deferred:
    """Transient: try again, not before `retry_after` seconds when that is given."""

    reason: Reason
    detail: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """What `fstat` said of a file when we looked; two equal ones mean the file was at rest."""

    device: int
    inode: int
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class SpoolFile:
    """One file of the outbox: its name (an id), length in bytes and fingerprint."""

    name: str
    size: int
    # As the ledger has called it since its first version: an older program reads it, too.
    digest: Annotated[str, Field(alias="sha256")]


@dataclass(frozen=True, slots=True)
class StudyFields:
    """The `study` and `series` objects of the contract; pseudonyms only."""

    study_instance_uid: str
    series_instance_uid: str
    accession_number: str
    patient_id: str
    patient_age: str | None = None


@dataclass(frozen=True, slots=True)
class ImageFields:
    """One entry of the contract's `images`; the fields describe the bytes that are sent.

    `text` is the base64 of `png`. `frame_number` counts from 1 as in DICOM and is None for a
    single-frame Instance.
    """

    image_instance_uid: str
    sop_class_uid: str
    height: int
    width: int
    rescale_slope: float
    rescale_intercept: float
    photometric_interpretation: str
    samples_per_pixel: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    text: SpoolFile
    png: SpoolFile
    frame_number: int | None = None


@dataclass(frozen=True, slots=True)
class PixelReport:
    """Why the pixels of an Instance got their verdict; technical values only, no text of theirs.

    `suspect` names the attribute for which they were looked at more closely, or is "". `scores`
    says of each box how sure the reader was, 1 for a device rule's. `readings` counts pictures
    read in full. `device` is manufacturer, model, modality, rows and columns; `ruled` says that a
    device rule knows it.
    """

    suspect: str = ""
    scores: tuple[float, ...] = ()
    readings: int = 0
    device: tuple[str, str, str, int, int] | None = None
    ruled: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a worker hands back for one Instance: names, hashes and pseudonyms, no pixels.

    `source_digest` is over the bytes that were actually scrubbed; `content_key` is the same under
    the customer's key, and the only form of it that leaves the box (Idempotency-Key).
    `uid_digest` is a keyed hash of the original SOP Instance UID, to find the same Instance with
    other bytes. `verdict` says how the pixels were cleared, `steps_ms` where the time went,
    `boxes` what was redacted as (frame, left, top, right, bottom), frame 0 meaning every frame,
    and `pixels` why.
    """

    source_digest: Annotated[str, Field(alias="source_sha256")]
    content_key: str
    signature: Signature
    uid_digest: str
    study: StudyFields
    images: tuple[ImageFields, ...]
    dcm: SpoolFile
    recipe: str
    key_id: str
    verdict: str
    boxes: tuple[tuple[int, int, int, int, int], ...] = ()
    steps_ms: Mapping[str, float] = field(default_factory=dict)
    pixels: PixelReport = PixelReport()


@dataclass(frozen=True, slots=True)
class Review:
    """A person's word on the pixels of one file, good for just the bytes that were looked at.

    `boxes` is all that must be filled, as (frame, left, top, right, bottom) with frame 0 meaning
    every frame; `actor` is who said so.
    """

    source_digest: Annotated[str, Field(alias="source_sha256")]
    boxes: tuple[tuple[int, int, int, int, int], ...]
    actor: str


Outcome = Prepared | Refused | Excluded | Deferred
