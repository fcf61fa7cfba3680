"""The doctor finds each trouble that is made for it, and names the command that mends it."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from tests.observe.conftest import verb
from watcher.cli.doctor import CHECKS, told
from watcher.deliver import trust
from watcher.doctor import folders, machine, network
from watcher.doctor.finding import Finding, Level
from watcher.errors import ConfigError
from watcher.model import Signature
from watcher.scrub.keys import make_key
from watcher.settings import Settings, load
from watcher.store.database import connect
from watcher.store.ledger import Ledger


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A sound site that has one customer, north, with one file and a key."""
    (tmp_path / "local_dcm" / "north").mkdir(parents=True)
    (tmp_path / "state" / "keys").mkdir(mode=0o700, parents=True)
    (tmp_path / "state").chmod(0o700)
    make_key(tmp_path / "state" / "keys" / "north.key")
    admit(tmp_path, time.time())
    return tmp_path


def admit(home: Path, at: float) -> None:
    """One file of north in the ledger."""
    connection = connect(home / "state" / "ledger.sqlite")
    Ledger(connection).admit([("north", f"{at}.dcm", Signature(1, 2, 3, 4))], at)
    connection.close()


def settings(home: Path, text: str = "") -> Settings:
    """The site's settings."""
    path = home / "settings.toml"
    path.write_text(text or "[disk]\nstop_below = 0\nresume_above = 0\n", encoding="utf-8")
    return load(path, {})


def troubles(found: Iterator[Finding]) -> list[Finding]:
    """What is to be mended."""
    return [each for each in found if each.level is Level.TROUBLE]


def runs(command: str) -> None:
    """The shell accepts it."""
    assert subprocess.run(["bash", "-n", "-c", command], check=False).returncode == 0, command


def test_a_sound_site_has_nothing_to_mend(home: Path) -> None:
    """But for the backup of the keys, until it is made."""
    site = settings(home)
    found = [each for check in CHECKS for each in troubles(check(site))]
    assert [each.check for each in found] == ["keys"]
    machine.backup_keys(site, home / "keys.tar")
    assert [each for check in CHECKS for each in troubles(check(site))] == []


def test_every_command_is_one(home: Path) -> None:
    """Each finding that can be mended says how, in words that a shell takes."""
    broken = settings(
        home,
        '[disk]\nstop_below = 1000000000000000\n[deliver]\nurl = "http://127.0.0.1:1"\n'
        'auth = "bearer"\nsecret = "file:/nowhere"\n',
    )
    (home / "state").chmod(0o755)
    found = [each for check in CHECKS for each in check(broken)]
    assert len(troubles(iter(found))) >= 5
    for each in found:
        runs(each.mend)
    assert all(line.isprintable() for line in told(found, coloured=False).splitlines())


def test_an_open_state_is_found_and_mended(home: Path) -> None:
    """By the very command that is named."""
    site = settings(home)
    (home / "state").chmod(0o755)
    (home / "state" / "keys" / "north.key").chmod(0o644)
    found = troubles(folders.permissions(site))
    assert len(found) == 2
    for each in found:
        subprocess.run(["bash", "-c", each.mend], check=True)
    assert troubles(folders.permissions(site)) == []


def test_a_folder_that_is_no_customers_is_told_by_inode(home: Path) -> None:
    """Its name may be a patient's; the command shows it to whoever stands at the box."""
    odd = home / "local_dcm" / "DOE^JANE 1970"
    odd.mkdir()
    (found,) = troubles(folders.permissions(settings(home)))
    assert "DOE" not in found.says + found.mend
    shown = subprocess.run(
        ["bash", "-c", found.mend], check=True, capture_output=True, text=True
    ).stdout
    assert shown.strip() == str(odd)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads and writes everything")
def test_a_drop_folder_that_cannot_be_emptied_is_found(home: Path) -> None:
    """Delivered originals could not be archived."""
    (home / "local_dcm" / "north").chmod(0o555)
    (found,) = troubles(folders.permissions(settings(home)))
    assert "cannot be taken out" in found.says


