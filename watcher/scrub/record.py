"""What the standard wants an output to say about its de-identification (PS3.15 E.1.1, E.3)."""

from __future__ import annotations

from watcher.dicom.names import Tag
from watcher.options import ScrubOptions
from watcher.scrub.elements import Clean, Coding
from watcher.scrub.profile.table import EDITION

# PS3.16 CID 7050: code and meaning, and whether the options in force include it.
_BASIC = ("113100", "Basic Application Confidentiality Profile")
_PIXELS = ("113101", "Clean Pixel Data Option")

_METHOD, _METHOD_CODES = 0x00120063, 0x00120064
_BURNED_IN = 0x00280301


def methods(options: ScrubOptions) -> tuple[tuple[str, str], ...]:
    """The codes of De-identification Method Code Sequence (0012,0064).

    Clean Recognizable Visual Features (113102) is never among them: it is not done.
    """
    optional = (
        (options.clean_graphics, "113103", "Clean Graphics Option"),
        (options.clean_structured_content, "113104", "Clean Structured Content Option"),
        (options.clean_descriptors, "113105", "Clean Descriptors Option"),
        (
            options.dates == "full",
            "113106",
            "Retain Longitudinal Temporal Information Full Dates Option",
        ),
        (
            options.dates == "modified",
            "113107",
            "Retain Longitudinal Temporal Information Modified Dates Option",
        ),
        (options.keep_patient_characteristics, "113108", "Retain Patient Characteristics Option"),
        (options.keep_device_identity, "113109", "Retain Device Identity Option"),
        (options.keep_uids, "113110", "Retain UIDs Option"),
        (options.keep_safe_private, "113111", "Retain Safe Private Option"),
        (options.keep_institution_identity, "113112", "Retain Institution Identity Option"),
    )
    return (_BASIC, _PIXELS, *((code, meaning) for on, code, meaning in optional if on))


def record(coding: Coding, options: ScrubOptions, recipe: str, key_id: str) -> Clean:
    """The elements that say what was done, by which recipe and with which key."""
    said = (
        f"PS3.15 Basic Profile {EDITION}",
        f"recipe {recipe}",
        f"key {key_id}",
        "Recognizable Visual Features: not cleaned",
    )
    found = (
        coding.element(Tag(_METHOD), "LO", "\\".join(said)),
        coding.sequence(Tag(_METHOD_CODES), [_code(coding, *each) for each in methods(options)]),
        coding.element(Tag(_BURNED_IN), "CS", "NO"),
    )
    return {element.tag: element for element in found}


def _code(coding: Coding, code: str, meaning: str) -> Clean:
    elements = (
        coding.element(Tag(0x00080100), "SH", code),
        coding.element(Tag(0x00080102), "SH", "DCM"),
        coding.element(Tag(0x00080104), "LO", meaning),
    )
    return {element.tag: element for element in elements}
