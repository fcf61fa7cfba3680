"""`watcher selftest`: proof, on this box and with these settings, as a page that can be filed."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path

import click

from watcher.cli.common import EXIT_LEFT_OVER, settings_option
from watcher.selftest.checks import examine
from watcher.selftest.course import run
from watcher.selftest.report import as_html, as_text, made
from watcher.settings import Settings


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the reports; default: state/reports.",
)
@click.option(
    "--patience",
    type=click.FloatRange(min=10),
    default=300.0,
    show_default=True,
    help="Seconds that either run of the gateway may take.",
)
@click.option("--keep", is_flag=True, help="Keep the throw-away state and receiver, to look at.")
@settings_option
def selftest(out: Path | None, patience: float, keep: bool, settings: Settings) -> None:
    """Send synthetic patients through this site's settings to a throw-away receiver, and judge.

    Arrival, scrub score, burned-in text, delivery over faults, a kill and a restart: what was
    found goes into a report of one page, as text and as HTML that prints. The running gateway,
    its state and the real backend are not touched.

    \b
    Examples
      watcher selftest
      watcher selftest --out /var/lib/img-ingestion/reports
    Exit codes
      0  every promise was kept        2  wrong usage or settings        3  one was not
    """
    reports = out or settings.state / "reports"
    reports.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="selftest-", dir=settings.state))
    try:
        course = asyncio.run(run(settings, home, patience, lambda text: click.echo(text, err=True)))
        report = made(settings, course, examine(course))
    finally:
        if keep:
            click.echo(f"kept: {home}", err=True)
        else:
            shutil.rmtree(home, ignore_errors=True)
    name = time.strftime("selftest-%Y%m%dT%H%M%SZ", time.gmtime())
    (reports / f"{name}.txt").write_text(as_text(report), encoding="utf-8")
    (reports / f"{name}.html").write_text(as_html(report), encoding="utf-8")
    click.echo(as_text(report), nl=False)
    click.echo(f"\nreport: {reports / name}.html")
    if not report.held:
        sys.exit(EXIT_LEFT_OVER)
