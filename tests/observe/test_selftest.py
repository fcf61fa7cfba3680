"""The self-test keeps its promises on the shipped settings, and tells when one is broken."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from tests.observe.conftest import verb
from watcher.cli import selftest as cli
from watcher.model import State
from watcher.selftest.checks import Check, examine
from watcher.selftest.course import Course, bent, kinds, run
from watcher.selftest.patients import patients, slices, ultrasound
from watcher.selftest.report import as_html, as_text, made
from watcher.settings import Settings, load

SITE = """
[disk]
stop_below = 0
resume_above = 0
ballast = 0
[workers]
processes = 1
[deliver]
url = "https://ai.example"
auth = "bearer"
secret = "file:/nowhere/token"
hours = ["01:00-02:00"]
[customers.north.render]
mode = "lossless"
[customers."south.side"]
paused = true
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A site with a backend that is not there, hours, a pause, and a customer of another kind."""
    path = tmp_path_factory.mktemp("site") / "settings.toml"
    path.write_text(SITE, encoding="utf-8")
    return load(path, {})


@pytest.fixture(scope="module")
def gone(site: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the course below has gone."""
    return tmp_path_factory.mktemp("course")


@pytest.fixture(scope="module")
def course(site: Settings, gone: Path) -> Course:
    """One real course."""
    import asyncio

    return asyncio.run(run(site, gone, 240.0, lambda _: None))


@pytest.fixture
def spoilt(course: Course, tmp_path: Path) -> Course:
    """A copy of what it left, to be spoilt."""
    home = tmp_path / "home"
    shutil.copytree(course.home, home, ignore=shutil.ignore_patterns("*.sock"))
    settings = course.settings.model_copy(update={"state": home / "state"})
    return replace(course, home=home, settings=settings)


def broken(course: Course) -> list[Check]:
    """The promises that were not kept."""
    return [check for check in examine(course) if not check.held]


def test_every_promise_is_kept(course: Course) -> None:
    """Two kinds of customers, through a 503, a lost answer, a kill and a restart."""
    checks = examine(course)
    assert [check for check in checks if not check.held] == []
    assert len(checks) > 20
    assert [each.customer for each in course.dropped] == ["selftest", "north"]
    states = [row.state for row in course.rows]
    assert states.count(State.DELIVERED) + states.count(State.QUARANTINED) == 14
    assert states.count(State.DUPLICATE) == 2


def test_the_site_is_left_alone(site: Settings, course: Course) -> None:
    """Neither its state nor its backend nor its credentials are used; its rules are."""
    assert not site.state.exists()
    own = bent(site, Path("/elsewhere"), "http://127.0.0.1:1")
    for each in (own.deliver, *(customer.deliver for customer in own.customers.values())):
        assert (each.url, each.auth, each.secret, each.hours) == (
            "http://127.0.0.1:1",
            "none",
            "",
            (),
        )
    assert own.scrub == site.scrub
    assert own.customers["north"].render.mode == "lossless"
    assert set(kinds(site)) == {"selftest", "north"}


def test_a_value_that_left_is_named(spoilt: Course) -> None:
    """By what it is; once in a request, once in the outbox."""
    (request, *_) = (spoilt.home / "receiver" / "accepted").rglob("request.json")
    patient = spoilt.dropped[0].first[0].dataset
    request.write_text(request.read_text() + str(patient.PatientID).lower())
    (text, *_) = (spoilt.settings.state / "outbox").rglob("*.png.txt")
    text.write_text(text.read_text() + str(patient.StudyInstanceUID))
    (check,) = broken(spoilt)
    assert "FOUND: Patient ID, Study Instance UID" in check.found


def test_a_value_in_the_log_is_named(spoilt: Course) -> None:
    """The log is to be safe to ship."""
    family = str(spoilt.dropped[0].first[0].dataset.PatientName).split("^")[0]
    with (spoilt.settings.state / "log" / "watcher.jsonl").open("a") as log:
        log.write(f'{{"event":"{family.upper()}"}}\n')
    (check,) = broken(spoilt)
    assert check.promise == "No identifying value is in the log"
    assert "family name" in check.found


