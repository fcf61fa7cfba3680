"""Who one file is about: every identifying value in it, with the tag it came from."""

from __future__ import annotations

import enum
import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from watcher.dicom import charset, dictionary
from watcher.dicom.names import Dataset, tag_for_keyword
from watcher.scrub.folding import fold
from watcher.scrub.nested import Item
from watcher.scrub.spellings import Spellings


class Kind(enum.StrEnum):
    """What an identifying value is, which decides how it may be spelled elsewhere."""

    NAME = "name"
    ID = "id"
    DATE = "date"
    PHONE = "phone"
    CONTACT = "contact"
    ADDRESS = "address"
    PLACE = "place"
    DEVICE = "device"
    UID = "uid"


@dataclass(frozen=True, slots=True)
class Known:
    """One identifying value. `raw` is its bytes in the source where these are not plain ASCII."""

    kind: Kind
    value: str
    tag: str
    raw: bytes = b""


@dataclass(frozen=True)
class Identity:
    """The identifying values of one file, in the file's order, each value once per kind."""

    known: tuple[Known, ...]
    makers: frozenset[str] = frozenset()
    """Folded words of Manufacturer and model, which stay: a station may be named after them."""

    @classmethod
    def of(cls, dataset: Dataset | Item) -> Identity:
        """Collect from `dataset`, its file meta, and its sequences at any depth."""
        found: dict[tuple[Kind, str], Known] = {}
        plain = (charset.codecs(()), None)
        for known in _scan(getattr(dataset, "file_meta", None), *plain):
            found.setdefault((known.kind, known.value), known)
        for known in _scan(dataset, *plain):
            found.setdefault((known.kind, known.value), known)
        return cls(tuple(found.values()), _makers(dataset))

    @functools.cached_property
    def spellings(self) -> Spellings:
        """The values in comparable form; slices that only UIDs tell apart share all but those."""
        uids = {k.value: k.tag for k in reversed(self.known) if k.kind is Kind.UID}
        others = tuple(k for k in self.known if k.raw or k.kind is not Kind.UID)
        return _spelled(others).naming(uids)

    def is_number(self, text: str) -> bool:
        """Whether a number (DS, IS) is an identifier, a phone or a day of this patient."""
        found = text.lstrip("+-0")
        known = self.spellings
        return found in known.digits or found in known.codes or found in known.compact_days

    @property
    def words(self) -> frozenset[str]:
        """Folded words and digit strings that tell this patient: for text read from pixels."""
        return frozenset(self.spellings.names) | frozenset(self.spellings.codes)


@functools.lru_cache(maxsize=4)  # nothing is kept but of the last few patients
def _spelled(known: tuple[Known, ...]) -> Spellings:
    return Spellings.of((k.kind.value, k.value, k.tag, k.raw) for k in known)


_BY_VR = {"PN": Kind.NAME, "AE": Kind.DEVICE, "DA": Kind.DATE, "DT": Kind.DATE, "UI": Kind.UID}
_TEXT = frozenset({"LO", "SH", "ST", "LT", "UT", "UC", "UR", "CS", "UN", "IS"})
# UIDs that name a kind of thing, a scheme or a product, shared by many patients.
_SHARED_UID = re.compile(r"(Class|Syntax|Scheme|Context|Resource|Creator|Version|Template)\w*UID$")
_CODE_TEXT = frozenset({0x00080100, 0x00080104, 0x00080119, 0x00080120})
_CHARACTER_SET = 0x00080005
_MAKERS = (0x00080070, 0x00081090)
_PRIVATE = re.compile(
    r"(?P<name>patient.?s?.?name|physician|operator|surgeon|technologist|referr)"
    r"|(?P<date>birth)|(?P<place>institution|hospital|department)|(?P<address>address)"
    r"|(?P<phone>phone)|(?P<device>serial|station.?name|host.?name)"
    r"|(?P<id>patient.?id|accession|study.?id|order.?number|medical.?record)",
    re.IGNORECASE,
)


