"""What a SOP class (PS3.4 B.5) says about a file before anything else is known."""

from __future__ import annotations

from pydicom._uid_dict import UID_dictionary

# Storage classes that hold pixel data without "Image Storage" in their name. RT Dose is not here:
# it may hold histograms alone.
_MORE = frozenset(
    "1.2.840.10008.5.1.4.1.1." + suffix
    for suffix in ("6.2", "30", "66.4", "66.7", "77.1.5.8", "81.1", "82.1")
)
_IMAGES = frozenset(uid for uid, entry in UID_dictionary.items() if " Image Storage" in entry[0])


def needs_pixels(sop_class: str) -> bool:
    """Whether an instance of this SOP class always has a pixel element."""
    return sop_class in _IMAGES or sop_class in _MORE
