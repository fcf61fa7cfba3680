"""What the ledger knows of the devices that its instances came from."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

Box = tuple[int, int, int, int]

_BOXES = 2000  # of the newest instances; a draft needs no more


@dataclass(frozen=True, slots=True)
class Seen:
    """How many prepared instances one device gave, and in how many of them text was found.

    `device` is manufacturer, model, modality, rows and columns; `ruled`: a device rule knows it.
    """

    device: tuple[str, str, str, int, int]
    instances: int
    with_text: int
    ruled: bool


def seen(db: sqlite3.Connection, customer: str | None = None) -> Iterator[Seen]:
    """Every device of the instances that were prepared, the commonest first."""
    query = (
        "SELECT json_extract(prepared, '$.pixels.device') AS device, count(*) AS n,"
        " sum(json_extract(prepared, '$.verdict') = 'redacted') AS with_text,"
        " max(json_extract(prepared, '$.pixels.ruled')) AS ruled FROM instances"
        " WHERE prepared IS NOT NULL AND (?1 IS NULL OR customer = ?1) AND device IS NOT NULL"
        " GROUP BY device ORDER BY n DESC"
    )
    for record in db.execute(query, (customer,)):
        manufacturer, model, modality, rows, columns = json.loads(record["device"])
        device = (manufacturer, model, modality, rows, columns)
        yield Seen(device, record["n"], record["with_text"], bool(record["ruled"]))


def boxes(db: sqlite3.Connection, device: tuple[str, str, str, int, int]) -> list[Box]:
    """What was filled on this device's newest instances, (left, top, right, bottom) each; without
    pictures that were filled whole, of which a rule would blank all others.
    """
    query = (
        "SELECT json_extract(prepared, '$.boxes') AS boxes FROM instances"
        " WHERE prepared IS NOT NULL AND json_extract(prepared, '$.pixels.device') = ?"
        " ORDER BY seen_at DESC LIMIT ?"
    )
    key = json.dumps(device, ensure_ascii=False, separators=(",", ":"))
    *_, rows, columns = device
    found: list[Box] = []
    for record in db.execute(query, (key, _BOXES)):
        found += [
            (left, top, right, bottom) for _, left, top, right, bottom in json.loads(record[0])
        ]
    return [box for box in found if box != (0, 0, columns, rows)]
