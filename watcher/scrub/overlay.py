"""A site's recipe laid over the shipped one: its lines take the place of those they cover."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from watcher.dicom import dictionary
from watcher.dicom.names import DataElement, quiet
from watcher.errors import ConfigError
from watcher.scrub.lines import Line

# SOP Class, SOP Instance, Study and Series Instance UID
_REQUIRED = (0x00080016, 0x00080018, 0x0020000D, 0x0020000E)


def lay_over(
    base: Sequence[Line], site: Sequence[Line], allowed: Collection[str]
) -> tuple[tuple[Line, ...], tuple[str, ...]]:
    """The merged lines, and the fields in which they clean less than the base.

    Raises ConfigError where such a field is not among those `allowed`, where one that is allowed is
    not loosened at all (a permission nobody needs is a mistake or a trap), and where a line would
    take away a UID that every Instance needs.
    """
    broken = [line.field for line in site if _breaks(line)]
    if broken:
        raise ConfigError(f"scrub.recipe takes away what every image needs: {', '.join(broken)}")
    loosened = tuple(dict.fromkeys(line.field for line in site if _is_looser(line, base)))
    refused = [field for field in loosened if field not in allowed]
    if refused:
        raise ConfigError(f"scrub.recipe cleans less than the profile: {', '.join(refused)}")
    needless = [field for field in allowed if field not in loosened]
    if needless:
        raise ConfigError(f"scrub.loosened names what is not loosened: {', '.join(needless)}")
    kept = [line for line in base if not any(_covers(ours, line) for ours in site)]
    return (*kept, *site), loosened


def _breaks(line: Line) -> bool:
    """Whether a line takes away one of the UIDs without which nothing can be sent or told apart."""
    if line.action in {"KEEP", "ADD"} or (line.action == "REPLACE" and line.function == "uid"):
        return line.action == "ADD" and line.tag in _REQUIRED
    return any(_speaks_of(line, tag) for tag in _REQUIRED)


def _is_looser(line: Line, base: Sequence[Line]) -> bool:
    """Whether more of the source can come through this line than through the base.

    A constant and nothing at all tell nothing. A function may, unless the base uses the same one.
    """
    if line.action in {"REMOVE", "BLANK"}:
        return False
    if line.action != "KEEP" and line.function in {"", "dummy"}:
        return False
    return not any(_same(line, known) for known in base)


def _same(line: Line, known: Line) -> bool:
    return (
        line.tag is not None
        and line.tag == known.tag
        and (line.action, line.value) == (known.action, known.value)
    )


def _covers(ours: Line, base: Line) -> bool:
    """Whether a site's line speaks about the same Attribute as a line of the base."""
    return base.tag is not None and _speaks_of(ours, base.tag)


def _speaks_of(line: Line, tag: int) -> bool:
    if line.tag is not None or not line.is_pattern:
        return line.tag == tag
    return holds(line.field, DataElement(tag, dictionary.vr(tag), None), dictionary.label(tag))


def holds(field: str, element: DataElement, path: str) -> bool:
    """Whether deid's field expression holds for an element; `path` are the keywords down to it,
    joined by two underscores."""
    # Here and not above: it imports matplotlib, 0.4 s that only sites with patterns should pay.
    with quiet():
        from deid.dicom.fields import (  # noqa: PLC0415
            DicomField,
            FieldsWithLookups,
            expand_field_expression,
        )
    uid = str(element.tag)
    contenders = FieldsWithLookups({uid: DicomField(element, path, uid)})
    return bool(expand_field_expression(field, None, contenders))
