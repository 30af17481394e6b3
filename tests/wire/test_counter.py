"""The shared counter says which item a worker runs, and no worker writes to another's."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procession.wire import counter
from procession.wire.counter import BATCH, NOTHING, POSITION, Counters, open_slot


def close_slots(*views: memoryview) -> None:
    """Unmap what a worker keeps until its end."""
    for view in views:
        view.release()
    for _ in views:
        counter.KEPT.pop().close()


@pytest.mark.short
@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 2**40), st.integers(0, 2**40), st.booleans()), max_size=30))
@settings(deadline=None, max_examples=50)
def test_every_slot_tells_of_its_own_worker(writes: list[tuple[int, int, int, bool]]) -> None:
    counters = Counters(8)
    slots = [counters.take() for _ in range(8)]
    assert len(set(slots)) == 8 and all(counters.read(slot) is None for slot in slots)
    views = [open_slot(counters.descriptor, slot) for slot in slots]
    expected: dict[int, tuple[int, int, bool] | None] = {}
    for worker, batch, position, running in writes:
        views[worker][POSITION] = position if running else ~position
        views[worker][BATCH] = batch
        expected[worker] = (batch, position, running) if batch else None
    assert {worker: counters.read(slots[worker]) for worker in expected} == expected
    close_slots(*views)
    counters.close()


def test_slot_that_comes_again_is_clean() -> None:
    counters = Counters(1)
    slot = counters.take()
    view = open_slot(counters.descriptor, slot)
    view[BATCH], view[POSITION] = 5, 3
    assert counters.read(slot) == (5, 3, True)
    counters.give_back(slot)
    assert counters.take() == slot and counters.read(slot) is None
    view[BATCH] = 6
    assert counters.read(slot) is None  # no item of this batch has begun
    assert view[POSITION] == NOTHING
    close_slots(view)
    counters.close()


def test_a_child_s_store_is_seen_though_it_was_killed() -> None:
    counters = Counters(2)
    slot = counters.take()
    pid = os.fork()
    if not pid:
        view = open_slot(counters.descriptor, slot)
        view[POSITION], view[BATCH] = 7, 9
        os.kill(os.getpid(), 9)
    os.waitpid(pid, 0)
    assert counters.read(slot) == (9, 7, True)
    counters.close()


@given(steps=st.lists(st.integers(-1, 300), max_size=12))
@settings(deadline=None)
def test_widening_keeps_what_is_taken(steps: list[int]) -> None:
    """-1: a slot is given back; else so many slots there should be at least; each time one more is taken."""
    counters = Counters(1)
    taken: dict[int, int] = {}
    try:
        for number, step in enumerate(steps, 1):
            if step < 0 and taken:
                slot = next(iter(taken))
                counters.give_back(slot)
                del taken[slot]
            elif step >= 0:
                counters.widen(step)
                assert counters.free + len(taken) >= step
            slot = counters.take() or 0
            if slot in taken:  # there was none
                continue
            worker = open_slot(counters.descriptor, slot)
            worker[BATCH], worker[POSITION] = number, number
            close_slots(worker)
            taken[slot] = number
            assert all(counters.read(slot) == (number, number, True) for slot, number in taken.items())
    finally:
        counters.close()
