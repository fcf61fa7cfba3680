"""The offline bundle: made, installed without a network, run, upgraded and taken back, for real."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

SCRIPTS = Path(__file__).parents[2] / "scripts" / "packaging"


def offline() -> list[str]:
    """A prefix that runs a command without any network but loopback, where the kernel lets us."""
    cut = ["unshare", "--map-root-user", "--net"]
    up = [*cut, "sh", "-c", 'ip link set lo up; exec "$@"', "sh"]
    if (
        shutil.which("unshare")
        and subprocess.run([*up, "true"], capture_output=True, check=False).returncode == 0
    ):
        return up
    return []


def run(*command: str | Path, code: int = 0) -> str:
    """Run to the end, cut off from the network; the end code must be as said."""
    ended = subprocess.run(
        [*offline(), *map(str, command)], capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


@contextmanager
def gateway(watcher: Path, settings: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([*offline(), watcher, "run", "--settings", settings])
    try:
        yield process
    finally:
        process.terminate()
        assert process.wait(60) == 0


def bundled(folder: Path, version: str, source: Path) -> Path:
    """A copy of an unpacked bundle that says it is another version."""
    copy = folder / f"img-ingestion-{version}"
    shutil.copytree(source, copy, copy_function=os.link)
    (copy / "VERSION").unlink()
    (copy / "VERSION").write_text(f"{version}\n")
    named = "find . -type f ! -name SHA256SUMS ! -name sums -print0 | sort -z"
    sums = f"{named} | xargs -0 sha256sum > sums && mv sums SHA256SUMS"
    subprocess.run(["sh", "-c", sums], cwd=copy, check=True)
    return copy


def borrowed(folder: Path) -> Path:
    """A folder with one wheel that points at the packages of this very environment."""
    folder.mkdir()
    site = sysconfig.get_paths()["purelib"]
    info = "borrowed-1.dist-info"
    files = {
        "borrowed.pth": f"{site}\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: borrowed\nVersion: 1\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / "borrowed-1-py3-none-any.whl", "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return folder


@pytest.mark.long
@pytest.mark.parametrize("packages", ["borrowed", "locked"])
def test_bundle_install_run_upgrade_and_the_way_back(tmp_path: Path, packages: str) -> None:
    """From the checkout to a delivered image without a network, and on to the next release.

    Once with every locked wheel, once with what is installed here, where there is no network.
    """
    environment = {"PYTHON": sys.executable, "PATH": os.environ["PATH"]}
    if packages == "borrowed":
        environment["WHEELS"] = str(borrowed(tmp_path / "wheels"))
    made = subprocess.run(
        [SCRIPTS / "bundle", tmp_path / "dist"], capture_output=True, check=False, env=environment
    )
    if made.returncode and packages == "locked":
        pytest.skip("no package index within reach to make the bundle from")
    assert made.returncode == 0, made.stderr
    (archive,) = (tmp_path / "dist").glob("*.tar")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    bundle = tmp_path / archive.stem
    prefix, settings = tmp_path / "opt", tmp_path / "etc" / "settings.toml"
    settings.parent.mkdir()
    settings.write_text(
        f'state = "{tmp_path}/state"\n[intake]\nroot = "{tmp_path}/drop"\n'
        '[observe]\nlisten = "off"\n'
    )
    where = ["--prefix", str(prefix), "--settings", str(settings)]

    run(bundle / "install", *where)
    watcher = prefix / "current" / "bin" / "watcher"
    (tmp_path / "drop" / "demo").mkdir(parents=True)
    shutil.copy(str(get_testdata_file("CT_small.dcm")), tmp_path / "drop" / "demo")
    with gateway(watcher, settings) as process:
        until = time.monotonic() + 120
        while not list((tmp_path / "state" / "archive").rglob("*.dcm")):
            assert time.monotonic() < until
            assert process.poll() is None
            time.sleep(0.5)
    assert '"delivered": 1' in run(watcher, "status", "--json", "--settings", settings)

    newer = bundled(tmp_path, "9.0", bundle)
    run(newer / "install", *where)
    assert (prefix / "current").resolve().name == "9.0"
    assert (tmp_path / "state" / "ledger.before-9.0.sqlite").exists()
    assert run(watcher, "audit", "verify", "--settings", settings).startswith("whole: 2 lines")

    run(newer / "install", "--back", *where)
    assert (prefix / "current").resolve().name == bundle.name.removeprefix("img-ingestion-")
    assert '"delivered": 1' in run(watcher, "status", "--json", "--settings", settings)

    (newer / "wheels" / "click-0.whl").write_text("not a wheel")
    (newer / "SHA256SUMS").write_text("")
    broken = run(newer / "install", *where, code=1)
    assert "damaged" in broken
    assert '"delivered": 1' in run(watcher, "status", "--json", "--settings", settings)
