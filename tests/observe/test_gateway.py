"""A running gateway tells how it is doing: health, metrics, and verbs beside it."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.observe.conftest import Live
from tests.way.box import ENVIRONMENT, Box
from tests.way.images import CANARIES

PACKAGING = Path(__file__).parents[2] / "scripts" / "packaging"
PLANTED = (*CANARIES, "CANARY^FOLDER")


def metrics(live: Live) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Samples by name and labels, as a scraper reads them."""
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(live.get("/metrics")):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def test_it_is_alive_and_ready_and_says_what_was_looked_at(live: Live) -> None:
    """Each check by name; a folder that is not taken is for the operator's eye only."""
    assert json.loads(live.get("/livez")) == {"status": "ok", "checks": {"ledger": "ok"}}
    ready = json.loads(live.get("/readyz"))
    assert ready["status"] == "ok"
    assert ready["checks"]["folder north"] == ready["checks"]["balance north"] == "ok"
    assert ready["checks"]["folder names"] == "illegal"


def test_the_metrics_are_the_ledgers_own_moves(live: Live) -> None:
    """What is counted is what the ledger holds, counted past our own code."""
    found = metrics(live)
    with live.box.ledger() as db:
        events = dict(db.execute("SELECT state, count(*) FROM events GROUP BY state"))
        states = dict(db.execute("SELECT state, count(*) FROM instances GROUP BY state"))
    counted: dict[str, float] = {}
    for labels, value in found["watcher_moves_total"].items():
        counted[dict(labels)["state"]] = counted.get(dict(labels)["state"], 0) + value
    assert counted == events
    shown: dict[str, float] = {}
    for labels, value in found["watcher_instances"].items():
        shown[dict(labels)["state"]] = shown.get(dict(labels)["state"], 0) + value
    assert {state: n for state, n in shown.items() if n} == states
    north = (("customer", "north"),)
    assert found["watcher_delivery_seconds_count"][north] == 2
    assert 0 < found["watcher_delivery_seconds_sum"][north] < 240
    assert found["watcher_oldest_pending_seconds"][north] == 0
    assert set(found["watcher_unbalanced"].values()) == {0}
    assert found["watcher_illegal_folders"][()] == 1


def test_nothing_that_is_served_names_a_patient(live: Live) -> None:
    """No value of a header, no name of a file or folder."""
    text = "".join(live.get(path) for path in ("/livez", "/readyz", "/metrics"))
    assert not [planted for planted in PLANTED if planted in text]


# -- what is shipped for Prometheus and Grafana ----------------------------------------------


def rules() -> list[dict[str, Any]]:
    """The alert rules."""
    (group,) = yaml.safe_load((PACKAGING / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    return list(group["rules"])


def dashboard() -> dict[str, Any]:
    """The dashboard."""
    whole: dict[str, Any] = json.loads((PACKAGING / "grafana.json").read_text(encoding="utf-8"))
    return whole


def queries() -> list[str]:
    """Every PromQL expression that is shipped, variables of the dashboard filled in."""
    board = dashboard()
    shown = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    shown += [each["expr"] for each in board["annotations"]["list"]]
    filled = [re.sub(r"\$(instance|customer)", ".*", text) for text in shown]
    return [*(rule["expr"] for rule in rules()), *filled]


def selected(expression: str) -> dict[str, set[str]]:
    """The metrics an expression names, with the labels it matches them by."""
    found: dict[str, set[str]] = {}

    def visit(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            labels = {matcher.name for matcher in node.matchers.matchers}
            found.setdefault(str(node.name), set()).update(labels)

    promql_parser.walk(promql_parser.parse(expression), visit)
    return found


@pytest.mark.parametrize("expression", queries())
def test_every_shipped_query_asks_for_what_there_is(expression: str, live: Live) -> None:
    """It parses, and each metric and label it names is in the real output."""
    found = metrics(live)
    for name, labels in selected(expression).items():
        if name == "up":  # Prometheus' own
            continue
        assert name in found
        shown = {label for sample in found[name] for label, _ in sample}
        assert labels - {"instance", "job"} <= shown


def test_the_first_alert_is_the_age_of_the_oldest_pending_image() -> None:
    """And each rule has what Prometheus and a person need."""
    assert "watcher_oldest_pending_seconds" in selected(rules()[0]["expr"])
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"page", "mail"}
        assert set(rule["annotations"]) == {"summary", "description"}
        assert re.fullmatch(r"\d+[smhd]", rule.get("for", "1m"))


def test_the_dashboard_can_be_imported() -> None:
    """Panels have ids of their own, do not overlap, and use only variables that are declared."""
    board = dashboard()
    assert board["uid"]
    assert board["schemaVersion"] >= 36
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    cells: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        mine = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not mine & cells
        assert max(x for x, _ in mine) < 24
        cells |= mine
    declared = {each["name"] for each in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]+)\}?", json.dumps(board)))
    assert used <= declared


# -- verbs beside it -------------------------------------------------------------------------


