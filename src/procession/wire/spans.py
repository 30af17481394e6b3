"""Spans: where buffers lie in one piece of memory, side by side.

Knows: lengths, alignment, who may write.
Must not know: whose memory it is, and what the buffers mean.
"""

from __future__ import annotations

from collections.abc import Iterable

ALIGNMENT = 64  # of each buffer: what vector code likes

Spans = tuple[tuple[int, int, bool], ...]  # of each buffer: where it begins and ends, whether it is read-only


def lay_out(buffers: Iterable[memoryview], begin: int = 0) -> tuple[Spans, int]:
    """Give each buffer of bytes a place; return the places, and where the next one would begin."""
    spans = []
    for each in buffers:
        spans.append((begin, begin + len(each), each.readonly))
        begin += -(-len(each) // ALIGNMENT) * ALIGNMENT
    return tuple(spans), begin


def cut(whole: memoryview, spans: Spans) -> list[memoryview]:
    """Look at each buffer in its place; what was read-only is so again."""
    return [whole[begin:end].toreadonly() if fixed else whole[begin:end] for begin, end, fixed in spans]
