"""Keyed pseudonyms (HMAC-SHA256): the same input and key give the same output, for ever.

Nothing is looked up and nothing is stored: without the key an original cannot be found again, and
with it only by trying values. Every purpose has its own domain, so that a number that is both a
Patient ID and an Accession Number gives two unrelated pseudonyms.
"""

from __future__ import annotations

import datetime as dt
import hmac
import re
import uuid

from watcher.scrub.keys import CustomerKey

SHIFT_LEAST, SHIFT_MOST = 29_220, 36_159
"""Days by which a patient's dates are moved into the past: 80 to 99 years.

So far that a moved date can be taken neither for a real examination nor, by chance, for another
true date of the same patient, which the guard would have to report.
"""

# No vowels: a pseudonym never spells a word or a name. No O beside 0 and no I beside 1.
_SYMBOLS = "0123456789BCDFGHJKLMNPQRSTVWXZ"
_CODE_LENGTH = 16  # fits SH, and 30**15 is beyond guessing
_DATE = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")


class Pseudonyms:
    """One customer's pseudonyms. Values are compared without padding (PS3.5 6.2)."""

    def __init__(self, key: CustomerKey) -> None:
        self._secret = key.secret
        self.key_id = key.id

    def uid(self, original: str) -> str:
        """A UID of the form 2.25.<UUID as an integer> (PS3.5 B.2), at most 44 characters.

        One that happens to hold a calendar date is drawn again, so that a search for a patient's
        dates finds none in it.
        """
        for draw in range(1000):
            digest = self._digest("uid", f"{draw}:{_bare(original)}" if draw else _bare(original))
            made = f"2.25.{uuid.UUID(bytes=digest[:16], version=4).int}"
            if not _DATE.search(made):
                return made
        raise AssertionError("a thousand draws all held a date")

    def patient_id(self, patient: str) -> str:
        """The new Patient ID of the patient whom `patient` stands for."""
        return self._code("P", "patient", patient)

    def accession_number(self, original: str) -> str:
        """The new Accession Number, 16 characters."""
        return self._code("A", "accession", original)

    def shift_days(self, patient: str) -> int:
        """The days, below zero, by which every date of this patient moves."""
        digest = self._digest("shift", _bare(patient))
        return -(SHIFT_LEAST + int.from_bytes(digest[:8]) % (SHIFT_MOST - SHIFT_LEAST + 1))

    def digest(self, purpose: str, original: str) -> str:
        """A keyed hash, hex, to recognise a value again without holding it."""
        return self._digest(purpose, _bare(original)).hex()

    def _code(self, letter: str, purpose: str, original: str) -> str:
        number = int.from_bytes(self._digest(purpose, _bare(original))[:16])
        symbols = []
        for _ in range(_CODE_LENGTH - 1):
            number, place = divmod(number, len(_SYMBOLS))
            symbols.append(_SYMBOLS[place])
        return letter + "".join(symbols)

    def _digest(self, purpose: str, text: str) -> bytes:
        return hmac.digest(
            self._secret, f"{purpose}\0{text}".encode("utf-8", "surrogatepass"), "sha256"
        )


def _bare(text: str) -> str:
    return text.strip(" \0")


def move(day: dt.date, days: int) -> dt.date | None:
    """The day moved by `days`, or None when it leaves the calendar."""
    try:
        return day + dt.timedelta(days)
    except OverflowError:
        return None