def test_an_open_or_missing_secret_is_found(home: Path) -> None:
    """Of the deliveries and of the page."""
    (home / "token").write_text("sesame")
    (home / "token").chmod(0o644)
    site = settings(
        home,
        f'[deliver]\nauth = "bearer"\nsecret = "file:{home}/token"\n'
        '[observe]\ntoken_file = "nowhere"\n',
    )
    says = [each.says for each in troubles(folders.permissions(site))]
    assert any("deliver.secret" in text and "open to others" in text for text in says)
    assert any("observe.token_file" in text and "not there" in text for text in says)
    assert not any("sesame" in text for text in says)


def test_too_little_disk_is_found(home: Path) -> None:
    """Below the mark it is trouble, near it a hint."""
    site = settings(home, "[disk]\nstop_below = 1000000000000000\n")
    (found,) = troubles(folders.disk(site))
    assert "nothing new is prepared" in found.says
    soon = settings(home, "[disk]\nstop_below = 0\nresume_above = 500000000000000\n")
    assert Level.HINT in {each.level for each in folders.disk(soon)}


def test_encryption_is_read_from_the_devices_below(tmp_path: Path) -> None:
    """A file system on LVM on dm-crypt is encrypted; on a bare disk it is not."""
    crypt = tmp_path / "crypt"
    (crypt / "dm").mkdir(parents=True)
    (crypt / "dm" / "uuid").write_text("CRYPT-LUKS2-0123-home\n", encoding="ascii")
    volume, bare = tmp_path / "volume", tmp_path / "bare"
    (volume / "slaves").mkdir(parents=True)
    (volume / "slaves" / "dm-0").symlink_to(crypt)
    bare.mkdir()
    assert folders._crypt(volume)
    assert not folders._crypt(bare)


