"""pydicom made lenient and silent: its warnings and log lines can quote element values.

Importing this sets pydicom's process-wide switches. Warnings are a matter of the caller's scope:
wrap what touches values in `quiet()`.
"""

from __future__ import annotations

import logging
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from pydicom import config
from pydicom.errors import BytesLengthException, InvalidDicomError

config.settings.reading_validation_mode = config.IGNORE
config.settings.writing_validation_mode = config.IGNORE
config.convert_wrong_length_to_UN = True  # a broken number stays as bytes instead of raising
for _name in ("pydicom", "pylibjpeg", "openjpeg", "rle", "jpeg_ls"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)

# What pydicom, its value classes and the codecs raise on bytes they cannot make sense of.
LIBRARY_ERRORS = (
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    OSError,
    EOFError,
    RuntimeError,  # NotImplementedError and RecursionError are kinds of it
    AssertionError,
    struct.error,
    InvalidDicomError,
    BytesLengthException,
)


@contextmanager
def quiet() -> Iterator[None]:
    """Drop every warning raised inside; not for use in two threads at once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
