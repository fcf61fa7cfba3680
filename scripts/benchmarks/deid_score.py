"""Scores what a tool handed out against the answer key: ten actions, and leaks in the raw bytes."""

from __future__ import annotations

import collections
import contextlib
import functools
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from scripts.benchmarks.deid_plant import Check, Planted, spelled

ACTIONS = (
    *("tag retained", "text not null", "text retained", "text removed", "date shifted"),
    *("uid changed", "uid consistent", "patient id consistent", "pixels hidden", "pixels retained"),
)
RETAINING = ("tag retained", "text not null", "text retained", "pixels retained")
_CODECS = (
    *("utf-8", "latin-1", "iso8859-2", "iso8859-5", "gb18030", "utf-16-le", "utf-16-be"),
    *("iso2022_jp", "iso2022_kr", "euc_jp", "euc_kr", "shift_jis"),
)
_ESCAPES = re.compile(rb"\x1b\$[()]?[A-Z]|\x1b\([BJ]|[\x0e\x0f]")
_WORD = re.compile(r"[^\s_]+")
_PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)


@dataclass
class Score:
    """Passed and required checks by action, leaked tokens, and what was refused or is missing.

    `withheld` are the checks of refused files, which are in no action's count.
    """

    files: int = 0
    refused: int = 0
    missing: int = 0
    withheld: int = 0
    leaks: int = 0
    tokens: int = 0
    actions: dict[str, list[int]] = field(default_factory=lambda: {a: [0, 0] for a in ACTIONS})
    failures: list[tuple[str, str, str]] = field(default_factory=list)

    def rate(self, actions: tuple[str, ...] = ACTIONS) -> float:
        """Passed checks in percent of those required."""
        passed, total = (sum(self.actions[a][i] for a in actions) for i in (0, 1))
        return 100 * passed / max(total, 1)

    def strict(self) -> float:
        """The same with every check of a refused file counted as failed."""
        passed, total = (sum(counts[i] for counts in self.actions.values()) for i in (0, 1))
        return 100 * passed / max(total + self.withheld, 1)


def score(key: list[Planted], outputs: dict[str, Path | None]) -> Score:
    """`outputs`: planted file name to the delivered file; None if refused, absent if lost."""
    result = Score(files=len(key))
    delivered: list[tuple[Planted, Dataset, bytes]] = []
    for planted in key:
        output = outputs.get(planted.path.name)
        if output is None:
            refused = planted.path.name in outputs
            result.refused += refused
            result.missing += not refused
            result.withheld += len(planted.checks) if refused else 0
            for check in planted.checks if not refused else ():
                _count(result, planted, check, False)
            continue
        dataset: Dataset = pydicom.dcmread(output, force=True)
        hay = searchable(output.read_bytes(), dataset) + beside(output)
        delivered.append((planted, dataset, hay))
        result.tokens += len(planted.tokens)
        result.leaks += sum(leaks(token, kind, hay) for token, kind in planted.tokens)
    agreed = _agreements(delivered)
    for planted, dataset, hay in delivered:
        for check in planted.checks:
            _count(result, planted, check, _passes(check, planted, dataset, hay, agreed))
    return result


def _count(result: Score, planted: Planted, check: Check, passed: bool) -> None:
    result.actions[check.action][0] += passed
    result.actions[check.action][1] += 1
    if not passed:
        result.failures.append((planted.path.name, check.action, check.path))


def searchable(data: bytes, dataset: Dataset) -> bytes:
    """Every byte of a file but the top-level pixel data, lowered."""
    for tag in _PIXELS:
        raw = dataset.get_item(tag)
        if raw is not None and isinstance(raw.value, bytes) and len(raw.value) > 64:
            data = data.replace(raw.value, b"")
    return data.lower()


def beside(output: Path) -> bytes:
    """What leaves with a file: its name, the PNG's chunks without pixels, the body without them."""
    found = [output.name.encode()]
    for path in output.parent.glob(f"{output.stem}*"):
        found.append(path.name.encode())
        if path.suffix == ".png":
            found += _chunks(path.read_bytes())
        if path.suffix == ".json":
            found.append(re.sub(rb'"data": ?"[^"]*"', b"", path.read_bytes()))
    return b"\0".join(found).lower()


def _chunks(png: bytes) -> list[bytes]:
    found, at = [], 8
    while at + 8 <= len(png):
        size = int.from_bytes(png[at : at + 4])
        if png[at + 4 : at + 8] != b"IDAT":
            found.append(png[at + 4 : at + 8 + size])
        at += 12 + size
    return [*found, png[at:]]


