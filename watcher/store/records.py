"""The ledger's rows as frozen records, and their spelling in SQLite."""

from __future__ import annotations

import functools
import json
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter

from watcher.model import Prepared, Reason, Review, Signature, State

_PREPARED = TypeAdapter(Prepared)
_REVIEW = TypeAdapter(Review)
_WRAP = 1 << 64


@dataclass(frozen=True, slots=True)
class Row:
    """One file of one customer, as the ledger knows it. Times are Unix seconds."""

    id: str
    customer: str
    path: str
    origin: str
    signature: Signature
    state: State
    reason: str
    detail: str
    attempts: int
    deferrals: int
    not_before: float
    seen_at: float
    changed_at: float
    prepared: Prepared | None
    batch: str | None
    disposed: bool
    review: Review | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One move in the life of a file."""

    at: float
    state: State
    reason: str
    detail: str
    steps_ms: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Move:
    """A move that is to be written: the new state, why, and what comes with it."""

    state: State
    reason: Reason | None = None
    detail: str = ""
    not_before: float = 0.0
    prepared: Prepared | None = None
    steps_ms: Mapping[str, float] | None = None


def signed(value: int) -> int:
    """An unsigned 64-bit number (device, inode) as SQLite can hold it."""
    return value - _WRAP if value >= _WRAP >> 1 else value


def unsigned(value: int) -> int:
    """The inverse of `signed`."""
    return value + _WRAP if value < 0 else value


def signature_columns(signature: Signature) -> tuple[int, int, int, int]:
    """Device, inode, size and mtime as the columns hold them."""
    return (
        signed(signature.device),
        signed(signature.inode),
        signature.size,
        signature.mtime_ns,
    )


def dump_prepared(prepared: Prepared) -> str:
    """What a worker handed back, as JSON; pseudonyms, names of spool files and hashes only."""
    return _PREPARED.dump_json(prepared, by_alias=True).decode()


def dump_review(review: Review | None) -> str | None:
    """A person's review, as JSON."""
    return None if review is None else _REVIEW.dump_json(review, by_alias=True).decode()


def row_of(record: sqlite3.Row) -> Row:
    """Read one row of `instances`."""
    prepared = record["prepared"]
    # A look at a ledger that its gateway has not brought to this version yet has no such column.
    review = record["review"] if "review" in record.keys() else None  # noqa: SIM118 - not a dict
    return Row(
        id=record["id"],
        customer=record["customer"],
        path=os.fsdecode(record["path"]),
        origin=record["origin"],
        signature=Signature(
            unsigned(record["device"]),
            unsigned(record["inode"]),
            record["size"],
            record["mtime_ns"],
        ),
        state=State(record["state"]),
        reason=record["reason"],
        detail=record["detail"],
        attempts=record["attempts"],
        deferrals=record["deferrals"],
        not_before=record["not_before"],
        seen_at=record["seen_at"],
        changed_at=record["changed_at"],
        prepared=None if prepared is None else _prepared(prepared),
        batch=record["batch"],
        disposed=bool(record["disposed"]),
        review=None if review is None else _REVIEW.validate_json(review),
    )


@functools.lru_cache(maxsize=32)  # a row is read six times on its way; frozen, so it can be shared
def _prepared(text: str) -> Prepared:
    return _PREPARED.validate_json(text)


def event_of(record: sqlite3.Row) -> Event:
    """Read one row of `events`."""
    return Event(
        record["at"],
        State(record["state"]),
        record["reason"],
        record["detail"],
        json.loads(record["steps_ms"]),
    )
