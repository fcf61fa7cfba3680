"""What is filled beyond what was seen: a margin around each line, or all of a tiny picture.

Done once, after the last frame is read: a box that grew earlier would cut what nobody has seen.
"""

from __future__ import annotations

from dataclasses import replace

from watcher.scrub.pixels.picture import Text, covered

# The readers see the middle of a line better than its ends: so many of its heights are filled
# beyond what they saw. Of a line this high, in pixels, more along it, a letter or so, and across.
_ALONG, _LARGE, _ALONG_LARGE, _ACROSS_LARGE = 0.5, 32, 1.0, 0.25
_LARGEST = 80  # pixels: what is higher is several lines
_TINY, _MUCH = 1 << 14, 1 / 4  # pixels of a picture, and how much of it text may take at most


def with_margins(texts: list[Text], rows: int, columns: int) -> list[Text]:
    """The texts of a picture of `rows` x `columns` pixels, as they are to be filled.

    Where they take more than a quarter of a tiny picture one more box takes all of it: letters so
    large end anywhere, and what lies between them is of no use.
    """
    wider = [_widened(text, rows, columns) for text in texts]
    size = rows * columns
    if size <= _TINY and covered(texts, (rows, columns)).sum() > _MUCH * size:
        wider.append(Text((0, 0, columns, rows), max(text.score for text in texts)))
    return wider


def _widened(text: Text, rows: int, columns: int) -> Text:
    left, top, right, bottom = text.box
    height = min(right - left, bottom - top, _LARGEST)
    shares = (_ALONG_LARGE, _ACROSS_LARGE) if height >= _LARGE else (_ALONG, 0.0)
    along, across = (int(share * height) for share in shares)
    aside, down = (along, across) if right - left >= bottom - top else (across, along)
    box = (
        max(0, left - aside),
        max(0, top - down),
        min(columns, right + aside),
        min(rows, bottom + down),
    )
    return replace(text, box=box)