def leaks(token: str, kind: str, hay: bytes) -> bool:
    """True if the token stands in the bytes, in any spelling and character set."""
    if kind != "uid":
        return any(raw in hay for raw in _spellings(token, kind))
    return re.search(re.escape(token.encode()) + rb"(?![0-9.][^\0])", hay) is not None


@functools.lru_cache(maxsize=65536)
def _spellings(token: str, kind: str) -> frozenset[bytes]:
    """The bytes of a token in every spelling and character set, lowered."""
    forms = {token}
    if kind == "day":
        forms = spelled(token)
    if kind == "number":
        forms |= {re.sub(r"\D", "", token), token.replace("-", " "), token.replace("-", ".")}
    found = set()
    for form in forms:
        for codec in _CODECS:
            with contextlib.suppress(UnicodeError):
                raw = form.encode(codec)
                found.add(max(_ESCAPES.split(raw), key=len).lower())
    return frozenset(raw for raw in found if len(raw) > 3)


def _element(dataset: Dataset, path: str) -> Any:
    """The value at a path, or None."""
    at: Any = dataset
    try:
        if "," in path:
            group, creator, element = path.split(",")
            return dataset.private_block(int(group, 16), creator)[int(element, 16)].value
        for step in path.split("/"):
            name, _, index = step.partition("[")
            if index:
                at = at[name].value[int(index[:-1])]
            else:
                at = at[Tag(int(name, 16)) if re.fullmatch("[0-9A-F]{8}", name) else name].value
    except (KeyError, IndexError, AttributeError, TypeError, ValueError):
        return None
    return at


def _text(value: Any) -> str:
    return (
        "" if value is None else value.decode("latin-1") if isinstance(value, bytes) else str(value)
    )


def _day(value: Any) -> int | None:
    match = re.match(r"(\d{4})(\d\d)(\d\d)", _text(value))
    try:
        return int(np.datetime64("-".join(match.groups())).astype(int)) if match else None
    except ValueError:
        return None


def _agreements(
    delivered: list[tuple[Planted, Dataset, bytes]],
) -> dict[str, collections.Counter[str]]:
    """What most files of a patient say: new ids, new UIDs, day offsets."""
    votes: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for planted, dataset, _ in delivered:
        for check in planted.checks:
            votes[_topic(check, planted)][_answer(check, dataset)] += 1
    return votes


def _topic(check: Check, planted: Planted) -> str:
    return f"day of {planted.patient}" if check.action == "date shifted" else check.value


def _answer(check: Check, dataset: Dataset) -> str:
    value = _element(dataset, check.path)
    if check.action != "date shifted":
        return _text(value)
    new, old = _day(value), _day(check.value)
    return "" if new is None or old is None or new == old else str(new - old)


def _passes(
    check: Check, planted: Planted, dataset: Dataset, hay: bytes, agreed: dict[str, Any]
) -> bool:
    value = _text(_element(dataset, check.path))
    match check.action:
        case "tag retained":
            return check.path in dataset
        case "text not null":
            return value.strip() != ""
        case "text retained" if check.kind == "words":
            have = collections.Counter(_WORD.findall(value.lower()))
            return not collections.Counter(_WORD.findall(check.value.lower())) - have
        case "text retained":
            return bool(_numbers(value) == _numbers(check.value))
        case "text removed":
            forms = spelled(check.value) if check.kind == "day" else {check.value}
            return not any(form.lower() in value.lower() for form in forms)
        case "uid changed":
            return value != check.value and not leaks(check.value, "uid", hay)
        case "pixels retained" | "pixels hidden":
            return _pixels(check, planted, dataset)
    top = agreed[_topic(check, planted)].most_common(1)[0][0]
    return value not in ("", check.value) and top != "" and _answer(check, dataset) == top


def _numbers(text: str) -> Any:
    parts = re.split(r"[\\, ]+", text.strip("[] ").replace("'", ""))
    try:
        return [float(part) for part in parts]
    except ValueError:
        return parts


def _pixels(check: Check, planted: Planted, dataset: Dataset) -> bool:
    try:
        new = dataset.pixel_array.astype(float)
        old = pydicom.dcmread(planted.path).pixel_array.astype(float)
    except Exception:  # noqa: BLE001 - what does not decode was not retained
        return False
    if check.action == "pixels retained":
        return new.shape == old.shape and bool(np.array_equal(new, old))
    if planted.ink is None or planted.bare is None or new.shape != old.shape:
        return False
    contrast = np.abs(old - planted.bare.astype(float))[planted.ink].mean()
    left = np.abs(new - planted.bare.astype(float))[planted.ink]
    same = np.abs(new - old)[planted.ink] <= 0.15 * contrast
    return bool(contrast == 0 or same.mean() <= 0.05 or left.mean() <= 0.15 * contrast)
