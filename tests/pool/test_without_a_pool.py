"""procession.map and procession.stream: workers of their own that end with the call."""

from __future__ import annotations

import gc
import itertools
import threading
from typing import Any

import pytest

import procession
from tests.helpers.wait import wait_until
from tests.pool import functions as work

pytestmark = pytest.mark.limit(60)


@pytest.mark.short
def test_map_under_every_start_method(start_method: str | None) -> None:
    assert procession.map(lambda n: n * n, range(10), processes=2, context=start_method) == [n * n for n in range(10)]


def test_map_of_several_iterables_ends_with_the_shortest() -> None:
    assert procession.map(work.add, [1, 2, 3], (10, 20), processes=2) == [11, 22]
    assert procession.map(work.add, range(3), itertools.count(), "abc" and range(9), processes=2) == [0, 3, 6]
    assert procession.map(work.add, [1], [], processes=1) == []


def test_map_takes_its_options() -> None:
    calls: list[tuple[int, int, int | None]] = []
    results = procession.map(
        work.state, range(8), processes=2, chunksize=3, initializer=work.set_state, initargs=(7,),
        preload=["json"], progress=lambda *counts: calls.append(counts),
    )  # fmt: skip
    assert results == [7] * 8 and calls[-1] == (8, 0, 8)


def test_map_needs_something_to_work_on() -> None:
    with pytest.raises(TypeError, match="at least one iterable"):
        procession.map(work.square)
    assert procession.map(work.square, []) == []
    with pytest.raises(TypeError):
        procession.map(work.square, 5)  # type: ignore[arg-type]


def test_map_raises_the_first_error_and_ends_its_workers() -> None:
    with pytest.raises(ValueError) as caught:
        procession.map(work.fail_at_three, range(6), processes=2)
    failure = procession.failure(caught.value)
    assert failure is not None and failure.index == 3


@pytest.mark.short
@pytest.mark.parametrize("ordered", [True, False])
def test_stream_gives_results_as_they_come(ordered: bool) -> None:
    results = procession.stream(work.square, iter(range(1000)), ordered=ordered, processes=2)
    assert iter(results) is results
    assert sorted(results) == [n * n for n in range(1000)]
    assert list(results) == []


def test_stream_raises_in_place_and_goes_on() -> None:
    results = procession.stream(work.fail_if_odd, range(6), processes=2)
    seen: list[Any] = []
    while True:
        try:
            seen.append(next(results))
        except KeyError as error:
            seen.append(error)
        except StopIteration:
            break
    assert [seen[place] for place in (0, 2, 4)] == [0, 2, 4] and len(seen) == 6


def test_stream_may_end_early() -> None:
    with procession.stream(work.square, itertools.count(), processes=2) as results:
        assert list(itertools.islice(results, 5)) == [0, 1, 4, 9, 16]
    with pytest.raises((procession.PoolTerminated, StopIteration)):
        for _ in range(10**6):
            next(results)
    results = procession.stream(work.square, itertools.count(), processes=2)
    next(results)
    results.close()
    results.close()


@pytest.mark.parametrize("begun", [True, False])
def test_forgotten_stream_ends_its_workers(begun: bool) -> None:
    results = procession.stream(work.square, itertools.count(), processes=2)
    if begun:
        next(results)
    del results
    gc.collect()
    wait_until(lambda: not [t for t in threading.enumerate() if t.name.startswith("procession-")])


def test_stream_whose_input_raises_ends_with_that_error() -> None:
    def source() -> Any:
        yield 1
        raise LookupError("input")

    results = procession.stream(work.square, source(), processes=2)
    assert next(results) == 1
    with pytest.raises(LookupError):
        next(results)
    assert list(results) == []


def test_stream_whose_function_cannot_be_sent() -> None:
    lock = threading.Lock()
    results = procession.stream(lambda item: (item, lock), [1], processes=1)
    with pytest.raises(Exception, match="lock"):
        next(results)
    results.close()


def test_loop_that_is_left_by_an_error_leaves_nothing() -> None:
    with pytest.raises(ZeroDivisionError):
        for number in procession.stream(work.square, itertools.count(), processes=2):
            1 // (number - 9)
