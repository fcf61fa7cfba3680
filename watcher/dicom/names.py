"""Names of pydicom that the rooms use; they import them here, so that pydicom has one door."""

from __future__ import annotations

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

__all__ = ["Dataset", "tag_for_keyword"]
