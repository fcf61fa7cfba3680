"""Numbers for a scraper: what the pipeline feeds, and snapshots of the ledger and of intake.

Prometheus' text exposition. Labels are customers, states, reasons and steps: checked, or enums.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from watcher.model import Reason, State
from watcher.observe.fields import checked, checked_steps

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_WAITS = (0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 900, 3600, 14400, 86400)

# Intake's totals and gauges by the names of its fields.
_TOTALS: Mapping[str, tuple[str, str]] = {
    "hints": ("watcher_intake_hints", "Events that told of a file."),
    "arrivals_by_event": ("watcher_intake_event_arrivals", "Files at rest, told of by an event."),
    "arrivals_by_scan": ("watcher_intake_scan_arrivals", "Files at rest, found by a scan."),
    "missed_by_events": ("watcher_intake_missed_by_events", "New files only a scan has found."),
    "overflows": ("watcher_intake_overflows", "Times the kernel dropped events."),
    "collapses": ("watcher_intake_collapses", "Hints dropped by our own bounds."),
    "watch_starts": ("watcher_intake_watch_starts", "Inotify instances set up; one is usual."),
    "scans": ("watcher_intake_scans", "Scans of a customer's folder."),
    "scan_failures": ("watcher_intake_scan_failures", "Scans that could not read the folder."),
    "scan_seconds": ("watcher_intake_scan_seconds", "Seconds spent scanning."),
}
_GAUGES: Mapping[str, tuple[str, str]] = {
    "folders": ("watcher_intake_folders", "Folders at the last scan."),
    "files": ("watcher_intake_files", "Files at the last scan, ignored ones apart."),
    "ignored": ("watcher_intake_ignored", "Temporary and hidden names, and files in the root."),
    "stale": ("watcher_intake_stale", "Of the ignored, those unchanged for long."),
    "special": ("watcher_intake_special", "Links, FIFOs, sockets and devices."),
    "settling": ("watcher_intake_settling", "Files that wait to come to rest."),
    "ready": ("watcher_intake_ready", "Arrivals that wait for a place in the queue."),
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is counted elsewhere, at the moment of a scrape.

    `instances` are counts by customer and state, `oldest` the age in seconds of the oldest pending
    one, `unbalanced` how many of a customer's files are in no state, `intake` numbers by the names
    of intake's fields, `folders` the trouble of each watched folder ("" is the root), None when it
    is well, and `destinations` the same of each customer's backend. `certificates` are the Unix
    times at which they expire, by the setting that names them.
    """

    instances: Mapping[str, Mapping[State, int]] = field(default_factory=dict)
    oldest: Mapping[str, float] = field(default_factory=dict)
    unbalanced: Mapping[str, int] = field(default_factory=dict)
    intake: Mapping[str, float] = field(default_factory=dict)
    folders: Mapping[str, str | None] = field(default_factory=dict)
    destinations: Mapping[str, str | None] = field(default_factory=dict)
    certificates: Mapping[str, float] = field(default_factory=dict)
    illegal_folders: int = 0
    disk_free: int | None = None
    disk_open: bool | None = None


class Metrics:
    """A registry of its own: what libraries of this process register is not shown."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._moves = Counter(
            "watcher_moves",
            "Moves of instances since the start.",
            ("customer", "state", "reason"),
            registry=self._registry,
        )
        self._steps = Histogram(
            "watcher_step_seconds",
            "Seconds that one step took for one instance.",
            ("step",),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._deliveries = Histogram(
            "watcher_delivery_seconds",
            "Seconds from first sight of a file to the backend's acknowledgement.",
            ("customer",),
            buckets=_WAITS,
            registry=self._registry,
        )
        Gauge("watcher_start_time_seconds", "Unix time of the start.", registry=self._registry).set(
            time.time()
        )
        Gauge("watcher_build", "1; what runs.", ("version",), registry=self._registry).labels(
            version("img-ingestion")
        ).set(1)

    def moved(
        self,
        customer: str,
        state: State,
        reason: Reason | None = None,
        steps_ms: Mapping[str, float] | None = None,
    ) -> None:
        """One move of one instance."""
        name = str(checked("customer", customer))
        self._moves.labels(name, state.value, "" if reason is None else reason.value).inc()
        for step, milliseconds in checked_steps(steps_ms or {}).items():
            self._steps.labels(step).observe(milliseconds / 1000)

    def delivered(self, customer: str, seconds: float) -> None:
        """One instance was acknowledged, so long after it was first seen."""
        self._deliveries.labels(str(checked("customer", customer))).observe(max(0.0, seconds))

    def exposition(self, snapshot: Snapshot) -> bytes:
        """Everything as text, see `CONTENT_TYPE`."""
        scrape = CollectorRegistry()
        scrape.register(_Scrape(snapshot))
        return generate_latest(self._registry) + generate_latest(scrape)


class _Scrape(Collector):
    """One snapshot as metric families."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterable[Metric]:
        snapshot = self._snapshot
        yield self._instances()
        yield _by_customer(
            "watcher_oldest_pending_seconds",
            "Age of the oldest instance that is neither delivered nor set aside.",
            snapshot.oldest,
        )
        for key, (name, text) in _TOTALS.items():
            if key in snapshot.intake:
                yield CounterMetricFamily(name, text, value=snapshot.intake[key])
        for key, (name, text) in _GAUGES.items():
            if key in snapshot.intake:
                yield GaugeMetricFamily(name, text, value=snapshot.intake[key])
        yield _troubles(
            "watcher_folder_up",
            "1 when a folder is watched over as it should be; customer is empty for the root.",
            snapshot.folders,
        )
        yield _troubles(
            "watcher_destination_up",
            "1 when requests flow to a customer's backend.",
            snapshot.destinations,
        )
        yield _by_customer(
            "watcher_unbalanced",
            "Files that were seen and are in no state; anything but 0 is a bug.",
            snapshot.unbalanced,
        )
        yield self._certificates()
        yield GaugeMetricFamily(
            "watcher_illegal_folders",
            "Folders in the root whose names are not usable.",
            value=snapshot.illegal_folders,
        )
        if snapshot.disk_free is not None:
            text = "Bytes free where the state is."
            yield GaugeMetricFamily("watcher_disk_free_bytes", text, value=snapshot.disk_free)
        if snapshot.disk_open is not None:
            text = "1 while there is room enough to prepare new files."
            yield GaugeMetricFamily("watcher_disk_open", text, value=snapshot.disk_open)

    def _instances(self) -> Metric:
        family = GaugeMetricFamily(
            "watcher_instances", "Instances by where they stand.", labels=("customer", "state")
        )
        for customer, counts in self._snapshot.instances.items():
            for state, count in counts.items():
                family.add_metric([str(checked("customer", customer)), state.value], count)
        return family

    def _certificates(self) -> Metric:
        family = GaugeMetricFamily(
            "watcher_certificate_expiry_seconds",
            "Unix time at which a certificate of the settings expires.",
            labels=("setting",),
        )
        for setting, at in self._snapshot.certificates.items():
            family.add_metric([str(checked("place", setting))], at)
        return family


def _troubles(name: str, text: str, troubles: Mapping[str, str | None]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=("customer", "trouble"))
    for customer, trouble in troubles.items():
        labels = [str(checked("customer", customer)), str(checked("trouble", trouble or ""))]
        family.add_metric(labels, 0 if trouble else 1)
    return family


def _by_customer(name: str, text: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=("customer",))
    for customer, value in values.items():
        family.add_metric([str(checked("customer", customer))], value)
    return family
