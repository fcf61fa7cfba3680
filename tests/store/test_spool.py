"""The spool's files are found by name: what waits there may be a hundred thousand instances."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from watcher.errors import DeferredError
from watcher.store.spool import Spool

ID = "00112233445566aa"
OTHER = "00112233445566ab"


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """An empty one."""
    made = Spool(tmp_path)
    made.prepare()
    return made


def prepared(folder: Path, id_: str, frames: int) -> list[Path]:
    """Files as preparing writes them."""
    single = ["png", "png.txt"] if frames == 1 else []
    many = [f"{n:05d}.{kind}" for n in range(1, frames + 1) for kind in ("png", "png.txt")]
    paths = [folder / f"{id_}.{end}" for end in ("begun", "dcm", "json", *single, *many)]
    for path in paths:
        path.touch()
    return paths


@pytest.mark.parametrize("frames", [1, 2, 300])
def test_all_of_one_instance_goes_and_nothing_of_another(spool: Spool, frames: int) -> None:
    """Single frames and many."""
    folder = spool.outbox_of("north")
    prepared(folder, ID, frames)
    others = prepared(folder, OTHER, 3)
    spool.clear_outbox("north", ID)
    assert sorted(folder.iterdir()) == sorted(others)


def test_a_clearing_that_was_cut_off_is_finished_by_the_next(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash after any number of files leaves nothing that the next clearing does not find."""
    folder = spool.outbox_of("north")
    for after in range(2 * 4 + 3):
        prepared(folder, ID, 4)
        with monkeypatch.context() as patched:
            patched.setattr(Path, "unlink", _failing(after))
            with pytest.raises(DeferredError):
                spool.clear_outbox("north", ID)
        spool.clear_outbox("north", ID)
        assert list(folder.iterdir()) == []


def test_no_folder_is_listed(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The price of one instance does not grow with the number of those that wait."""
    folder = spool.outbox_of("north")
    prepared(folder, ID, 2)

    def listed(*_: object) -> NoReturn:
        raise AssertionError("listed")

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", listed)
        patched.setattr(os, "listdir", listed)
        spool.clear_outbox("north", ID)
    assert list(folder.iterdir()) == []


def test_a_quarantined_original_has_one_reason(spool: Spool, tmp_path: Path) -> None:
    """Held again for another reason, it moves; forgotten, nothing is left of it."""
    (tmp_path / "original").write_bytes(b"DICM")
    for reason in ("conflict", "burned-in"):
        source = os.open(tmp_path / "original", os.O_RDONLY)
        spool.hold(source, "north", ID, {"reason": reason})
        os.close(source)
    held = [path for path in (spool.quarantine / "north").rglob("*") if path.is_file()]
    assert sorted(path.relative_to(spool.quarantine).as_posix() for path in held) == [
        f"north/burned-in/{ID}.dcm",
        f"north/burned-in/{ID}.reason.json",
    ]
    spool.forget("north", ID)
    assert not [path for path in (spool.quarantine / "north").rglob("*") if path.is_file()]


def _failing(after: int) -> Callable[..., None]:
    """An unlink that is cut off after so many."""
    really, done = Path.unlink, 0

    def unlink(path: Path, missing_ok: bool = False) -> None:
        nonlocal done
        if path.exists():
            done += 1
        if done > after:
            raise InterruptedError
        really(path, missing_ok=missing_ok)

    return unlink
