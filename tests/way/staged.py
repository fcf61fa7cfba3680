"""Instances that are staged already, put into a ledger past the way that leads there."""

from __future__ import annotations

import dataclasses
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from tests.deliver.parcels import parcel_in, study_fields, uid
from watcher.model import Prepared, Signature
from watcher.store.ledger import Ledger
from watcher.store.records import dump_prepared
from watcher.store.writer import Writer

_SERIES = 512


async def backlog(writer: Writer, folder: Path, images: int) -> None:
    """So many staged instances, whose texts are the same small file."""
    rows = list(_rows(folder, images))
    await writer.run(lambda ledger: _fill(ledger, rows))


def staged(ledger: Ledger, folder: Path, images: int) -> list[str]:
    """The same without a writer; returns their ids."""
    rows = list(_rows(folder, images))
    _fill(ledger, rows)
    return [str(row[0]) for row in rows]


def _fill(ledger: Ledger, rows: list[tuple[object, ...]]) -> None:
    ledger.connection.executemany(
        "INSERT INTO instances (id, customer, path, device, inode, size, mtime_ns, state,"
        " not_before, seen_at, changed_at, sha256, prepared)"
        " VALUES (?, 'north', ?, 1, ?, 1, 1, 'staged', 0, ?, ?, ?, ?)",
        rows,
    )


def _rows(folder: Path, images: int) -> Iterator[tuple[object, ...]]:
    (image,) = parcel_in(folder).images
    for number in range(images):
        if number % _SERIES == 0:
            study = study_fields()
        id_, digest = uuid.uuid4().hex, f"{number:064x}"
        prepared = Prepared(
            source_digest=digest,
            content_key=uuid.uuid4().hex,
            signature=Signature(1, number, 1, 1),
            uid_digest=digest,
            study=study,
            images=(dataclasses.replace(image, image_instance_uid=uid()),),
            dcm=image.png,
            recipe="r",
            key_id="k",
            verdict="clean",
        )
        now = time.time()
        yield id_, id_.encode(), number, now, now, digest, dump_prepared(prepared)
