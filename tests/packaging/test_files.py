"""What is shipped for a box, held against the tools that read it, or a parser without them."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from watcher.settings import Settings, load

PACKAGING = Path(__file__).parents[2] / "scripts" / "packaging"
UNIT = PACKAGING / "systemd" / "img-ingestion.service"
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed here"
)


def unit() -> dict[str, list[str]]:
    """The [Service] section, each key with all its values."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in UNIT.read_text("utf-8").splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@needs_systemd
def test_the_unit_is_as_closed_as_it_says() -> None:
    """systemd's own score, offline: below 2.0 is "OK"."""
    ended = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(UNIT)],
        capture_output=True,
        text=True,
        check=True,
    )
    score = re.search(r"Overall exposure level for \S+: ([\d.]+) OK", ended.stdout)
    assert score is not None, ended.stdout[-300:]
    assert float(score[1]) < 2.0


@needs_systemd
@pytest.mark.parametrize(
    ("tool", "options", "name"),
    [
        ("systemd-sysusers", ["--dry-run"], "sysusers.conf"),
        ("systemd-tmpfiles", ["--create", "--dry-run"], "tmpfiles.conf"),
    ],
)
def test_systemd_reads_the_other_files(tool: str, options: list[str], name: str) -> None:
    """Without doing what they say; an option this systemd does not know is a reason to skip."""
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed here")
    ended = subprocess.run(
        [tool, *options, str(PACKAGING / "systemd" / name)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "unrecognized option" in ended.stderr:
        pytest.skip(f"{tool} has no --dry-run here")
    # Users that are not there yet are no fault of the file's grammar.
    faults = [line for line in ended.stderr.splitlines() if re.search(r":\d+\]? ", line)]
    assert not [line for line in faults if "resolve" not in line and "Unknown user" not in line]


def test_the_unit_waits_for_ready_and_watches() -> None:
    """What the gateway says is what systemd listens for; a kill writes no core."""
    said = unit()
    assert said["Type"] == ["notify"]
    assert int(said["WatchdogSec"][0]) > 0
    assert said["WatchdogSignal"] == ["SIGKILL"]
    assert said["LimitCORE"] == ["0"]
    assert said["RestartPreventExitStatus"] == ["2"]


def test_the_unit_the_folders_and_the_settings_agree() -> None:
    """State and drop folder are the same everywhere, and nobody else may read the state."""
    site = load(PACKAGING / "settings.toml", {})
    folders = {}
    for line in (PACKAGING / "systemd" / "tmpfiles.conf").read_text("utf-8").splitlines():
        if line.startswith("d "):
            _, path, mode, user, group, _ = line.split()
            folders[path] = (mode, user, group)
    assert folders[str(site.state)] == ("0700", "img-ingestion", "img-ingestion")
    assert folders[str(site.intake.root)][0] == "2770"
    said = unit()
    assert said["ReadWritePaths"] == [str(site.intake.root)]
    assert f"/var/lib/{said['StateDirectory'][0]}" == str(site.state)


def test_the_container_asks_for_the_same_folders() -> None:
    """Its volumes are what the settings in it name."""
    site = load(PACKAGING / "settings.toml", {})
    volumes = next(rest for word, rest in containerfile() if word == "VOLUME")
    assert json.loads(volumes) == [str(site.state), str(site.intake.root)]


def test_sysctl_sets_what_inotify_has() -> None:
    """Each key is one that this kernel knows."""
    parser = configparser.ConfigParser(delimiters="=")
    parser.read_string("[all]\n" + (PACKAGING / "systemd" / "sysctl.conf").read_text("utf-8"))
    for key, value in parser["all"].items():
        assert Path("/proc/sys", *key.split(".")).exists(), key
        assert int(value) > 0


def test_the_log_rotates_itself() -> None:
    """So that no logrotate file is shipped that would fight with it."""
    assert Settings().log.files > 1
    assert not list(PACKAGING.rglob("*logrotate*"))


def containerfile() -> list[tuple[str, str]]:
    """(instruction, rest) of each instruction, continuations joined."""
    text = (PACKAGING / "Containerfile").read_text("utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in joined.splitlines()]


KNOWN = {
    *("FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "EXPOSE"),
    *("STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"),
}


def test_the_container_file_keeps_its_promises() -> None:
    """Non-root by number, pinned bases, exec forms, no secret, nothing fetched by hand.

    It is parsed here and not built: there is no container engine.
    """
    steps = containerfile()
    words = [word for word, _ in steps]
    assert set(words) <= KNOWN
    assert words[0] == "FROM"
    last = len(words) - 1 - words[::-1].index("FROM")
    final = dict(steps[last:])
    assert final["USER"] == "10001:10001"
    for word, rest in steps:
        if word == "FROM":
            assert re.fullmatch(r"\S+:\d+\.\d+\S*( AS \w+)?", rest), "a base without a version"
        if word in ("RUN", "ENTRYPOINT", "CMD", "VOLUME"):
            assert isinstance(json.loads(rest), list), "not in exec form"
        assert not re.search(r"(?i)(token|password|secret)\s*=", rest)
        assert "http://" not in rest
        assert "https://" not in rest
    assert '"CMD"' not in final["HEALTHCHECK"]
    check = json.loads(final["HEALTHCHECK"].partition("CMD ")[2])
    compile(check[2], "healthcheck", "exec")
    for source in re.findall(
        r"^(?!--)(\S.*) \S+$", "\n".join(r for w, r in steps if w == "COPY"), re.M
    ):
        for name in source.split():
            assert (PACKAGING.parents[1] / name).exists(), name


@pytest.mark.parametrize("name", ["bundle", "install"])
def test_the_scripts_are_bash_and_stop_at_the_first_failure(name: str) -> None:
    """Syntax by bash itself."""
    path = PACKAGING / name
    subprocess.run(["bash", "-n", str(path)], check=True)
    assert "set -euo pipefail" in path.read_text("utf-8")
    assert path.stat().st_mode & 0o111
