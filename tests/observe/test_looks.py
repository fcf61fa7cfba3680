"""`ls`, `show`, `status`, `top` and the overview, on a ledger of a gateway that does not run."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.observe.conftest import verb
from tests.store.samples import prepared
from watcher import overview
from watcher.cli import VERBS, watcher
from watcher.cli.top import Backlog, brief, size
from watcher.model import Reason, Signature, State
from watcher.overview import rate_of
from watcher.settings import load
from watcher.store import listing, queries
from watcher.store.database import connect
from watcher.store.ledger import Ledger
from watcher.store.listing import Filter
from watcher.store.records import Move

NOW = time.time()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A settings file in a folder."""
    (tmp_path / "settings.toml").write_text(
        '[disk]\nstop_below = 0\n[observe]\nlisten = "off"\n', encoding="utf-8"
    )
    return tmp_path


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    """An empty ledger that the verbs look at."""
    (home / "state").mkdir(mode=0o700)
    connection = connect(home / "state" / "ledger.sqlite")
    yield Ledger(connection)
    connection.close()


def admit(ledger: Ledger, customer: str, number: int, at: float) -> str:
    """One file, seen at that time."""
    signature = Signature(1, number, 100 + number, 5)
    ((id_, _),) = ledger.admit([(customer, f"deep/{number}.dcm", signature)], at)
    return id_


def deliver(ledger: Ledger, customer: str, number: int, seen: float, at: float) -> str:
    """One file, seen and acknowledged at those times."""
    id_ = admit(ledger, customer, number, seen)
    made = replace(prepared(f"{customer}-{number}"), steps_ms={"scrub": 2.0})
    ledger.move(id_, Move(State.STAGED, prepared=made, steps_ms=made.steps_ms), seen)
    ledger.move(id_, Move(State.DELIVERED), at)
    return id_


def test_pages_put_together_are_everything_once(home: Path, ledger: Ledger) -> None:
    """The latest change first, whatever the page's size, with many changes at one moment."""
    rng = random.Random(5)
    for number in range(60):
        at = NOW - rng.randrange(5) * 100
        id_ = admit(ledger, rng.choice(["north", "south"]), number, at)
        if rng.random() < 0.5:
            ledger.move(id_, Move(State.QUARANTINED, Reason.BURNED_IN), at)
    db = ledger.connection
    everything = sorted(
        (-row["changed_at"], row["id"]) for row in db.execute("SELECT * FROM instances")
    )
    for limit in (1, 7, 60, 100):
        seen: list[str] = []
        while page := listing.page(db, Filter(), limit, seen[-1] if seen else None):
            seen += [row.id for row in page]
        assert seen == [id_ for _, id_ in everything]


def test_ls_filters_and_pages(home: Path, ledger: Ledger) -> None:
    """By customer, state, reason and age; the next page is named."""
    now = time.time()  # the verb looks at its own clock
    old = admit(ledger, "north", 1, now - 7200)
    new = admit(ledger, "north", 2, now - 60)
    bad = admit(ledger, "south", 3, now - 7200)
    ledger.move(bad, Move(State.QUARANTINED, Reason.BURNED_IN, "frame 1"), now - 7000)

    def listed(*arguments: str) -> list[str]:
        done = verb(home / "settings.toml", "ls", "--json", *arguments)
        assert done.exit_code == 0, done.output
        return [each["id"] for each in json.loads(done.stdout)["instances"]]

    assert listed() == [new, bad, old]
    assert listed("--customer", "north") == [new, old]
    assert listed("--state", "quarantined") == [bad]
    assert listed("--reason", "burned-in") == [bad]
    assert listed("--older-than", "1h") == [bad, old]
    assert listed("--newer-than", "10min") == [new]
    assert listed("--after", new, "--limit", "1") == [bad]
    first = verb(home / "settings.toml", "ls", "--limit", "1")
    assert f"more: --after {new}" in first.stdout
    assert verb(home / "settings.toml", "ls", "--older-than", "soon").exit_code == 2
    gone = verb(home / "settings.toml", "ls", "--after", "ffff")
    assert gone.exception is not None
    assert "no instance" in str(gone.exception)


