"""The numbers are in Prometheus' text format, complete, and name no patient."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from watcher.intake import Intake
from watcher.model import Reason, State
from watcher.observe.metrics import Metrics, Snapshot
from watcher.options import IntakeOptions

Sample = tuple[str, tuple[tuple[str, str], ...]]


def parsed(text: bytes) -> dict[Sample, float]:
    """Each sample by its name and labels, as a scraper reads it."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_moves_and_steps_are_counted() -> None:
    """By customer, state and reason; steps in seconds."""
    metrics = Metrics()
    metrics.moved("north", State.STAGED, steps_ms={"scrub": 20.0, "render": 300.0})
    metrics.moved("north", State.STAGED, steps_ms={"scrub": 40.0})
    metrics.moved("north", State.QUARANTINED, Reason.BURNED_IN)
    samples = parsed(metrics.exposition(Snapshot()))
    north = ("customer", "north")
    assert samples["watcher_moves_total", (north, ("reason", ""), ("state", "staged"))] == 2
    reason = ("reason", "burned-in")
    assert samples["watcher_moves_total", (north, reason, ("state", "quarantined"))] == 1
    assert samples["watcher_step_seconds_count", (("step", "scrub"),)] == 2
    assert round(samples["watcher_step_seconds_sum", (("step", "scrub"),)], 6) == 0.06
    assert samples["watcher_step_seconds_bucket", (("le", "0.025"), ("step", "scrub"))] == 1


def test_a_snapshot_is_shown_as_it_is() -> None:
    """And leaves nothing behind for the next one."""
    metrics = Metrics()
    snapshot = Snapshot(
        instances={"north": {State.QUEUED: 3, State.DELIVERED: 7}},
        oldest={"north": 12.5},
        folders={"": None, "north": "missing"},
        illegal_folders=1,
        disk_free=1 << 30,
    )
    samples = parsed(metrics.exposition(snapshot))
    north = ("customer", "north")
    assert samples["watcher_instances", (north, ("state", "queued"))] == 3
    assert samples["watcher_instances", (north, ("state", "delivered"))] == 7
    assert samples["watcher_oldest_pending_seconds", (north,)] == 12.5
    assert samples["watcher_folder_up", (("customer", ""), ("trouble", ""))] == 1
    assert samples["watcher_folder_up", (north, ("trouble", "missing"))] == 0
    assert samples["watcher_illegal_folders", ()] == 1
    assert samples["watcher_disk_free_bytes", ()] == 1 << 30
    assert b"north" not in metrics.exposition(Snapshot())


def test_every_number_of_intake_has_a_name() -> None:
    """None that it counts is left out, none is made up."""
    intake = Intake(IntakeOptions())
    numbers = intake.counters.as_numbers()
    text = Metrics().exposition(Snapshot(intake=dict.fromkeys(numbers, 5.0)))
    shown = {name for name, _ in parsed(text) if name.startswith("watcher_intake_")}
    assert len(shown) == len(numbers)


def test_text_in_a_label_is_withheld() -> None:
    """A customer's name is checked once more on the way out."""
    metrics = Metrics()
    metrics.moved("DOE^JANE", State.QUEUED, steps_ms={"DOE^JANE": 1.0})
    text = metrics.exposition(
        Snapshot(oldest={"DOE^JANE": 1.0}, folders={"DOE^JANE": "JANE"}, instances={"DOE^J": {}})
    )
    assert b"DOE" not in text
    assert b"JANE" not in text
