"""Which files are here, and is this one at rest? Scans are the truth, events are hints."""

from watcher.intake.arrival import Arrival, Counters, FolderHealth, Health, Totals, Trouble
from watcher.intake.intake import Intake
from watcher.intake.opening import open_source, signature

__all__ = [
    "Arrival",
    "Counters",
    "FolderHealth",
    "Health",
    "Intake",
    "Totals",
    "Trouble",
    "open_source",
    "signature",
]