def test_letters_that_can_be_read_are_found(spoilt: Course) -> None:
    """The picture that was sent is looked at, not the verdict."""
    for dropped in spoilt.dropped:
        row = spoilt.row_of(dropped.customer, dropped.ultrasound)
        assert row is not None
        if row.state is not State.DELIVERED:
            pytest.skip("the ultrasounds were refused: nothing was sent that could be read")
        assert row.prepared is not None
        outbox = spoilt.settings.state / "outbox" / dropped.customer
        path = outbox / row.prepared.images[0].png.name
        shown = np.array(Picture.open(path).convert("L"))
        assert dropped.ultrasound.letters is not None
        shown[dropped.ultrasound.letters] = 255
        Picture.fromarray(shown).save(path)
    found = broken(spoilt)
    assert len(found) == 2
    assert all("burned into an ultrasound" in check.promise for check in found)


@pytest.mark.parametrize(
    ("state", "promise"),
    [
        (State.QUEUED, "Clean CT slices are delivered"),
        (State.DELIVERED, "exactly once"),
    ],
)
def test_what_was_lost_or_made_up_is_told(course: Course, state: State, promise: str) -> None:
    """A ledger that says otherwise than the receiver, or a slice that did not go."""
    first = course.dropped[0]
    image = first.first[0] if state is State.QUEUED else first.again
    rows = tuple(
        replace(row, state=state) if row is course.row_of(first.customer, image) else row
        for row in course.rows
    )
    if state is State.DELIVERED:
        twin = course.row_of(first.customer, first.first[0])
        assert twin is not None
        rows = tuple(
            replace(row, prepared=twin.prepared) if row.state is state and not row.prepared else row
            for row in rows
        )
    assert any(promise in check.promise for check in broken(replace(course, rows=rows)))


def test_what_may_stay_is_not_counted_as_a_leak(site: Settings) -> None:
    """A site that keeps UIDs on purpose is told so, and not that they leaked."""
    own = site.of("")
    keeping = own.model_copy(update={"scrub": own.scrub.model_copy(update={"keep_uids": True})})
    (patient,) = patients(1)
    for customer, allowed in ((own, False), (keeping, True)):
        (image,) = slices(patient, customer, 0, 1)
        uids = [planted for planted in image.planted if "UID" in planted.what]
        assert [planted.allowed for planted in uids] == [allowed] * 3


def test_the_name_is_in_the_picture(site: Settings) -> None:
    """The letters are white and large enough to be read."""
    (patient,) = patients(1)
    image = ultrasound(patient, site.of(""))
    assert image.letters is not None
    assert 1500 < image.letters.sum() < 20_000
    pixels = np.frombuffer(image.dataset.PixelData, np.uint8).reshape(480, 640)
    assert pixels[image.letters].min() == 255
    assert pixels[~image.letters].max() < 110


def test_the_page_says_it_all(site: Settings, course: Course) -> None:
    """Every promise with what was found, what stays on purpose, and what is not shown."""
    checks = [*examine(course), Check("<b>Bold</b> promise", "found & lost", False)]
    report = made(site, course, checks)
    text, page = as_text(report), as_html(report)
    assert "FAILED: 1 of" in text
    assert "FAILED: 1 of" in page
    assert "&lt;b&gt;Bold&lt;/b&gt; promise" in page
    assert "http" not in page
    assert "synthetic" in text
    for check in checks[:-1]:
        assert check.promise in text


@pytest.mark.parametrize("kept", [True, False])
def test_the_verb_files_a_report_and_cleans_up(
    kept: bool, course: Course, site: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 0 or 3; two files; nothing else is left of it."""
    monkeypatch.setattr(cli, "run", _finished(course))
    promises = [Check("promise", "found", kept)]
    monkeypatch.setattr(cli, "examine", lambda _: promises)
    path = tmp_path / "settings.toml"
    path.write_text(SITE, encoding="utf-8")
    done = verb(path, "selftest")
    assert done.exit_code == (0 if kept else 3), done.output
    files = sorted(each.suffix for each in (tmp_path / "state" / "reports").iterdir())
    assert files == [".html", ".txt"]
    assert [each.name for each in (tmp_path / "state").iterdir()] == ["reports"]


def _finished(course: Course) -> object:
    async def run(*_: object) -> Course:
        return course

    return run