@functools.cache
def _table() -> Mapping[int, Kind]:
    """Tag to kind, from identifying.txt."""
    found: dict[int, Kind] = {}
    text = resources.files(__package__).joinpath("identifying.txt").read_text("utf-8")
    for line in text.splitlines():
        kind, colon, keywords = line.partition(": ")
        if colon and not line.startswith("#"):
            found |= {_tag(keyword): Kind(kind) for keyword in keywords.split()}
    return found


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise LookupError(keyword)
    return int(tag)


@functools.lru_cache(maxsize=4096)
def _standard(tag: int) -> tuple[str, Kind | None]:
    """(VR, kind) of a standard attribute; the VR may be empty."""
    vr = dictionary.vr(tag)
    kind = _table().get(tag) or _BY_VR.get(vr)
    if kind is Kind.UID and _SHARED_UID.search(dictionary.label(tag)):
        kind = None
    return vr, kind


def _scan(
    dataset: Dataset | Item | None, encodings: tuple[str, ...], inherited: Kind | None
) -> Iterator[Known]:
    """Every identifying value of one level and what is below it."""
    if dataset is None:
        return
    for element in dataset.values():
        tag, vr = int(element.tag), element.VR
        if tag == _CHARACTER_SET:
            encodings = charset.codecs(_charset_terms(element.value))
            continue
        if tag >> 16 & 1:
            standard_vr, kind = "", _private_kind(dataset, element)
        else:
            standard_vr, kind = _standard(tag)
            if inherited and tag in _CODE_TEXT:
                kind = inherited
        if vr is None or vr == "UN":
            vr = standard_vr or vr
        if vr == "SQ":
            items: Any = dataset[element.tag].value
            for item in items or ():
                yield from _scan(item, encodings, kind or inherited)
        elif kind is not None and element.value:
            yield from _values(element.value, kind, dictionary.label(tag), encodings)


def _makers(dataset: Dataset | Item) -> frozenset[str]:
    found: set[str] = set()
    for tag in _MAKERS:
        if tag in dataset:
            value = dataset.get_item(tag).value
            text = value.decode("latin-1") if isinstance(value, bytes) else str(value or "")
            found.update(re.findall(r"[^\W_]+", fold(text)))
    return frozenset(found)


def _charset_terms(value: Any) -> tuple[str, ...]:
    if isinstance(value, bytes):
        value = value.decode("latin-1").rstrip(" \0").split("\\")
    return (value,) if isinstance(value, str) else tuple(str(v).strip() for v in value or ())


def _private_kind(dataset: Dataset | Item, element: Any) -> Kind | None:
    """The kind of a private element by its VR, or its name in a published dictionary."""
    if element.VR in _BY_VR:
        return _BY_VR[element.VR]
    if element.VR not in _TEXT or int(element.tag) & 0xFFFF < 0x1000:
        return None
    tag = int(element.tag)
    creator = dataset.get(tag & 0xFFFF0000 | (tag & 0xFFFF) >> 8)
    owner = creator.value if creator is not None else ""
    owner = owner.decode("latin-1") if isinstance(owner, bytes) else str(owner or "")
    return _vendor_kind(owner.strip(" \0"), tag)


@functools.lru_cache(maxsize=4096)
def _vendor_kind(creator: str, tag: int) -> Kind | None:
    match = _PRIVATE.search(dictionary.vendor_name(tag, creator))
    return Kind(match.lastgroup) if match and match.lastgroup else None


def _values(value: Any, kind: Kind, tag: str, encodings: tuple[str, ...]) -> Iterator[Known]:
    if isinstance(value, bytes):
        text = charset.decode(value, encodings, kind is Kind.NAME)
        raw = b"" if value.isascii() and charset.ESCAPE not in value else value.rstrip(b" \0")
        parts = text.split("\\")
        for part in parts:
            yield from _one(part, kind, tag, raw if len(parts) == 1 else b"")
    elif isinstance(value, str) or not hasattr(value, "__iter__") or hasattr(value, "family_name"):
        for part in str(value).split("\\"):
            yield from _one(part, kind, tag, b"")
    else:
        for part in value:
            yield from _values(part, kind, tag, encodings)


def _one(text: str, kind: Kind, tag: str, raw: bytes) -> Iterator[Known]:
    text = text.strip(" \0\t\r\n")
    if not text or (kind is Kind.UID and text.startswith("1.2.840.10008.")):
        return
    yield Known(kind, text, tag, raw)
