"""A real gateway under a real notification socket, as systemd would hold it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.way.box import Box
from watcher.notify import Notifier


class Manager:
    """systemd's end of the socket."""

    def __init__(self, path: Path) -> None:
        self.link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.link.bind(str(path))
        self.link.setblocking(False)

    async def hears(self, word: str, within: float) -> bool:
        """Whether a message with this line comes in time."""
        try:
            async with asyncio.timeout(within):
                while True:
                    data = await asyncio.get_running_loop().sock_recv(self.link, 4096)
                    if word in data.decode().split("\n"):
                        return True
        except TimeoutError:
            return False

    def drop_what_waits(self) -> None:
        """Forget what was sent until now."""
        try:
            while self.link.recv(4096):
                pass
        except BlockingIOError:
            return


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    path = tmp_path / "notify"
    made = Manager(path)
    monkeypatch.setenv("NOTIFY_SOCKET", str(path))
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    yield made
    made.link.close()


async def test_ready_then_beats_then_stopping(tmp_path: Path, manager: Manager) -> None:
    """READY once files are taken, a beat in half the watchdog's time, STOPPING at the signal."""
    home = tmp_path / "box"
    home.mkdir()
    box = Box(home)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    gateway = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "watcher", "run", "--settings", str(box.settings)),
        cwd=home,
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert await manager.hears("READY=1", 60)
        assert await manager.hears("WATCHDOG=1", 10)
        gateway.send_signal(signal.SIGSTOP)  # hangs
        await asyncio.sleep(0.2)
        manager.drop_what_waits()
        assert not await manager.hears("WATCHDOG=1", 1.5)
        gateway.send_signal(signal.SIGCONT)
        assert await manager.hears("WATCHDOG=1", 10)
        gateway.send_signal(signal.SIGTERM)
        assert await manager.hears("STOPPING=1", 10)
        assert await gateway.wait() == 0
    finally:
        if gateway.returncode is None:
            gateway.kill()
            await gateway.wait()


async def test_a_sick_process_is_not_called_alive(manager: Manager) -> None:
    """The watchdog hears nothing while the ledger does not answer."""

    async def sick() -> bool:
        return False

    beating = asyncio.create_task(Notifier.taken_from(dict(os.environ)).beat(sick))
    assert not await manager.hears("WATCHDOG=1", 1.5)
    beating.cancel()


async def test_an_abstract_address_is_spoken_to() -> None:
    """systemd may give a name of the abstract name space."""
    name = f"img-ingestion-test-{os.getpid()}-{time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.bind(f"\0{name}")
        link.settimeout(5)
        Notifier(f"@{name}").tell("READY=1", "STATUS=x")
        assert link.recv(100) == b"READY=1\nSTATUS=x"


def test_the_environment_is_taken_out_and_a_strangers_watchdog_is_not_ours() -> None:
    """So that no worker speaks for the gateway; WATCHDOG_PID names whose it is."""
    environment = {
        "NOTIFY_SOCKET": "/x",
        "WATCHDOG_USEC": "60000000",
        "WATCHDOG_PID": "1",
        "A": "b",
    }
    assert Notifier.taken_from(environment) == Notifier("/x", None)
    assert environment == {"A": "b"}


async def test_nobody_asked(tmp_path: Path) -> None:
    """Without a manager nothing is sent and no beat is kept; a gone manager is no failure."""

    async def alive() -> bool:
        raise AssertionError

    quiet = Notifier.taken_from({})
    quiet.tell("READY=1")
    await quiet.beat(alive)
    Notifier(str(tmp_path / "gone")).tell("READY=1")