def test_top_beside_a_running_gateway(live: Live) -> None:
    """The gateway's own word, and what the ledger says."""
    seen = json.loads(live.verb("top", "--json").stdout)
    assert seen["gateway"]["running"] is True
    assert seen["gateway"]["checks"]["ledger"] == "ok"
    tallies = {each["tally"]["customer"]: each for each in seen["customers"]}
    assert tallies["north"]["tally"]["delivered"] == 2
    assert 0 < tallies["north"]["latency_p50"] <= tallies["north"]["latency_p95"]
    assert seen["pending"] == 0
    text = live.verb("top", "--once").stdout
    assert "gateway running" in text
    assert "folder names: illegal" in text


def test_top_lives_in_a_terminal_until_ctrl_c(live: Live) -> None:
    """On a real pseudo-terminal: it draws again and again, and gives the screen back."""
    ours, theirs = pty.openpty()
    top = [sys.executable, "-m", "watcher", "top", "--settings", str(live.box.settings)]
    with subprocess.Popen(
        # A shell starts what runs in its background with SIGINT ignored.
        ["env", "--default-signal=INT", *top],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**ENVIRONMENT, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"},
        start_new_session=True,
    ) as process:
        os.close(theirs)
        shown = b""
        while shown.count(b"gateway") < 3:
            shown += os.read(ours, 65536)
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(OSError):  # how Linux says that the other side is closed
            while piece := os.read(ours, 65536):
                shown += piece
    os.close(ours)
    assert process.returncode == 0
    assert b"running" in shown
    assert shown.count(b"\x1b[?1049h") == shown.count(b"\x1b[?1049l") == 1
    assert b"Traceback" not in shown


def test_show_and_explain_find_the_original_of_an_id(live: Live) -> None:
    """The path is told on the terminal; for a delivered one it is the archive's."""
    listed = json.loads(live.verb("ls", "--json").stdout)["instances"]
    by_state = {each["state"]: each["id"] for each in listed}
    held = json.loads(live.verb("show", by_state["quarantined"], "--json").stdout)
    assert held["files"]["dropped"].endswith("south/Xanthecanary/Qwvcanary.dcm")
    assert Path(held["files"]["quarantine"]).is_file()
    assert [move["state"] for move in held["history"]] == ["queued", "quarantined"]
    sent = json.loads(live.verb("show", by_state["delivered"][:10], "--json").stdout)
    assert sent["files"]["still there"] == "no"
    assert Path(sent["files"]["archive"]).is_file()
    assert [move["state"] for move in sent["history"]] == ["queued", "staged", "delivered"]
    explained = live.verb("explain", by_state["delivered"], "--json")
    assert explained.exit_code == 0, explained.output
    assert json.loads(explained.stdout)["verdict"] == "clean"
    assert not [planted for planted in CANARIES if planted in explained.output]


def test_the_support_bundle_names_no_patient(live: Live, tmp_path: Path) -> None:
    """Canaries stand in headers, file names and folder names; none is in any byte."""
    target = tmp_path / "bundle.tar.gz"
    log = live.box.state / "log" / "watcher.jsonl"
    with log.open("a", encoding="utf-8") as file:  # as a bug, or another hand, might write
        file.write(
            '{"ts":"Zyxcanary","level":"info","event":"Qwvcanary X","path":"Xanthecanary"}\n'
        )
    made = live.verb("support", "--out", str(target))
    assert made.exit_code == 0, made.output
    assert target.stat().st_mode & 0o077 == 0
    with tarfile.open(target) as tar:
        parts = {
            member.name.partition("/")[2]: packed.read()
            for member in tar.getmembers()
            if (packed := tar.extractfile(member)) is not None
        }
    whole = b"".join([target.read_bytes(), *(n.encode() for n in parts), *parts.values()])
    for planted in PLANTED:
        for spelling in (planted, planted.lower(), planted.upper()):
            for charset in ("utf-8", "utf-16-le", "utf-16-be"):
                assert spelling.encode(charset) not in whole
    assert made.stdout.count("Zyx") == 0
    assert b"watcher_moves_total" in parts["metrics.txt"]
    assert json.loads(parts["health.json"])["vital"] == {"ledger": "ok"}
    assert b'"event":"moved"' in parts["log.jsonl"]
    assert {each["reason"] for each in json.loads(parts["ledger.json"])["reasons"]} > {""}
    assert b"[deliver]" in parts["settings.toml"]


async def test_a_taken_port_keeps_no_image_waiting(live: Live, tmp_path: Path) -> None:
    """The gateway says so in its log and goes on."""
    address = live.page.removeprefix("http://")
    box = Box(tmp_path)
    settings = box.settings.read_text(encoding="utf-8").replace('"off"', f'"{address}"')
    other = tmp_path / "other.toml"
    other.write_text(settings, encoding="utf-8")
    ended = await box.run("run", "--settings", str(other), "--drain")
    assert ended.code == 0, ended.said
    assert "Page             not served" in ended.said
    assert "page-not-served" in {line["event"] for line in box.log()}
