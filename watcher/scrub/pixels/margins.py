"""What is filled beyond what was seen: a margin around each line, or all of a small picture.

Done once, after the last frame is read: a box that grew earlier would cut what nobody has seen.
"""

from __future__ import annotations

from dataclasses import replace

from watcher.scrub.pixels.picture import SMALL, Text, covered

# The readers see the middle of a line better than its ends: so many of its heights are filled
# beyond what they saw, across it and, a letter or so, along it.
_ACROSS, _ALONG = 0.25, 1.0
_LARGEST = 80  # pixels: what is higher is several lines
_MUCH = 1 / 4  # of a small picture: filled by more than that, all of it is


def with_margins(texts: list[Text], rows: int, columns: int) -> list[Text]:
    """The texts of a picture of `rows` x `columns` pixels, as they are to be filled.

    Where they take more than a quarter of a small picture one more box takes all of it: letters so
    large end anywhere, and what lies between them is of no use.
    """
    wider = [_widened(text, rows, columns) for text in texts]
    size = rows * columns
    if size <= SMALL and covered(texts, (rows, columns)).sum() > _MUCH * size:
        wider.append(Text((0, 0, columns, rows), max(text.score for text in texts)))
    return wider


def _widened(text: Text, rows: int, columns: int) -> Text:
    left, top, right, bottom = text.box
    height = min(right - left, bottom - top, _LARGEST)
    across, along = int(_ACROSS * height), int(_ALONG * height)
    aside, down = (along, across) if right - left >= bottom - top else (across, along)
    box = (
        max(0, left - aside),
        max(0, top - down),
        min(columns, right + aside),
        min(rows, bottom + down),
    )
    return replace(text, box=box)
