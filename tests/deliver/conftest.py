"""Fixtures of the deliver room's tests."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.deliver.parcels import MakeParcel, parcel_in


@pytest.fixture
def make_parcel(tmp_path: Path) -> MakeParcel:
    """`parcel_in` this test's folder."""
    return partial(parcel_in, tmp_path)
