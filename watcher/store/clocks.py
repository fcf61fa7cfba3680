"""What waits by the wall clock, when that clock was set."""

from __future__ import annotations

from watcher.store.ledger import Ledger

_LONGEST = 3600.0


def follow(ledger: Ledger, jump: float) -> int:
    """The clock was set by `jump` seconds: move what waits along. Returns how many do."""
    return ledger.connection.execute(
        "UPDATE instances SET not_before = not_before + ? WHERE state IN ('queued', 'staged')",
        (jump,),
    ).rowcount


def distrust(ledger: Ledger, now: float) -> int:
    """At start: nothing waits longer than an hour, or the clock was wrong. Returns how many did."""
    return ledger.connection.execute(
        "UPDATE instances SET not_before = ?"
        " WHERE state IN ('queued', 'staged') AND not_before > ? + ?",
        (now, now, _LONGEST),
    ).rowcount