def test_too_few_watches_are_found(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the number that is wanted in the command."""
    for name, number in {"max_user_watches": 8192, "max_queued_events": 100}.items():
        (home / name).write_text(f"{number}\n", encoding="ascii")
    monkeypatch.setattr(machine, "_INOTIFY", home)
    found = list(machine.limits(settings(home)))
    assert [each.mend for each in found] == [
        "sudo sysctl -w fs.inotify.max_user_watches=65536",
        "sudo sysctl -w fs.inotify.max_queued_events=65536",
    ]


def test_a_clock_that_was_set_back_is_found(home: Path) -> None:
    """The ledger remembers a later time."""
    assert troubles(machine.clock(settings(home))) == []
    admit(home, time.time() + 3600)
    (found,) = troubles(machine.clock(settings(home)))
    assert "in the future" in found.says


def test_a_lost_key_and_a_lost_backup_are_found(home: Path) -> None:
    """A key that came after the backup is named; one that is gone is worse."""
    site, target = settings(home), home / "keys.tar"
    assert machine.backup_keys(site, target) == ["north.key"]
    assert target.stat().st_mode & 0o077 == 0
    with tarfile.open(target) as tar:
        packed = tar.extractfile("north.key")
        assert packed is not None
        assert packed.read() == (home / "state" / "keys" / "north.key").read_bytes()
    assert troubles(machine.keys(site)) == []
    make_key(home / "state" / "keys" / "south.key")
    (found,) = troubles(machine.keys(site))
    assert "south.key" in found.says
    assert "north.key" not in found.says
    (home / "state" / "keys" / "north.key").unlink()
    assert any("will not start" in each.says for each in troubles(machine.keys(site)))
    with pytest.raises(ConfigError, match="never written over"):
        machine.backup_keys(site, target)


def test_a_damaged_ledger_is_found(home: Path) -> None:
    """And one that is none at all."""
    path = home / "state" / "ledger.sqlite"
    assert troubles(machine.ledger(settings(home))) == []
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\x55" * 4096 + whole[8192:])
    (found,) = troubles(machine.ledger(settings(home)))
    assert "damaged" in found.says
    path.write_bytes(b"no ledger" * 1000)
    assert len(troubles(machine.ledger(settings(home)))) == 1


# -- certificates and backends ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "level"), [(-3, Level.TROUBLE), (10, Level.HINT), (300, Level.OK)]
)
def test_a_certificates_end_is_told(home: Path, days: int, level: Level) -> None:
    """Read from the file itself; the metric for the alert is the same number."""
    end = (datetime.now(UTC) + timedelta(days, hours=1)).replace(microsecond=0)
    authority = trustme.CA()
    start = end - timedelta(days=400)
    issued = authority.issue_cert("box.example", not_after=end, not_before=start)
    issued.cert_chain_pems[0].write_to_path(home / "own.pem")
    site = settings(
        home, '[observe]\nlisten = "off"\ntls_certificate = "own.pem"\ntls_key = "own.key"\n'
    )
    (found,) = network.certificates(site)
    assert found.level is level
    assert network.certificate_ends(site) == {"observe.tls_certificate": end.timestamp()}


def test_the_end_is_read_as_openssl_reads_it() -> None:
    """Years before and after 2050 are spelled differently in a certificate."""
    for year in (2027, 2049, 2051):
        end = datetime(year, 3, 4, 5, 6, 7, tzinfo=UTC)
        issued = trustme.CA().issue_cert("a.example", not_after=end)
        pem = issued.cert_chain_pems[0].bytes().decode()
        assert trust.expiry(ssl.PEM_cert_to_DER_cert(pem)) == end.timestamp()


def test_a_file_without_a_certificate_is_told(home: Path) -> None:
    """And is 0, long ago, for the alert."""
    (home / "own.pem").write_text("nothing", encoding="ascii")
    site = settings(home, '[deliver]\ntls_ca = "own.pem"\n')
    assert len(troubles(network.certificates(site))) == 1
    assert network.certificate_ends(site) == {"deliver.tls_ca": 0.0}


def test_each_step_to_a_backend_is_told_apart(home: Path) -> None:
    """A name, a connection, a handshake."""
    with _server(trustme.CA()) as port:
        for url, word in {
            "https://nowhere.invalid": "the name is not known",
            "http://127.0.0.1:1": "no connection",
            "http://ai.example": "check-config",
            f"https://localhost:{port}": "not trusted",
        }.items():
            site = settings(home, f'[deliver]\nurl = "{url}"\n')
            (found,) = troubles(network.reachability(site))
            assert word in found.says + found.mend


def test_a_trusted_backend_is_told_with_its_certificates_end(home: Path) -> None:
    """Nothing is sent to it; its certificate is looked at."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(home / "ca.pem")
    with _server(authority) as port:
        site = settings(home, f'[deliver]\nurl = "https://localhost:{port}"\ntls_ca = "ca.pem"\n')
        found = list(network.reachability(site))
    assert troubles(iter(found)) == []
    assert "its certificate is trusted" in found[0].says
    assert "expires in" in found[1].says


@contextmanager
def _server(authority: trustme.CA) -> Iterator[int]:
    """Shakes hands over TLS with one after the other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0.2)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                link, _ = listening.accept()
            except TimeoutError:
                continue
            link.settimeout(5)
            try:
                with context.wrap_socket(link, server_side=True) as shaken:
                    shaken.recv(1)
            except OSError:
                pass
            finally:
                link.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield int(listening.getsockname()[1])
    finally:
        stop.set()
        thread.join()
        listening.close()


# -- the verb --------------------------------------------------------------------------------


def test_the_verb_ends_with_3_when_something_is_to_be_mended(home: Path) -> None:
    """And with 0 once it is."""
    settings(home)
    first = verb(home / "settings.toml", "doctor", "--json")
    assert first.exit_code == 3
    levels = {each["check"]: each["level"] for each in json.loads(first.stdout)}
    assert levels["keys"] == "trouble"
    assert {"permissions", "disk", "limits", "clock", "ledger", "gateway"} <= levels.keys()
    made = verb(home / "settings.toml", "doctor", "--backup-keys", str(home / "k.tar"))
    assert made.exit_code == 0, made.output
    second = verb(home / "settings.toml", "doctor")
    assert second.exit_code == 0, second.output
    assert "TROUBLE" not in second.output


def test_a_new_site_is_not_in_trouble(tmp_path: Path) -> None:
    """Before the first start there is no state; the drop folder is asked for."""
    path = tmp_path / "settings.toml"
    path.write_text("[disk]\nstop_below = 0\n", encoding="utf-8")
    (tmp_path / "local_dcm").mkdir()
    done = verb(path, "doctor")
    assert done.exit_code == 0, done.output
