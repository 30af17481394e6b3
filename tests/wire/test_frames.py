"""Frames come out as they went in, wherever the stream of bytes is cut."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procession.wire.frames import HEADER, SMALL, Assembler, Kind, frame

bodies = st.one_of(
    st.binary(max_size=40),
    st.builds(lambda size, byte: bytes([byte]) * size, st.integers(SMALL - 20, SMALL + 20), st.integers(0, 255)),
    st.builds(lambda size, byte: bytes([byte]) * size, st.integers(0, 3 * SMALL), st.integers(0, 255)),
)
frames = st.lists(st.tuples(st.sampled_from(Kind), bodies), max_size=8)


def assemble(stream: bytes, cuts: list[int]) -> list[tuple[int, bytes]]:
    """Feed a stream in pieces; a piece is never longer than the buffer that is offered."""
    assembler = Assembler()
    out: list[tuple[int, bytes]] = []
    position, turn = 0, 0
    while position < len(stream):
        buffer = assembler.buffer()
        assert len(buffer) > 0
        size = min(cuts[turn % len(cuts)], len(buffer), len(stream) - position)
        buffer[:size] = stream[position : position + size]
        del buffer
        out += [(kind, bytes(body)) for kind, body in assembler.received(size)]
        position += size
        turn += 1
    return out


@pytest.mark.short
@given(frames, st.lists(st.one_of(st.integers(1, 20), st.integers(1, 2 * SMALL)), min_size=1, max_size=12))
@settings(deadline=None, max_examples=60)
def test_frames_come_out_as_they_went_in(sent: list[tuple[Kind, bytes]], cuts: list[int]) -> None:
    stream = b"".join(bytes(part) for kind, body in sent for part in frame(kind, body))
    assert assemble(stream, cuts) == sent


@given(st.integers(0, 3 * SMALL))
@settings(deadline=None, max_examples=50)
def test_long_body_is_not_copied_and_a_short_one_is_one_piece(size: int) -> None:
    body = bytes(size)
    parts = frame(Kind.BATCH, body)
    assert sum(map(len, parts)) == size + HEADER.size
    assert len(parts) == 1 if size < SMALL else parts[1] is body


def test_half_a_frame_is_none() -> None:
    stream = b"".join(map(bytes, frame(Kind.READY, b"abc")))
    for cut in range(len(stream)):
        assert assemble(stream[:cut], [5]) == [] if cut else True


def test_frame_is_the_receiver_s_own() -> None:
    """What was given out must not change when the next bytes come."""
    assembler = Assembler()
    kept = []
    for byte in (1, 2):
        for part in frame(Kind.RESULTS, bytes([byte]) * 100):
            assembler.buffer()[: len(part)] = part
            kept += assembler.received(len(part))
    assert [bytes(body) for _, body in kept] == [b"\1" * 100, b"\2" * 100]
