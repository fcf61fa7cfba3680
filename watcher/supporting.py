"""The support bundle: what somebody far away needs to know, and nothing that names a patient.

Each part is made of numbers, enums, ids, settings and checked text; no path below the drop folder
and no header is read for it. Log lines are checked once more, field by field.
"""

from __future__ import annotations

import dataclasses
import gzip
import importlib.metadata
import io
import json
import os
import platform
import tarfile
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from watcher import operations, overview
from watcher.doctor.finding import Finding
from watcher.errors import ConfigError, NotPossibleError
from watcher.observe.fields import NAME, WITHHELD, checked, checked_steps
from watcher.observe.log import FILE_NAME
from watcher.settings import Settings, as_toml, masked
from watcher.store import listing, queries

_LOG_BYTES = 4 << 20
_NEWEST = 500


def bundle(settings: Settings, findings: Iterable[Finding], target: Path) -> dict[str, int]:
    """Write the bundle, a new .tar.gz with mode 0600; returns its parts with their bytes.

    Raises ConfigError when the file is there already or cannot be written.
    """
    parts = _parts(settings, list(findings))
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(f"cannot make {target} anew (errno {error.errno})") from None
    with (
        os.fdopen(descriptor, "wb") as file,
        gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for name, data in parts.items():
            entry = tarfile.TarInfo(f"watcher-support/{name}")
            entry.size, entry.mtime, entry.mode = len(data), int(time.time()), 0o600
            tar.addfile(entry, io.BytesIO(data))
    return {name: len(data) for name, data in parts.items()}


def _parts(settings: Settings, findings: list[Finding]) -> dict[str, bytes]:
    parts = {
        "about.json": _json(_about()),
        "settings.toml": as_toml(masked(settings)).encode(),
        "doctor.json": _json([dataclasses.asdict(finding) for finding in findings]),
        "log.jsonl": b"".join(_log(settings.state / "log" / FILE_NAME)),
        "folders.json": _json(_folders(settings.state)),
    }
    if (settings.state / "ledger.sqlite").exists():
        parts["overview.json"] = _json(_overview(settings))
        parts["ledger.json"] = _json(_ledger(settings))
    asked: Mapping[str, Any] = {verb: _ask(settings, verb) for verb in ("health", "metrics")}
    parts["health.json"] = _json(asked["health"])
    parts["metrics.txt"] = str((asked["metrics"] or {}).get("text", "")).encode()
    return parts


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, default=str).encode()


def _about() -> dict[str, Any]:
    packages = {each.metadata["Name"]: each.version for each in importlib.metadata.distributions()}
    return {
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "watcher": importlib.metadata.version("img-ingestion"),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "packages": dict(sorted(packages.items())),
    }


def _ask(settings: Settings, verb: str) -> dict[str, Any] | None:
    try:
        return operations.ask(settings.state, {"verb": verb}, patience=10.0)
    except (OSError, NotPossibleError):
        return None


def _overview(settings: Settings) -> dict[str, Any]:
    return dataclasses.asdict(overview.look(settings, time.time(), errors=0))


def _ledger(settings: Settings) -> dict[str, Any]:
    """Counts by reason, how often is tried again, and the newest instances without their paths."""
    with closing(queries.reader(settings.state / "ledger.sqlite")) as db:
        counts = listing.reasons(db)
        rows = listing.page(db, listing.Filter(), _NEWEST)
    return {
        "reasons": [
            {"customer": c, "state": state, "reason": reason, "instances": n, "deferrals": most}
            for c, state, reason, n, most in counts
        ],
        "newest": [
            {
                "id": row.id,
                "customer": checked("customer", row.customer),
                "state": row.state,
                "reason": row.reason,
                "detail": checked("detail", row.detail),
                "bytes": row.signature.size,
                "attempts": row.attempts,
                "deferrals": row.deferrals,
                "seen_at": row.seen_at,
                "changed_at": row.changed_at,
                "not_before": row.not_before,
                "images": None if row.prepared is None else len(row.prepared.images),
                "recipe": None if row.prepared is None else row.prepared.recipe,
            }
            for row in rows
        ],
    }


def _folders(state: Path) -> dict[str, dict[str, int]]:
    """Files and bytes below each folder of the state; no name below them."""
    found = {}
    for name in ("outbox", "quarantine", "archive", "log", "keys"):
        sizes = [path.stat().st_size for path in (state / name).rglob("*") if path.is_file()]
        found[name] = {"files": len(sizes), "bytes": sum(sizes)}
    return found


def _log(path: Path) -> Iterable[bytes]:
    """The newest lines, each field held against its form again: a line may not be of our making."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LOG_BYTES))
            text = file.read()
    except OSError:
        return
    for line in overview.parsed(text.splitlines()):
        yield json.dumps(clean(line), separators=(",", ":")).encode() + b"\n"


def clean(line: Mapping[str, Any]) -> dict[str, Any]:
    """A log line with all that is not of its field's form withheld."""
    return {
        name: _cleaned(name, value)
        for name, value in line.items()
        if NAME.fullmatch(name.replace("_", "-"))
    }


def _cleaned(name: str, value: Any) -> Any:
    if name == "steps" and isinstance(value, dict):
        numbers = {key: n for key, n in value.items() if isinstance(n, int | float)}
        return checked_steps(numbers)
    if name in _WORDS and isinstance(value, str):
        return value if NAME.fullmatch(value) else WITHHELD
    if name == "ts" and isinstance(value, str):
        return value if set(value) <= set("0123456789-:.TZ") else WITHHELD
    if isinstance(value, str | int | float | bool) or value is None:
        return checked(name, value)
    return WITHHELD


_WORDS = frozenset({"level", "event", "state", "reason", "verdict"})
