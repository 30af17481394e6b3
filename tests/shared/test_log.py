"""The log against a model of it: what is added is taken, in order, whole, however often the memory goes round."""

from __future__ import annotations

import os
from collections import deque

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from procession.shared import log, takers

SMALL = 1 << 23  # bytes: goes round after some messages


def content(number: int, size: int) -> bytes:
    return bytes([number % 251 + 1]) * size


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, 1_900_000)),
        st.tuples(st.just("add"), st.integers(1, 40)),
        st.tuples(st.just("take"), st.just(0)),
        st.tuples(st.just("done"), st.just(0)),
    ),
    min_size=20,
    max_size=120,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    steps=STEPS,
    most=st.sampled_from([0, 3]),
    rule=st.sampled_from([None, takers.Counts, takers.Claims]),
    round_=st.sampled_from([0, (1 << 37) - 5000, (1 << 36) - 5000]),
)
def test_what_is_added_is_taken(
    steps: list[tuple[str, int]], most: int, rule: type[takers.Counts] | type[takers.Claims] | None, round_: int
) -> None:
    held = log.create(most, sizes=(SMALL,))
    held.takers = rule(held.words) if rule else None
    begin_at(held, round_)
    model: deque[bytes] = deque()
    taken = 0
    for number, (step, size) in enumerate(steps):
        if step == "add":
            data = content(number, size)
            added = held.add(data)
            assert added or (most and len(model) == most) or sum(map(len, model)) + size > SMALL // 2
            if added:
                model.append(data)
        elif step == "take":
            found = held.take()
            assert (found[0] if found else None) == (model.popleft() if model else None)
            taken += found is not None
        elif rule:
            assert held.done() == (taken > 0)
            taken -= taken > 0
        assert held.count() == len(model)
        assert held.unfinished() == len(model) + (taken if rule else 0)
    while model:
        found = held.take()
        assert found is not None
        assert found[0] == model.popleft()
    assert held.take() is None


def begin_at(held: log.Log, words: int) -> None:
    """Let the log begin as if so much had gone through it."""
    place = words // (SMALL // 8) * (SMALL // 8)
    for name in (log.TAKEN_UP, log.GIVEN_BACK):
        held.words[name] = place
    for name in (log.TAIL, log.HEAD):
        held.words[name] = place << log.COUNT_BITS | (log.COUNT - 5)


def test_memory_is_given_back() -> None:
    held = log.create(0)
    data = bytes(1 << 20)
    most = 0
    for _ in range(100):
        assert held.add(data)
        assert held.take() == (data, 0)
        most = max(most, 512 * os.fstat(held.descriptor).st_blocks)
    assert most < 8 << 20


def test_a_message_that_is_not_done_keeps_its_place_only() -> None:
    """Who takes and never says that it is done does not let the log be written over."""
    held = log.create(0, sizes=(SMALL,))
    held.takers = takers.Claims(held.words)
    first = content(1, 500_000)
    assert held.add(first)
    assert held.take() == (first, 0)
    others = 0
    while held.add(content(2, 500_000)):
        held.take()
        held_by_us = held.unfinished()
        others += 1
        assert others < 100
    assert held_by_us == others + 1
    while held.done():
        pass
    assert held.add(content(3, 10))
    assert held.take() == (content(3, 10), 0)
    assert held.add(content(4, 500_000))


def test_a_message_that_is_too_large_says_so() -> None:
    held = log.create(0, sizes=(SMALL,))
    try:
        held.add(bytes(SMALL // 2))
    except OSError as error:
        assert "a queue takes" in str(error)
    else:
        raise AssertionError("it was taken")
