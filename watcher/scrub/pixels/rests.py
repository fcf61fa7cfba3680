"""The rest of a line: of what was filled in part, and what goes on where a line ends."""

from __future__ import annotations

from collections.abc import Iterator

from watcher.scrub.pixels.opinions import EYE_SURE, GATE, SURE, TOO_LARGE_BESIDE
from watcher.scrub.pixels.picture import Picture, Text, area, covered, gap, share_of
from watcher.scrub.pixels.regions import Rectangle
from watcher.scrub.pixels.textness import Find

_CUT = (0.1, 0.8)  # a find is cut in two when so much of it was filled with others
_MOSTLY = (0.5, 0.9)  # the same of large letters
# The rest of a line under another one: the least score, and how far from that one, in pixels.
_REST, _BESIDE = 0.50, 8
_AS_HIGH, _LEVEL = 1.5, 0.7  # of a line and what goes on behind it: heights, and how level they are


def rests(first: list[Find], found: list[Text], picture: Picture) -> Iterator[Text]:
    """The rest of what was seen before anything was filled, and then was filled in part: what is
    left of a line that another's box has cut is no letter any more, and nobody would see it. And
    what goes on where a line ends, or shows beside one that is written over it: a letter or two are
    hard to read.
    """
    known = covered(found, picture.planes[0].shape)
    for find in first:
        share = share_of(known, find.boxes)
        if find.scale > 1:  # large letters, most of which are filled
            cut = find.score >= SURE and _MOSTLY[0] <= share < _MOSTLY[1]
        else:
            cut = find.score >= EYE_SURE and _CUT[0] < share < _CUT[1]
        small = area(find.boxes) < TOO_LARGE_BESIDE * picture.size
        rest = find.scale == 1 and share < _CUT[1]
        if (cut and small) or (rest and any(_belongs(find, text.box) for text in found)):
            yield from (Text(box, find.score) for box in find.boxes)


def _belongs(find: Find, line: Rectangle) -> bool:
    """Whether it is the rest of this line, or of one over which this one was written."""
    beside = gap(line, find.box) <= _BESIDE and area(find.boxes) <= area([line])
    return (find.score >= GATE and _goes_on(line, find.box)) or (find.score >= _REST and beside)


def _goes_on(line: Rectangle, rest: Rectangle) -> bool:
    """Whether `rest` is as high as the line, and at most that far from one of its ends."""
    standing = line[3] - line[1] > line[2] - line[0]
    along, across = (1, 0) if standing else (0, 1)
    heights = [box[across + 2] - box[across] for box in (line, rest)]
    low, high = min(heights), max(heights)
    shared = min(line[across + 2], rest[across + 2]) - max(line[across], rest[across])
    apart = max(line[along], rest[along]) - min(line[along + 2], rest[along + 2])
    return high <= _AS_HIGH * low and shared >= _LEVEL * low and -high <= apart <= high
