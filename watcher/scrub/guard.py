"""The last look: no identifying value of the source in the bytes that are about to leave."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping

from watcher.scrub import dates
from watcher.scrub.folding import fold
from watcher.scrub.folding import words as words_of
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

_LETTERS, _DIGITS = b"abcdefghijklmnopqrstuvwxyz", b"0123456789"


def _table(keep: bytes, blank: bytes) -> bytes:
    """A translation that lowers letters, keeps `keep` and blanks every other byte."""
    low = bytes(range(256)).lower()
    return bytes(b if b in keep else blank[0] for b in low)


# bytes.translate and split are twenty times as fast as a regular expression over a binary header.
_TO_TOKENS = _table(_LETTERS + _DIGITS, b" ")
_TO_WORDS = _table(_LETTERS, b" ")
_TO_UIDS = _table(_DIGITS + b".", b" ")
_TO_SHAPE = bytes(0 if b == 0 else 0x61 if 0x20 <= b <= 0x7E else 0x20 for b in range(256))
# Two bytes a character: UTF-16 in a private element or a string of another system.
_WIDE = (b"a\0a\0a\0a\0a", b"\0a\0a\0a\0a\0a")

_NUMERIC = re.compile(rb"[0-9(+][0-9 ()./-]{5,}[0-9]")
_SPELLED_DAY = re.compile(r"(?<![\d.])(?:\d{1,4}([-/. ])\d{1,2}\1\d{2,4})(?!\d|\.\d)")
_SPELLED_NUMBER = re.compile(
    r"(?<![\d.])\d{1,6}(?:[ ()/-]{1,2}\d{1,6}){1,5}(?!\d)|(?<![\d.])\d{3}\.\d{3}\.\d{4}(?![\d.])"
)
_DIGIT_AND_NUL = re.compile(r"\d\0")
_JSON_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_MONTHS = frozenset(m.encode() for m in dates.MONTH if m.isascii())
_COMPACT_DAY = 8
_SHORTEST_NAME = 4
_SHORTEST_EMBEDDED = 6
_SHORTEST_NUMBER = 6
_SHORTEST_PART = 7
_SHORTEST_BYTES = 4
_SHORTEST_UID = 8  # "0" stands for no UID at all, and in every number


class Guard:
    """Searches bytes for the identifying values of one source file.

    A word that is also a listed clinical or plain word is searched only in the company of another
    part of the same name, and an identifier of a few characters not at all: alone they tell
    nothing, and would cry wolf. `shift_days` says by how much the dates were moved: a moved day may
    equal another day of the source.
    """

    def __init__(self, identity: Identity, shift_days: int = 0) -> None:
        known = identity.spellings
        words = {
            word.encode(): tag
            for word, tag in (known.places | known.names).items()
            if _distinctive(word) and (word in known.names or word not in identity.makers)
        }
        numbers = {d: t for d, t in known.digits.items() if len(d) >= _SHORTEST_PART}
        numbers |= {c: t for c, t in known.codes.items() if c.isdigit() and _telling(c)}
        codes = {c: t for c, t in known.codes.items() if _telling(c) and c not in identity.makers}
        moved = {d + dt.timedelta(shift_days) for d in known.days} if shift_days else set()
        self._known = known
        self._numbers = numbers
        self._tokens = words | {c.encode(): t for c, t in (codes | numbers).items() if c.isascii()}
        self._embedded = [(w, t) for w, t in words.items() if len(w) >= _SHORTEST_EMBEDDED]
        self._phrases = [
            (tuple(w.encode() for w in phrase), tag)
            for phrase, tag in known.phrases.items()
            if _says_something(phrase)
        ]
        self._days = {d: t for d, t in known.days.items() if d not in moved}
        self._compact = {d.strftime("%Y%m%d").encode(): t for d, t in self._days.items()}
        self._uids = {
            uid.encode("latin-1", "replace"): t
            for uid, t in known.uids.items()
            if len(uid) > _SHORTEST_UID
        }
        self._exact = {
            k.value.lower().encode("latin-1", "replace"): k.tag
            for k in identity.known
            if _exact(k.kind, k.value)
        }
        self._forms: Mapping[bytes, str] | None = None

    def leak(self, data: bytes) -> str | None:
        """The tag of an identifying value that occurs in `data`, or None."""
        found = self._search(data) or self._encoded(data)
        if found is None and b"\\u" in data:
            found = self.leak_text(data.decode("utf-8", "replace"))
        if found is None:
            shape = data.translate(_TO_SHAPE)
            if any(wide in shape for wide in _WIDE):
                found = self._search(data.replace(b"\0", b""))
        return found

    def leak_text(self, text: str) -> str | None:
        """The same over text that is not encoded, JSON escapes resolved."""
        folded = fold(_JSON_ESCAPE.sub(lambda m: chr(int(m[1], 16)), text))
        written = {fold(value): tag for value, tag in self._known.scripts.items()}
        return self._search(folded.encode("latin-1", "replace")) or next(
            (tag for value, tag in written.items() if value in folded), None
        )

    def _encoded(self, data: bytes) -> str | None:
        """Values beyond ASCII, in their own bytes and in every character set."""
        if not self._known.scripts and not self._known.raws:
            return None
        if self._forms is None:
            self._forms = _forms(self._known.scripts) | {
                raw: tag for raw, tag in self._known.raws.items() if len(raw) >= _SHORTEST_BYTES
            }
        return next((tag for form, tag in self._forms.items() if form in data), None)

    def _search(self, data: bytes) -> str | None:
        low = data.lower()
        tokens = set(data.translate(_TO_TOKENS).split())
        words = set(data.translate(_TO_WORDS).split())
        numeric = list(_numeric(data))
        for found in (
            _first(self._tokens, tokens | words, low),
            _first(self._uids, set(data.translate(_TO_UIDS).split()), low),
            self._embedding(words, low),
            self._phrase(tokens | words, low),
            self._number(numeric),
            self._day(tokens, words, numeric, low),
        ):
            if found is not None:
                return found
        return None

    def _embedding(self, words: set[bytes], low: bytes) -> str | None:
        """Longer words within others, and values with separators of their own."""
        long = b"\n".join(w for w in words if len(w) > _SHORTEST_EMBEDDED)
        for word, tag in self._embedded:
            if word in long:
                return tag
        return next((tag for value, tag in self._exact.items() if value in low), None)

    def _phrase(self, words: set[bytes], low: bytes) -> str | None:
        for phrase, tag in self._phrases:
            if all(len(w) < _SHORTEST_NAME or w in words for w in phrase) and re.search(
                rb"[\W_]{1,3}".join(map(re.escape, phrase)), low
            ):
                return tag
        return None

    def _number(self, numeric: list[str]) -> str | None:
        for text in numeric if self._numbers else ():
            for match in _SPELLED_NUMBER.finditer(text):
                tag = self._numbers.get("".join(c for c in match[0] if c.isdigit()))
                if tag is not None:
                    return tag
        return None

    def _day(
        self, tokens: set[bytes], words: set[bytes], numeric: list[str], low: bytes
    ) -> str | None:
        if not self._days:
            return None
        starts = {t[:8] for t in tokens if len(t) >= _COMPACT_DAY and t.isdigit()}
        hits = starts & self._compact.keys()
        if hits:
            return self._compact[min(hits)]
        for spelled in _spelled_days(words, numeric, low):
            for day in spelled.days:
                if day in self._days:
                    return self._days[day]
        return None


def _numeric(data: bytes) -> Iterator[str]:
    """Runs of digits and their separators; also without a digit that a NUL beside it explains."""
    for match in _NUMERIC.finditer(data):
        text = match[0].decode("ascii")
        yield text
        if data[match.end() : match.end() + 1] == b"\0":
            yield text[:-1]
        if data[match.start() - 1 : match.start()] == b"\0":
            yield text[1:]


def _first(known: Mapping[bytes, str], found: set[bytes], low: bytes) -> str | None:
    """The tag of a known token among those found.

    Beside a NUL one byte of a binary neighbour may look like a letter or a digit: the next
    element's group number (little endian), or the value's own length (big endian).
    """
    hits = known.keys() & found
    if hits:
        return known[min(hits)]
    for token in known:
        if token in low:
            bare = re.escape(token)
            near = rb"(?<![a-z0-9])" + bare + rb"[a-z0-9.]\0|\0[a-z0-9.]" + bare + rb"(?![a-z0-9])"
            if re.search(near, low):
                return known[token]
    return None


def _spelled_days(words: set[bytes], numeric: list[str], low: bytes) -> Iterator[dates.Spelled]:
    for text in numeric:
        for match in _SPELLED_DAY.finditer(text):
            yield from dates.find(match[0])
    for month in words & _MONTHS:
        at = low.find(month)
        while at >= 0:
            near = low[max(0, at - 12) : at + 24].decode("latin-1")
            yield from dates.named(near.replace("\0", " "))
            bare = _DIGIT_AND_NUL.sub(" ", near)  # the digit may be a binary neighbour's
            if bare != near:
                yield from dates.named(bare)
            at = low.find(month, at + 1)


def _distinctive(word: str) -> bool:
    """A word that is nobody's but this file's: long enough, and on no list of common words."""
    return len(word) >= _SHORTEST_NAME and word.isascii() and not vocabulary.knows(word)


def _telling(code: str) -> bool:
    """An identifier that is neither a small number nor a short label."""
    digits = sum(c.isdigit() for c in code)
    if digits == len(code):
        return digits >= _SHORTEST_NUMBER
    if digits >= 3:
        return len(code) > _SHORTEST_NAME
    return any(len(w) > _SHORTEST_NAME and not vocabulary.knows(w) for w in words_of(code))


def _says_something(phrase: tuple[str, ...]) -> bool:
    """Two words of three letters and more, not both clinical ("nuclear medicine")."""
    telling = [w for w in phrase if len(w) >= 3]
    return len(telling) >= 2 and not all(vocabulary.certain(w) for w in telling)


def _exact(kind: str, value: str) -> bool:
    """Values that are no single token: with separators of their own."""
    if kind == "contact":
        return len(value) >= _SHORTEST_EMBEDDED
    if kind not in ("id", "device", "phone") or value.isalnum():
        return False
    return _telling("".join(c for c in value if c.isalnum()))


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
                plain = raw == longest and raw.isascii()
                if len(longest) >= (_SHORTEST_EMBEDDED if plain else _SHORTEST_BYTES):
                    found.setdefault(longest, tag)
    return found
