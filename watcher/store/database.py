"""The ledger's file: opened, configured for durability, checked and brought to this version."""

from __future__ import annotations

import os
import sqlite3
from importlib import resources
from pathlib import Path

from watcher.errors import ConfigError
from watcher.model import MOVES

VERSION = 1


def connect(path: Path) -> sqlite3.Connection:
    """Open or create the ledger, mode 0600, WAL with synchronous=FULL.

    FULL, because NORMAL loses committed rows in a power cut. Raises ConfigError for a ledger
    of another version, a corrupt one, or a file that is none.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    try:
        _configure(connection)
        _migrate(connection)
    except sqlite3.DatabaseError:
        connection.close()
        raise ConfigError(
            "state/ledger.sqlite is not a usable ledger; move it away to have it rebuilt "
            "from the files in the drop folder"
        ) from None
    except ConfigError:
        connection.close()
        raise
    return connection


def _configure(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA busy_timeout = 5000")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA temp_store = MEMORY")


def _migrate(connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == VERSION:
        return
    if version != 0:
        raise ConfigError(
            f"state/ledger.sqlite has version {version}, this program needs {VERSION}"
        )
    schema = resources.files("watcher.store").joinpath("schema.sql").read_text(encoding="utf-8")
    connection.executescript(
        f"BEGIN IMMEDIATE;\n{schema}\nPRAGMA user_version = {VERSION};\nCOMMIT;"
    )
    connection.executemany(
        "INSERT INTO moves VALUES (?, ?)",
        [(source, target) for source, targets in MOVES.items() for target in targets],
    )
