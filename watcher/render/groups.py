"""Where an attribute of one frame stands: its functional group, the shared one, or the top level.

PS3.3 C.7.6.16: a macro is in the Per-Frame or in the Shared Functional Groups Sequence. Call these
within `quiet()`: reading a value may warn.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from watcher.dicom.names import LIBRARY_ERRORS, Dataset
from watcher.errors import RefusedError
from watcher.model import Reason


def places(dataset: Dataset, index: int, macro: str) -> Iterator[Dataset]:
    """The data sets that may hold a macro's attributes for frame `index`, the nearest first."""
    frame = _item(dataset, "PerFrameFunctionalGroupsSequence", index)
    shared = _item(dataset, "SharedFunctionalGroupsSequence", 0)
    for group in (frame, shared):
        inner = _item(group, macro, 0) if group is not None else None
        if inner is not None:
            yield inner
    yield dataset


def value(dataset: Dataset, keyword: str) -> Any:
    """An attribute's value, None when absent or empty. Raises RefusedError(UNDECODABLE)."""
    try:
        found = dataset.get(keyword)
    except LIBRARY_ERRORS:
        raise RefusedError(Reason.UNDECODABLE, keyword) from None
    return None if found is None or (hasattr(found, "__len__") and len(found) == 0) else found


def number(dataset: Dataset, keyword: str) -> float | None:
    """The first value of a numeric attribute, None when absent or not a finite number."""
    found = value(dataset, keyword)
    if isinstance(found, str) or found is None:
        return None
    try:
        first = float(found[0] if hasattr(found, "__getitem__") else found)
    except (TypeError, ValueError, IndexError):
        return None
    return first if abs(first) < float("inf") else None


def text(dataset: Dataset, keyword: str) -> str:
    """An attribute's text, upper case, "" when absent."""
    found = value(dataset, keyword)
    return str(found).strip().upper() if isinstance(found, str) else ""


def first_item(dataset: Dataset, keyword: str) -> Dataset | None:
    """The first item of a sequence, or None."""
    return _item(dataset, keyword, 0)


def _item(dataset: Dataset, keyword: str, index: int) -> Dataset | None:
    found = value(dataset, keyword)
    if found is None or isinstance(found, (str, bytes)) or not 0 <= index < len(found):
        return None
    item = found[index]
    return item if isinstance(item, Dataset) else None