def test_show_tells_the_whole_life(home: Path, ledger: Ledger) -> None:
    """Every move with its time and steps, what was sent, and the local path."""
    id_ = deliver(ledger, "north", 1, NOW - 10, NOW - 4)
    done = verb(home / "settings.toml", "show", id_[:9], "--json")
    shown = json.loads(done.stdout)
    assert [move["state"] for move in shown["history"]] == ["queued", "staged", "delivered"]
    assert shown["history"][1]["steps_ms"] == {"scrub": 2.0}
    assert shown["history"][2]["after_seconds"] == pytest.approx(6, abs=0.1)
    assert shown["files"]["dropped"] == str(home / "local_dcm" / "north" / "deep" / "1.dcm")
    assert shown["sent"]["patient"] == "P1"
    text = verb(home / "settings.toml", "show", id_).stdout
    assert "deep/1.dcm" in text
    assert "staged (scrub 2 ms)" in text
    assert verb(home / "settings.toml", "show", "ffff").exit_code != 0


def test_the_overview_measures(home: Path, ledger: Ledger) -> None:
    """Rates over the last minute, latencies by nearest rank, time to go, age of the oldest."""
    for number in range(100):  # 2 a second for 50 s; waits of 0.01, 0.02 ... 1 s
        at = NOW - 50 + number / 2
        deliver(ledger, "north", number, at - (number + 1) / 100, at)
    admit(ledger, "north", 1000, NOW - 30)
    settings = load(home / "settings.toml", {})
    (view,) = overview.look(settings, NOW).customers
    assert view.rate == pytest.approx(2.0, rel=0.02)
    assert view.latency_p50 == pytest.approx(0.50, abs=1e-3)
    assert view.latency_p95 == pytest.approx(0.95, abs=1e-3)
    assert view.oldest == pytest.approx(30, abs=0.1)
    assert view.to_go == pytest.approx(0.5, rel=0.05)
    assert view.backend == "ok"


def test_who_does_not_move_has_no_end(home: Path, ledger: Ledger) -> None:
    """The time to go is that of those who move; the others are named, and alone there is none."""
    now = time.time()  # the verb looks at its own clock
    admit(ledger, "south", 1, now - 30)
    settings = load(home / "settings.toml", {})
    seen = overview.look(settings, now)
    assert (seen.to_go, seen.stuck) == (None, ("south",))
    for number in range(10):
        deliver(ledger, "north", number, now - 10, now - 10)
    admit(ledger, "north", 100, now)
    seen = overview.look(settings, now)
    assert seen.to_go == pytest.approx(1.0)
    assert seen.stuck == ("south",)
    text = verb(home / "settings.toml", "top", "--once").stdout
    assert "to go but for south" in " ".join(text.split())


def test_a_rate_is_over_what_was_looked_at() -> None:
    """When more has happened than is looked at, over the time that is covered."""
    times = [100.0 - n * 0.01 for n in range(3000)]
    assert rate_of(times, since=70.0, now=100.0) == pytest.approx(100, rel=0.01)
    assert rate_of([99.9], since=0.0, now=100.0) == pytest.approx(0.2)
    assert rate_of([10.0], since=0.0, now=100.0) == 0.0


def test_a_long_ledger_costs_no_more(home: Path, ledger: Ledger) -> None:
    """Only the newest events are read; what they cover is said."""
    ledger.connection.execute("BEGIN")
    for number in range(4000):
        deliver(ledger, "north", number, NOW - 100, NOW - 100 + number / 50)
    ledger.connection.execute("COMMIT")
    recent = listing.recent(ledger.connection, NOW - 900)
    assert recent.since > NOW - 900
    assert len(recent.ends) == pytest.approx(2000, abs=10)


