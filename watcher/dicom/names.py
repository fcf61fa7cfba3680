"""The names of pydicom that other rooms use; nobody else imports pydicom."""

from __future__ import annotations

from pydicom.charset import convert_encodings, decode_bytes, encode_string
from pydicom.datadict import (
    dictionary_has_tag,
    dictionary_VR,
    keyword_for_tag,
    private_dictionary_VR,
    repeater_has_tag,
    tag_for_keyword,
)
from pydicom.dataelem import DataElement, RawDataElement, convert_raw_data_element
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset, PrivateBlock
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID, generate_uid
from pydicom.valuerep import VR, PersonName

from watcher.dicom.quiet import LIBRARY_ERRORS, quiet

__all__ = [
    "LIBRARY_ERRORS",
    "UID",
    "VR",
    "BaseTag",
    "DataElement",
    "Dataset",
    "FileDataset",
    "FileMetaDataset",
    "MultiValue",
    "PersonName",
    "PrivateBlock",
    "RawDataElement",
    "Sequence",
    "Tag",
    "convert_encodings",
    "convert_raw_data_element",
    "decode_bytes",
    "dictionary_VR",
    "dictionary_has_tag",
    "encode_string",
    "generate_uid",
    "keyword_for_tag",
    "private_dictionary_VR",
    "quiet",
    "repeater_has_tag",
    "tag_for_keyword",
]
