"""One page that a privacy officer can file: as text, and as HTML that prints."""

from __future__ import annotations

import hashlib
import html
import importlib.metadata
import platform
import textwrap
import time
from collections.abc import Sequence
from dataclasses import dataclass

from watcher.selftest.checks import Check
from watcher.selftest.course import TESTED, Course
from watcher.settings import Settings, as_toml, masked

LIMITS = (
    "The patients, names and images are synthetic. This shows that the installation does what it "
    "is made to do; it cannot show that every text of every device at this site is found.",
    "The receiver was a throw-away one on this machine: the real backend's address, credentials, "
    "certificates and hours were not used (see: watcher doctor).",
    "Recognisable visual features, such as a face in a head scan, are not removed.",
)

_STYLE = """
@page { size: A4; margin: 10mm }
body { font: 10pt/1.3 system-ui, sans-serif; color: #111; max-width: 180mm; margin: 8mm auto }
h1 { font-size: 15pt; margin: 0 } h2 { font-size: 11pt; margin: 4mm 0 1mm }
.verdict { font-size: 13pt; font-weight: 700; border: 2px solid; padding: 2mm 4mm; margin: 3mm 0 }
.held { color: #05631f } .failed { color: #a30d0d }
table { border-collapse: collapse; width: 100% }
td { border-top: 1px solid #bbb; padding: 0.7mm 2mm; vertical-align: top }
@media print { body { font-size: 8pt; max-width: none; margin: 0 } td { padding: 0.3mm 2mm } }
td:first-child { white-space: nowrap; font-weight: 700 }
.facts td:first-child { width: 34mm }
ul { margin: 1mm 0; padding-left: 5mm }
"""


@dataclass(frozen=True, slots=True)
class Report:
    """All that is on the page."""

    checks: tuple[Check, ...]
    facts: tuple[tuple[str, str], ...]
    retained: tuple[str, ...]

    @property
    def held(self) -> bool:
        """Whether every promise was kept."""
        return all(check.held for check in self.checks)

    @property
    def verdict(self) -> str:
        """In a line."""
        failed = sum(not check.held for check in self.checks)
        if failed:
            return f"FAILED: {failed} of {len(self.checks)} promises were not kept"
        return f"HELD: all {len(self.checks)} promises were kept"


def made(site: Settings, course: Course, checks: Sequence[Check]) -> Report:
    """The report of one course on a site's settings."""
    recipes = sorted({row.prepared.recipe for row in course.rows if row.prepared is not None})
    facts = (
        ("When", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())),
        ("Machine", platform.node()),
        ("Program", f"img-ingestion {importlib.metadata.version('img-ingestion')}"),
        ("Recipe", ", ".join(recipes) or "none was used"),
        ("Settings", f"SHA-256 {hashlib.sha256(as_toml(masked(site)).encode()).hexdigest()[:32]}"),
        ("Tested for", ", ".join(_kind(each.customer) for each in course.dropped)),
        ("Took", f"{course.seconds:.0f} s"),
    )
    return Report(tuple(checks), facts, tuple(retained(site)))


def _kind(customer: str) -> str:
    return "the shared settings" if customer == TESTED else f"those of {customer}"


def retained(site: Settings) -> list[str]:
    """What these settings let stay on purpose, by customer."""
    found = []
    for name, own in {"everyone": site.of(""), **site.customers}.items():
        words = [
            text
            for setting, text in _RETAINED.items()
            if getattr(own.scrub, setting) is True and setting != "keep_patient_characteristics"
        ]
        words += ["full dates"] if own.scrub.dates == "full" else []
        words += [f"loosened: {field}" for field in own.scrub.loosened]
        words += ["a site's own recipe"] if own.scrub.recipe is not None else []
        if words:
            found.append(f"{name}: {', '.join(words)}")
    return found or ["nothing beyond the profile's defaults"]


_RETAINED = {
    "keep_device_identity": "device identity",
    "keep_institution_identity": "institution identity",
    "keep_uids": "original UIDs",
}


def as_text(report: Report) -> str:
    """For a terminal."""
    lines = ["Self-test of the de-identification gateway", report.verdict, ""]
    lines += [f"{name:11} {value}" for name, value in report.facts]
    lines.append("")
    for check in report.checks:
        lines.append(f"{'held  ' if check.held else 'FAILED'}  {check.promise}")
        lines.append(f"        {check.found}")
    lines += ["", "What the settings let stay on purpose"]
    lines += [f"  {line}" for line in report.retained]
    lines += ["", "What this does not show"]
    for limit in LIMITS:
        lines += textwrap.wrap(limit, 96, initial_indent="- ", subsequent_indent="  ")
    return "\n".join(lines) + "\n"


def as_html(report: Report) -> str:
    """One page that needs nothing else; printed, it is one sheet of A4."""
    kind = "held" if report.held else "failed"
    facts = "".join(
        f"<tr><td>{_e(name)}</td><td>{_e(value)}</td></tr>" for name, value in report.facts
    )
    checks = "".join(
        f'<tr><td class="{"held" if check.held else "failed"}">'
        f"{'held' if check.held else 'FAILED'}</td>"
        f"<td>{_e(check.promise)}</td><td>{_e(check.found)}</td></tr>"
        for check in report.checks
    )
    retained_ = "".join(f"<li>{_e(line)}</li>" for line in report.retained)
    limits = "".join(f"<li>{_e(limit)}</li>" for limit in LIMITS)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>Self-test: {kind}</title><style>{_STYLE}</style></head><body>"
        "<h1>Self-test of the de-identification gateway</h1>"
        f'<p class="verdict {kind}">{_e(report.verdict)}</p>'
        f'<table class="facts">{facts}</table><h2>Promises</h2><table>{checks}</table>'
        f"<h2>What the settings let stay on purpose</h2><ul>{retained_}</ul>"
        f"<h2>What this does not show</h2><ul>{limits}</ul>"
        '<table class="sign"><tr><td>Read by</td><td></td><td>Date, signature</td><td></td></tr>'
        "</table></body></html>\n"
    )


def _e(text: str) -> str:
    return html.escape(text)
