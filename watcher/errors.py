"""The error tree.

WatcherError
+-- ConfigError      the start is refused; the message is for the operator and holds no PHI
+-- NotPossibleError what a person asks does not fit the instance
+-- RefusedError     this file goes to quarantine, with a Reason
+-- ExcludedError    this file is none of ours, with a Reason
+-- DeferredError    not now, with a Reason

Rooms raise these inside a step; the edge of the worker turns them into `Refused`, `Excluded` and
`Deferred`. Their text is a reason and a place. Never chain a library's message into them: pydicom,
deid and the codecs quote element values (use `raise ... from None`).
"""

from __future__ import annotations

from watcher.model import Deferred, Excluded, Reason, Refused


class WatcherError(Exception):
    """The base of every error the house raises on purpose."""


class ConfigError(WatcherError):
    """The settings, a recipe, a key or a folder is not usable: nothing starts."""


class NotPossibleError(WatcherError):
    """A person's request does not fit the instance; the text is for the person who asked."""


class RefusedError(WatcherError):
    """A permanent refusal of one file."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.outcome = Refused(reason, detail)


class ExcludedError(WatcherError):
    """By rule, one file is none of ours."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.outcome = Excluded(reason, detail)


class DeferredError(WatcherError):
    """One file cannot be handled now."""

    def __init__(self, reason: Reason, detail: str = "", retry_after: float | None = None) -> None:
        super().__init__(reason, detail)
        self.outcome = Deferred(reason, detail, retry_after)
