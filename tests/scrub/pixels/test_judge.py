"""The verdict: regions, suspects, and overlays in unused bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.scrub.pixels.conftest import blank, part_of
from watcher.dicom.whole_cells import foreign_bits
from watcher.scrub.pixels.classes import why_suspect


@pytest.mark.parametrize(
    ("attributes", "suspect"),
    [
        ({}, ""),
        ({"BurnedInAnnotation": "NO"}, ""),
        ({"BurnedInAnnotation": "YES"}, "BurnedInAnnotation"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.6.1"}, "SOPClassUID"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7.4"}, "SOPClassUID"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.77.1.4"}, "SOPClassUID"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.77.1.6"}, ""),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.66.4"}, ""),
        ({"SOPClassUID": None}, "SOPClassUID"),
        ({"ConversionType": "WSD"}, "ConversionType"),
        ({"Modality": "OT"}, "Modality"),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, "ImageType"),
        ({"ImageType": None}, "ImageType"),
    ],
)
def test_suspects_are_known_by_their_header(attributes: dict[str, Any], suspect: str) -> None:
    assert why_suspect(part_of(blank(), **attributes).dataset) == suspect


def test_a_colour_ct_is_suspect() -> None:
    assert why_suspect(part_of(blank(samples=3)).dataset) == "SamplesPerPixel"


@pytest.mark.parametrize(
    ("values", "high"),
    [
        (np.array([[0, 4095]], np.uint16), False),
        (np.array([[0, 4096]], np.uint16), True),
        (np.array([[-2048, 2047]], np.int16), False),
        (np.array([[-1, 4095]], np.int16), False),
        (np.array([[0, 4096 + 5]], np.int16), True),
    ],
)
def test_bits_above_bits_stored_are_seen_and_sign_extension_is_not_taken_for_them(
    values: np.ndarray[Any, Any], high: bool
) -> None:
    """Negative values of 12 stored bits may come extended to 16, or bare (4095 is then -1)."""
    assert foreign_bits(values, stored=12, high=11) is high
