"""A customer's key file: made once, private to its owner, never replaced."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from watcher.digest import BLAKE3, SHA256
from watcher.errors import ConfigError
from watcher.scrub.keys import CustomerKey, load_key, load_keys, make_key, rotate_key


def test_a_made_key_can_be_loaded_again(tmp_path: Path) -> None:
    made = make_key(tmp_path / "a.key")
    assert load_key(tmp_path / "a.key") == made
    assert len(made.secret) == 32


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    make_key(tmp_path / "a.key")
    assert stat.S_IMODE((tmp_path / "a.key").stat().st_mode) == 0o600


def test_two_keys_differ(tmp_path: Path) -> None:
    assert make_key(tmp_path / "a.key").secret != make_key(tmp_path / "b.key").secret


def test_the_secret_is_not_in_its_repr(tmp_path: Path) -> None:
    made = make_key(tmp_path / "a.key")
    assert made.secret.hex() not in repr(made)
    assert repr(made.secret) not in repr(made)


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    made = make_key(tmp_path / "a.key")
    with pytest.raises(ConfigError):
        make_key(tmp_path / "a.key")
    assert load_key(tmp_path / "a.key") == made


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    make_key(tmp_path / "a.key")
    (tmp_path / "a.key").chmod(mode)
    with pytest.raises(ConfigError, match="chmod"):
        load_key(tmp_path / "a.key")


def test_a_link_is_refused(tmp_path: Path) -> None:
    make_key(tmp_path / "a.key")
    (tmp_path / "b.key").symlink_to(tmp_path / "a.key")
    with pytest.raises(ConfigError):
        load_key(tmp_path / "b.key")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment\n",
        "one\n",
        "id 0123\n",
        "id " + "zz" * 32,
        "id " + "ab" * 32 + " md5",
        "\xff" * 80,
    ],
)
def test_anything_but_a_key_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.key"
    path.write_bytes(text.encode("latin-1"))
    path.chmod(0o600)
    with pytest.raises(ConfigError):
        load_key(path)


def test_a_missing_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        load_key(tmp_path / "a.key")


def test_rotation_uses_the_newest_and_keeps_the_old(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    first = make_key(path)
    second = rotate_key(path)
    assert load_key(path) == second
    assert load_keys(path) == (first, second)
    assert first.id != second.id
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_earlier_versions_key_keeps_the_fingerprints_it_had(tmp_path: Path) -> None:
    """By them its customer's ledger knows what was delivered; also after a rotation."""
    path = tmp_path / "a.key"
    made = make_key(path)
    assert made.like == BLAKE3
    line = path.read_text().splitlines()[-1]
    path.write_text(line.removesuffix(" blake3") + "\n")
    assert load_key(path) == CustomerKey(made.id, made.secret, SHA256)
    assert rotate_key(path).like == load_key(path).like == SHA256


def test_a_line_put_in_by_hand_does_not_change_the_fingerprints(tmp_path: Path) -> None:
    """All that was delivered would be new, and be accepted twice."""
    old, new = (f"{name} {'ab' * 32}{word}\n" for name, word in (("k1", ""), ("k2", " blake3")))
    path = tmp_path / "a.key"
    path.touch(0o600)
    for text, like in ((old + new, SHA256), (new + old, BLAKE3)):
        path.write_text(text)
        assert [key.like for key in load_keys(path)] == [like, like]


def test_an_earlier_version_refuses_a_key_with_other_fingerprints(tmp_path: Path) -> None:
    """It would take for new what was delivered. This is how it has read a line."""
    made = make_key(tmp_path / "a.key")
    line = (tmp_path / "a.key").read_text().splitlines()[-1]
    assert line.startswith(f"{made.id} {made.secret.hex()} ")
    assert not re.fullmatch(r"([a-z0-9-]{1,16}) ([0-9a-f]{64})", line.strip())


def test_an_id_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    make_key(path)
    path.write_text(path.read_text() * 2)
    with pytest.raises(ConfigError):
        load_key(path)
