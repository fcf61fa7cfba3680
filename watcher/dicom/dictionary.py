"""What the data dictionary says of a tag (PS3.6), empty where it does not know it."""

from __future__ import annotations

import functools

from pydicom.datadict import (
    dictionary_VR,
    keyword_for_tag,
    private_dictionary_description,
)


@functools.lru_cache(maxsize=8192)
def vr(tag: int) -> str:
    """The VR of a standard attribute; the first where it has several."""
    try:
        return str(dictionary_VR(tag)).split(" ", 1)[0]
    except KeyError:
        return ""


@functools.lru_cache(maxsize=8192)
def label(tag: int) -> str:
    """The keyword of a standard attribute, or the tag's number: never a value."""
    keyword = "" if tag >> 16 & 1 else keyword_for_tag(tag)
    return str(keyword) or f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


@functools.lru_cache(maxsize=8192)
def vendor_name(tag: int, creator: str) -> str:
    """The name of a private element in the published private dictionaries."""
    try:
        return str(private_dictionary_description(tag, creator))
    except KeyError:
        return ""
