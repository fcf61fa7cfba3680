"""`watcher show`: the whole history of one instance, and where its files lie on this machine."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from watcher.cli.common import json_option, ledger, print_json, settings_option, when
from watcher.cli.ls import facts
from watcher.cli.status import age
from watcher.errors import NotPossibleError
from watcher.model import PENDING
from watcher.settings import Settings
from watcher.store import queries
from watcher.store.records import Event, Row
from watcher.store.spool import Spool


@click.command()
@click.argument("id_", metavar="ID")
@settings_option
@json_option
def show(id_: str, settings: Settings, as_json: bool) -> None:
    """Show one instance: state, reason, files, what was sent, and every move with its times.

    The beginning of an ID is enough. The path of the original is printed on this terminal only:
    it may name the patient, and stands in no log.

    \b
    Examples
      watcher show 1f2e3d4c
      watcher show 1f2e3d4c --json | jq .history
    Exit codes
      0  done        2  wrong usage or settings        4  no instance has this ID, or more do
    """
    now = time.time()
    with ledger(settings) as db:
        row = queries.find(db, id_)
        if row is None:
            raise NotPossibleError("no instance has this id, or more than one begin with it")
        history = queries.history(db, row.id)
    whole = {
        **facts(row, now),
        "next_try": when(row.not_before) if row.state in PENDING else None,
        "files": files(settings, row),
        "sent": _sent(row),
        "history": [_move(event, history[:n]) for n, event in enumerate(history)],
    }
    if as_json:
        print_json(whole)
    else:
        _print(whole)


def files(settings: Settings, row: Row) -> dict[str, str | None]:
    """Where the original was dropped, and where what is left of it and its results lies now."""
    spool = Spool(settings.state)
    dropped = settings.intake.root / row.customer / row.path
    archived = next((spool.archive / row.customer).glob(f"*/{row.id}.dcm"), None)
    outbox = sorted((spool.outbox / row.customer).glob(f"{row.id}.*"))
    return {
        "dropped": str(dropped),
        "still there": "yes" if dropped.exists() else "no",
        "quarantine": _text(spool.quarantined(row.customer, row.id)),
        "archive": _text(archived),
        "outbox": ", ".join(path.name for path in outbox) or None,
    }


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _sent(row: Row) -> dict[str, Any] | None:
    """What was prepared to be sent: pseudonyms, and how the pixels were cleared."""
    made = row.prepared
    if made is None:
        return None
    return {
        "study": made.study.study_instance_uid,
        "series": made.study.series_instance_uid,
        "image": made.images[0].image_instance_uid if made.images else None,
        "patient": made.study.patient_id,
        "images": len(made.images),
        "verdict": made.verdict,
        "boxes": len(made.boxes),
        "recipe": made.recipe,
        "key": made.key_id,
        "idempotency key": made.content_key,
    }


def _move(event: Event, before: list[Event]) -> dict[str, Any]:
    return {
        "at": when(event.at),
        "after_seconds": round(event.at - before[-1].at, 3) if before else 0.0,
        "state": event.state.value,
        "reason": event.reason,
        "detail": event.detail,
        "steps_ms": dict(event.steps_ms),
    }


def _print(whole: dict[str, Any]) -> None:
    plain = {name: value for name, value in whole.items() if not isinstance(value, dict | list)}
    for part in (plain, whole["files"], whole["sent"] or {}):
        for name, value in part.items():
            click.echo(f"{name:16} {'-' if value in (None, '') else value}")
        click.echo()
    for move in whole["history"]:
        steps = " ".join(f"{name} {ms:.0f} ms" for name, ms in move["steps_ms"].items())
        words = [move["state"], move["reason"], move["detail"], steps and f"({steps})"]
        told = " ".join(word for word in words if word)
        click.echo(f"{move['at']}  +{age(move['after_seconds']):>8}  {told}")
