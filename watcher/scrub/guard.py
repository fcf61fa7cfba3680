"""The last look: no identifying value of the source in the bytes that are about to leave."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping

from watcher.scrub import dates
from watcher.scrub.folding import fold
from watcher.scrub.identity import Identity
from watcher.scrub.text import vocabulary

_CODECS = (
    "utf-8", "latin-1", "iso8859-2", "iso8859-3", "iso8859-4", "iso8859-5", "iso8859-6", "iso8859-7",
    "iso8859-8", "iso8859-9", "iso8859-15", "cp1251", "cp1252", "koi8-r", "tis-620", "shift_jis", "euc_jp",
    "iso2022_jp", "gb18030", "big5", "euc_kr", "utf-16-le", "utf-16-be",
)  # fmt: skip
_ESCAPES = re.compile(rb"^\x1b\$?[()]?[@BJA-Z]|\x1b\([BJ]$")

_TOKEN = re.compile(r"[a-z0-9]{4,}")
_LETTERS = re.compile(r"[a-z]{3,}")
_UID = re.compile(r"\d+(?:\.\d+){3,}")
_SPELLED_DAY = re.compile(r"(?<![\d.])(\d{1,4})([-/. ])(\d{1,2})\2(\d{2,4})(?![\d]|\.\d)")
_SPELLED_NUMBER = re.compile(
    r"(?<![\d.])\d{1,6}(?:[ ()/-]{1,2}\d{1,6}){1,5}(?![\d])|(?<![\d.])\d{3}\.\d{3}\.\d{4}(?![\d.])"
)
_WIDE = re.compile(rb"(?:[A-Za-z0-9]\0){4}")
_UNICODE = re.compile(r"\\u([0-9a-fA-F]{4})")
# A word may touch the next element's group number or its own length: one byte beside a NUL.
_SHORTEST_NAME = 4
_SHORTEST_RUN = 6
_EMBEDDED = 6


class Guard:
    """Searches bytes for the identifying values of one source file.

    Words that are also listed clinical or plain words are searched in the company of another part
    of the same name only; short identifiers not at all: what is left of them tells nothing alone.
    `shift_days` says which days are new: a shifted day may equal another day of the source.
    """

    def __init__(self, identity: Identity, shift_days: int = 0) -> None:
        known = identity.spellings
        self._names = {w: t for w, t in (known.places | known.names).items() if _distinctive(w)}
        self._codes = {c: t for c, t in known.codes.items() if _telling(c)}
        self._codes |= {d: t for d, t in known.digits.items() if len(d) >= _SHORTEST_RUN}
        self._tokens = self._names | self._codes
        self._embedded = [(w, t) for w, t in self._names.items() if len(w) >= _EMBEDDED]
        self._phrases = [(p, t) for p, t in known.phrases.items() if _says_something(p)]
        self._digits = {d: t for d, t in known.digits.items() if len(d) >= _SHORTEST_RUN}
        new = {day + dt.timedelta(shift_days) for day in known.days} if shift_days else set()
        self._days = {d: t for d, t in known.days.items() if d not in new}
        self._tokens |= {d.strftime("%Y%m%d"): t for d, t in self._days.items()}
        self._uids = known.uids
        self._exact = {k.value.casefold(): k.tag for k in identity.known if _exact(k.kind, k.value)}
        self._bytes = _encodings(known.scripts) | {
            b: t for b, t in known.raws.items() if len(b) > 3
        }
        self._scripts = {fold(s): t for s, t in known.scripts.items()}

    def leak(self, data: bytes) -> str | None:
        """The tag of an identifying value that occurs in `data`, or None."""
        found = self._search(data.decode("latin-1").lower())
        if found is None and self._bytes:
            found = next((tag for form, tag in self._bytes.items() if form in data), None)
        if found is None and b"\\u" in data:
            found = self.leak_text(data.decode("utf-8", "replace"))
        if found is None and _WIDE.search(data):
            found = self._search(data.replace(b"\0", b"").decode("latin-1").lower())
        return found

    def leak_text(self, text: str) -> str | None:
        """The same over text that is not encoded yet, JSON escapes resolved."""
        plain = _UNICODE.sub(lambda m: chr(int(m[1], 16)), text)
        folded = fold(plain)
        found = self._search(folded)
        return found or next((tag for word, tag in self._scripts.items() if word in folded), None)

    def _search(self, low: str) -> str | None:
        tokens = set(_TOKEN.findall(low))
        letters = set(_LETTERS.findall(low))
        return (
            self._token(low, tokens, letters)
            or self._uid(low)
            or self._number(low)
            or self._day(low, letters)
        )

    def _token(self, low: str, tokens: set[str], letters: set[str]) -> str | None:
        for word in (tokens | letters) & self._tokens.keys():
            return self._tokens[word]
        for token in tokens:
            if token[:8] in self._tokens and token.isdigit() and len(token) in (10, 12, 14):
                return self._tokens[token[:8]]
        for word, tag in self._embedded:
            if word in low:
                return tag
        for value, tag in self._exact.items():
            if value in low:
                return tag
        for phrase, tag in self._phrases:
            if all(len(w) < 4 or w in tokens or w in letters for w in phrase):
                if re.search(r"[\W_]{1,3}".join(map(re.escape, phrase)), low):
                    return tag
        return None

    def _uid(self, low: str) -> str | None:
        if not self._uids:
            return None
        for match in _UID.finditer(low):
            uid = match[0]
            if uid in self._uids:
                return self._uids[uid]
            # the first byte of the next element's group (0x30 to 0x39), or the last of a length
            if low[match.end() : match.end() + 1] == "\0" and uid[:-1] in self._uids:
                return self._uids[uid[:-1]]
            if low[match.start() - 1 : match.start()] == "\0" and uid[1:] in self._uids:
                return self._uids[uid[1:]]
        return None

    def _number(self, low: str) -> str | None:
        if not self._digits:
            return None
        for match in _SPELLED_NUMBER.finditer(low):
            digits = "".join(c for c in match[0] if c.isdigit())
            if digits in self._digits:
                return self._digits[digits]
        return None

    def _day(self, low: str, letters: set[str]) -> str | None:
        if not self._days:
            return None
        for match in _SPELLED_DAY.finditer(low):
            for spelled in dates.find(match[0]):
                for day in spelled.days:
                    if day in self._days:
                        return self._days[day]
        if letters & dates.MONTH.keys():
            for spelled in dates.named(low):
                for day in spelled.days:
                    if day in self._days:
                        return self._days[day]
        return None


def _distinctive(word: str) -> bool:
    """A word that is nobody's but this file's: long enough, and on no list of common words."""
    return len(word) >= _SHORTEST_NAME and word.isascii() and not vocabulary.knows(word)


def _telling(code: str) -> bool:
    """An identifier that is not a small number or a short label."""
    count = sum(c.isdigit() for c in code)
    return len(code) >= _SHORTEST_RUN if count == len(code) else len(code) >= 5 and count >= 3


def _says_something(phrase: tuple[str, ...]) -> bool:
    """Two words of three letters and more."""
    return sum(len(w) >= 3 for w in phrase) >= 2


def _exact(kind: str, value: str) -> bool:
    if kind in ("id", "device", "phone"):
        return not value.isalnum() and _telling("".join(c for c in value if c.isalnum()))
    return kind == "contact" and len(value) >= _EMBEDDED


def _encodings(words: Mapping[str, str]) -> dict[bytes, str]:
    """Byte forms of words in other scripts, in every character set of PS3.3 C.12.1.1.2 and more."""
    found: dict[bytes, str] = {}
    for word, tag in words.items():
        for form in {word, word.lower(), word.upper(), word.title()}:
            for codec in _CODECS:
                try:
                    raw = _ESCAPES.sub(b"", form.encode(codec))
                except UnicodeError:
                    continue
                if len(raw) > 3 and (codec == "iso2022_jp" or not raw.isascii()):
                    found.setdefault(raw, tag)
    return found