def test_a_backlog_is_what_was_waited_for_since_one_looked(home: Path, ledger: Ledger) -> None:
    """It begins with the first file that waits and ends with the last."""
    settings = load(home / "settings.toml", {})
    deliver(ledger, "north", 1, NOW, NOW)
    ids = [admit(ledger, "north", number, NOW) for number in (2, 3)]
    seen = overview.look(settings, NOW)
    backlog = Backlog().after(seen)
    assert (backlog.done(seen), seen.pending) == (0, 2)
    ledger.move(ids[0], Move(State.EXCLUDED, Reason.NOT_DICOM), NOW)
    seen = overview.look(settings, NOW)
    assert (backlog.after(seen).done(seen), seen.pending) == (1, 1)
    ledger.move(ids[1], Move(State.EXCLUDED, Reason.NOT_DICOM), NOW)
    assert backlog.after(overview.look(settings, NOW)) == Backlog()


@pytest.mark.parametrize("width", [80, 100, 140])
def test_top_fits_the_terminal(
    home: Path, ledger: Ledger, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """80 columns hold every number of a customer that has a million files and a resting backend."""
    monkeypatch.setenv("COLUMNS", str(width))
    now = time.time()
    admit(ledger, "st-elsewhere-radiology", 1, now - 4000)
    ledger.connection.execute("UPDATE counts SET n = 1234567 WHERE state = 'queued'")
    ledger.save_breaker("st-elsewhere-radiology", json.dumps({"until": now + 500, "rests": 3}))
    shown = verb(home / "settings.toml", "top", "--once").stdout
    assert max(map(len, shown.splitlines())) <= width
    for word in ("NOT RUNNING", "st-els", "1234567", "67m", "resting", "no end in sight"):
        assert word in shown
    for column in ("queued", "staged", "sent", "quar.", "oldest", "/min", "p50", "p95", "to go"):
        assert column in shown


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.042, "0.0s"),
        (9.96, "10s"),
        (59.96, "1.0m"),
        (599, "10m"),
        (86400, "24h"),
        (864000, "10d"),
    ],
)
def test_times_are_short(seconds: float | None, text: str) -> None:
    """Five characters or less."""
    assert brief(seconds) == text


def test_sizes_are_short() -> None:
    """Decimal units, as disks are sold."""
    assert [size(n) for n in (999, 65.8e9, 2e15)] == ["999 B", "65.8 GB", "2000.0 TB"]


@pytest.mark.parametrize("name", ["status", "top", "ls"])
def test_without_a_ledger_they_say_how_to_start(home: Path, name: str) -> None:
    """In a sentence, with exit code 2 (see `watcher.__main__`)."""
    done = verb(home / "settings.toml", name)
    assert "start with: watcher run" in str(done.exception)


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_has_help_with_its_exit_codes_or_is_a_group(name: str) -> None:
    """`--help` of the program names them for all; those of operations show examples."""
    text = CliRunner().invoke(watcher, [name, "--help"]).output
    assert "Usage:" in text
    mine = ("status", "top", "tail", "ls", "show", "explain", "doctor", "support", "check-config")
    if name in mine:
        assert "Examples" in text
        assert "Exit codes" in text


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script that `--help` names is printed, and `watcher t` gives top and tail."""
    runner = CliRunner()
    asked = {"_WATCHER_COMPLETE": f"{shell}_source"}
    script = runner.invoke(watcher, [], prog_name="watcher", env=asked)
    assert "_WATCHER_COMPLETE" in script.output
    words = {"COMP_WORDS": "watcher t", "COMP_CWORD": "1" if shell != "fish" else "t"}
    asked = {"_WATCHER_COMPLETE": f"{shell}_complete", **words}
    done = runner.invoke(watcher, [], prog_name="watcher", env=asked)
    assert "top" in done.output
    assert "tail" in done.output
    assert "status" not in done.output


def test_a_readers_look_changes_nothing(home: Path, ledger: Ledger) -> None:
    """Not one byte of the ledger, and no file beside it."""
    admit(ledger, "north", 1, NOW)
    ledger.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    ledger.connection.close()
    path = home / "state" / "ledger.sqlite"
    before = path.read_bytes()
    for arguments in (["status"], ["top", "--once"], ["ls"], ["doctor"]):
        verb(home / "settings.toml", *arguments)
    assert path.read_bytes() == before
    assert queries.tallies(queries.reader(path))[0].seen == 1
