"""The last look: no identifying value of the source in the bytes that are about to leave."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping

from watcher.scrub import dates
from watcher.scrub.folding import fold
from watcher.scrub.identity import Identity
from watcher.scrub.text import vocabulary

_CODECS = (
    *(
        "utf-8",
        "latin-1",
        "cp1250",
        "cp1251",
        "cp1252",
        "koi8-r",
        "tis-620",
        "utf-16-le",
        "utf-16-be",
    ),
    *(f"iso8859-{part}" for part in (2, 3, 4, 5, 6, 7, 8, 9, 15)),
    *("shift_jis", "euc_jp", "iso2022_jp", "iso2022_jp_2", "gb18030", "big5", "euc_kr"),
)
_ESCAPE = re.compile(rb"\x1b[$(),-]+[@-Z]?")

_TOKEN = re.compile(r"[a-z0-9]{4,}")
_LETTERS = re.compile(r"[a-z]{4,}")
# One byte of a binary neighbour may look like a letter: before a NUL it is the next element's group
# number (little endian), behind one the last byte of the value's own length (big endian).
_BEFORE_NUL = re.compile(r"([a-z0-9]{4,})[a-z0-9](?=\0)")
_BEHIND_NUL = re.compile(r"(?<=\0)[a-z0-9]([a-z0-9]{4,})")
_UID = re.compile(r"\d+(?:\.\d+){3,}")
_SPELLED_DAY = re.compile(r"(?<![\d.])(?:\d{1,4}([-/. ])\d{1,2}\1\d{2,4})(?!\d|\.\d)")
_SPELLED_NUMBER = re.compile(
    r"(?<![\d.])\d{1,6}(?:[ ()/-]{1,2}\d{1,6}){1,5}(?!\d)|(?<![\d.])\d{3}\.\d{3}\.\d{4}(?![\d.])"
)
_WIDE = re.compile(rb"(?:[A-Za-z0-9]\0){5}|(?:\0[A-Za-z0-9]){5}")
_JSON_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_DATE_AND_TIME = (8, 10, 12, 14)
_SHORTEST_NAME = 4
_SHORTEST_EMBEDDED = 6
_SHORTEST_NUMBER = 6
_SHORTEST_PART = 7
_SHORTEST_BYTES = 4


class Guard:
    """Searches bytes for the identifying values of one source file.

    A word that is also a listed clinical or plain word is searched only in the company of another
    part of the same name, and an identifier of a few characters not at all: alone they tell
    nothing, and would cry wolf. `shift_days` says by how much the dates were moved: a moved day may
    equal another day of the source.
    """

    def __init__(self, identity: Identity, shift_days: int = 0) -> None:
        known = identity.spellings
        words = known.places | known.names
        self._words = {
            word: tag
            for word, tag in words.items()
            if _distinctive(word) and (word in known.names or word not in identity.makers)
        }
        self._embedded = [(w, t) for w, t in self._words.items() if len(w) >= _SHORTEST_EMBEDDED]
        self._phrases = [(p, t) for p, t in known.phrases.items() if _says_something(p)]
        self._numbers = {d: t for d, t in known.digits.items() if len(d) >= _SHORTEST_PART}
        self._numbers |= {c: t for c, t in known.codes.items() if c.isdigit() and _telling(c)}
        moved = {d + dt.timedelta(shift_days) for d in known.days} if shift_days else set()
        self._days = {d: t for d, t in known.days.items() if d not in moved}
        self._tokens = (
            self._words
            | {c: t for c, t in known.codes.items() if _telling(c) and c not in identity.makers}
            | self._numbers
        )
        self._compact = {d.strftime("%Y%m%d"): t for d, t in self._days.items()}
        self._uids = known.uids
        self._exact = {k.value.lower(): k.tag for k in identity.known if _exact(k.kind, k.value)}
        self._forms: Mapping[bytes, str] | None = None
        self._known = known

    def leak(self, data: bytes) -> str | None:
        """The tag of an identifying value that occurs in `data`, or None."""
        found = self._search(data.decode("latin-1").lower()) or self._encoded(data)
        if found is None and b"\\u" in data:
            found = self.leak_text(data.decode("utf-8", "replace"))
        if found is None and _WIDE.search(data):
            found = self._search(data.replace(b"\0", b"").decode("latin-1").lower())
        return found

    def leak_text(self, text: str) -> str | None:
        """The same over text that is not encoded, JSON escapes resolved."""
        plain = _JSON_ESCAPE.sub(lambda m: chr(int(m[1], 16)), text)
        folded = fold(plain)
        written = {fold(value): tag for value, tag in self._known.scripts.items()}
        return self._search(folded) or next((t for v, t in written.items() if v in folded), None)

    def _encoded(self, data: bytes) -> str | None:
        """Values beyond ASCII, in their own bytes and in every character set."""
        if not self._known.scripts and not self._known.raws:
            return None
        if self._forms is None:
            self._forms = _forms(self._known.scripts) | {
                raw: tag for raw, tag in self._known.raws.items() if len(raw) >= _SHORTEST_BYTES
            }
        return next((tag for form, tag in self._forms.items() if form in data), None)

    def _search(self, low: str) -> str | None:
        tokens = {*_TOKEN.findall(low), *_BEFORE_NUL.findall(low), *_BEHIND_NUL.findall(low)}
        words = {*tokens, *_LETTERS.findall(low)}
        for found in (
            self._word(words, low),
            self._phrase(words, low),
            self._uid(low),
            self._number(low),
            self._day(tokens, words, low),
        ):
            if found is not None:
                return found
        return None

    def _word(self, words: set[str], low: str) -> str | None:
        hits = words & self._tokens.keys()
        if hits:
            return self._tokens[min(hits)]
        long = "\n".join(w for w in words if len(w) > _SHORTEST_EMBEDDED)
        for word, tag in self._embedded:
            if word in long:
                return tag
        return next((tag for value, tag in self._exact.items() if value in low), None)

    def _phrase(self, words: set[str], low: str) -> str | None:
        for phrase, tag in self._phrases:
            if all(len(w) < _SHORTEST_NAME or w in words for w in phrase) and re.search(
                r"[\W_]{1,3}".join(map(re.escape, phrase)), low
            ):
                return tag
        return None

    def _uid(self, low: str) -> str | None:
        for match in _UID.finditer(low) if self._uids else ():
            uid = match[0]
            tag = self._uids.get(uid)
            if tag is None and low[match.end() : match.end() + 1] == "\0":
                tag = self._uids.get(uid[:-1])
            if tag is None and low[match.start() - 1 : match.start()] == "\0":
                tag = self._uids.get(uid[1:])
            if tag is not None:
                return tag
        return None

    def _number(self, low: str) -> str | None:
        for match in _SPELLED_NUMBER.finditer(low) if self._numbers else ():
            tag = self._numbers.get("".join(c for c in match[0] if c.isdigit()))
            if tag is not None:
                return tag
        return None

    def _day(self, tokens: set[str], words: set[str], low: str) -> str | None:
        if not self._days:
            return None
        for token in tokens:
            if len(token) in _DATE_AND_TIME and token[:8] in self._compact and token.isdigit():
                return self._compact[token[:8]]
        for spelled in _spelled_days(words, low):
            for day in spelled.days:
                if day in self._days:
                    return self._days[day]
        return None


def _spelled_days(words: set[str], low: str) -> Iterator[dates.Spelled]:
    for match in _SPELLED_DAY.finditer(low):
        yield from dates.find(match[0])
    if any(month in words or month[:3] in low for month in words & dates.MONTH.keys()):
        yield from dates.named(low)


def _distinctive(word: str) -> bool:
    """A word that is nobody's but this file's: long enough, and on no list of common words."""
    return len(word) >= _SHORTEST_NAME and word.isascii() and not vocabulary.knows(word)


def _telling(code: str) -> bool:
    """An identifier that is neither a small number nor a short label."""
    digits = sum(c.isdigit() for c in code)
    if digits == len(code):
        return digits >= _SHORTEST_NUMBER
    return len(code) >= 5 and digits >= 3


def _says_something(phrase: tuple[str, ...]) -> bool:
    """Two words of three letters and more, not both clinical ("nuclear medicine")."""
    telling = [w for w in phrase if len(w) >= 3]
    return len(telling) >= 2 and not all(vocabulary.certain(w) for w in telling)


def _exact(kind: str, value: str) -> bool:
    """Values that are no single token: with separators of their own."""
    if kind == "contact":
        return len(value) >= _SHORTEST_EMBEDDED
    bare = "".join(c for c in value if c.isalnum())
    return kind in ("id", "device", "phone") and bare != value and _telling(bare)


def _forms(written: Mapping[str, str]) -> dict[bytes, str]:
    """Byte forms of words beyond ASCII in the character sets of PS3.3 C.12.1.1.2, and in others."""
    found: dict[bytes, str] = {}
    for word, tag in written.items():
        for codec in _CODECS:
            for form in {word, word.lower(), word.upper(), word.title()}:
                try:
                    raw = form.encode(codec)
                except UnicodeError:
                    continue
                longest = max(_ESCAPE.split(raw), key=len)
                if len(longest) >= _SHORTEST_BYTES and (raw != longest or not raw.isascii()):
                    found.setdefault(longest, tag)
    return found
