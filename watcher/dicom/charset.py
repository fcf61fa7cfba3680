"""Text of raw elements: bytes to str by the declared Specific Character Set (PS3.3 C.12.1.1.2)."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence

from pydicom.charset import convert_encodings, decode_bytes, default_encoding
from pydicom.valuerep import PN_DELIMS, TEXT_VR_DELIMS

ESCAPE = 0x1B


@functools.lru_cache(maxsize=64)
def codecs(declared: tuple[str, ...]) -> tuple[str, ...]:
    """Python codec names for the values of Specific Character Set (0008,0005).

    An unknown term becomes the default repertoire: a search must not depend on its spelling.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tuple(convert_encodings(list(declared)) if declared else (default_encoding,))


def decode(raw: bytes, encodings: Sequence[str], person_name: bool = False) -> str:
    """`raw` as text. Undeclared or wrongly declared bytes are read as UTF-8, else as Latin-1."""
    if raw.isascii() and ESCAPE not in raw:
        return raw.decode("ascii")
    if ESCAPE in raw:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return str(
                decode_bytes(raw, list(encodings), PN_DELIMS if person_name else TEXT_VR_DELIMS)
            )
    tried = ("utf-8", *encodings) if encodings[0] == default_encoding else encodings
    for codec in (*tried, "utf-8"):
        try:
            return raw.decode(codec)
        except (UnicodeError, LookupError):
            continue
    return raw.decode("latin-1")
