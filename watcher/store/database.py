"""The ledger's file: opened, configured for durability, checked and brought to this version."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from importlib import resources
from pathlib import Path

from watcher.errors import ConfigError
from watcher.model import MOVES

VERSION = 3
BEYOND_USE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_OLDEST = 1  # an older program goes on with a newer ledger: every upgrade so far only adds


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
    version = version_of(connection)
    if not 0 <= version <= VERSION:
        raise ConfigError(
            f"state/ledger.sqlite has version {version}, this program needs {VERSION}"
        )
    if version == 0:
        _create(connection)
        version = _OLDEST
    elif version < VERSION:
        backup(connection, _file_of(connection).with_suffix(f".v{version}.sqlite"))
    for step in range(version + 1, VERSION + 1):
        _upgrade(connection, step)


def version_of(connection: sqlite3.Connection) -> int:
    """The version a ledger has."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _create(connection: sqlite3.Connection) -> None:
    _run(connection, _script("schema"), _OLDEST)


def _upgrade(connection: sqlite3.Connection, version: int) -> None:
    with contextlib.suppress(sqlite3.OperationalError):  # there already, after a way back
        connection.execute("ALTER TABLE instances ADD COLUMN review TEXT")
    _run(connection, _script(f"upgrade-{version}"), version)


def _run(connection: sqlite3.Connection, script: str, version: int) -> None:
    moves = (
        f"INSERT OR IGNORE INTO moves VALUES ('{source}', '{target}');"  # noqa: S608 - our enum
        for source, targets in MOVES.items()
        for target in targets
    )
    steps = [script, *moves, f"PRAGMA user_version = {version};"]
    connection.executescript("\n".join(["BEGIN IMMEDIATE;", *steps, "COMMIT;"]))


def _script(name: str) -> str:
    return resources.files("watcher.store").joinpath(f"{name}.sql").read_text(encoding="utf-8")


def _file_of(connection: sqlite3.Connection) -> Path:
    return Path(connection.execute("PRAGMA database_list").fetchone()["file"])


def backup(connection: sqlite3.Connection, target: Path) -> Path:
    """A whole, consistent copy of the ledger, mode 0600, durable; one of that name is replaced.

    Raises sqlite3.Error when there is no room for it.
    """
    partial = target.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    before = os.umask(0o177)
    try:
        connection.execute("VACUUM INTO ?", (str(partial),))
    finally:
        os.umask(before)
    descriptor = os.open(partial, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    partial.replace(target)
    return target


def step_back(connection: sqlite3.Connection, version: int) -> None:
    """Let the program of an older version go on with this ledger; nothing in it is lost.

    What the older program delivers has no line in the audit. Raises ConfigError.
    """
    if not _OLDEST <= version < VERSION:
        raise ConfigError(f"there is no way back to version {version} of the ledger")
    connection.execute(f"PRAGMA user_version = {version}")
