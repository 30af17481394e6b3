"""JPEG's segments: where each begins and ends, without decoding anything.

Knows: the markers of ITU T.81.
Must not know: Pillow, or what is wanted of the segments.
"""

from __future__ import annotations

import re
from typing import NamedTuple

PROGRESSIVE, TABLES, START, END, SCAN, RESTART = 0xC2, 0xC4, 0xD8, 0xD9, 0xDA, 0xDD
_WITHOUT_LENGTH = frozenset((0x01, START, *range(0xD0, 0xD8)))
_SHORTEST = 10  # bytes of the shortest header that is followed by another
_NEXT_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # behind a scan's data, where FF 00 and FF D0-D7 are data


class Segment(NamedTuple):
    """A marker with what belongs to it.

    Args:
        marker: Which.
        begin: Its first byte, 0xFF.
        end: Behind its last byte; for a scan behind its data too.
    """

    marker: int
    begin: int
    end: int


def segment_at(data: bytes, position: int) -> Segment | None:
    """Give the segment that begins here; None if there is none, or the file is cut inside it.

    Args:
        data: A JPEG file.
        position: Where; 2 for the first one.
    """
    if len(data) < position + 2 or data[position] != 0xFF:
        return None
    marker = data[position + 1]
    if marker == END:
        return Segment(marker, position, position + 2)
    if marker in _WITHOUT_LENGTH or len(data) < position + _SHORTEST:
        return None
    end = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    if marker == SCAN:
        following = _NEXT_MARKER.search(data, end)
        return Segment(marker, position, following.start()) if following else None
    return Segment(marker, position, end)


def has_end(data: bytes) -> bool:
    """Tell whether the end marker comes behind the beginning of the first scan; a preview in the header has its own."""
    position = 2
    while (segment := segment_at(data, position)) is not None:
        if segment.marker in (SCAN, END):
            return data.find(bytes((0xFF, END)), segment.begin) >= 0
        position = segment.end
    return False


def framed(marker: int, body: bytes) -> bytes:
    """Build a segment."""
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body
