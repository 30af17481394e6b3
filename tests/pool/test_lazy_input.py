"""Lazy calls: how far the input is read, when an item is sent, and how an input ends."""

from __future__ import annotations

import gc
import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import psutil
import pytest

from procession import Pool, PoolTerminated
from tests.helpers.wait import wait_until
from tests.pool import functions as work

pytestmark = pytest.mark.limit(60)

LAZY = ("imap", "imap_unordered")


class Counting:
    """An endless input that knows how far it was read, and whether it was closed."""

    def __init__(self, make: Callable[[int], Any] = lambda number: number, stop: int | None = None) -> None:
        self.read = 0
        self.closed = False
        self._make = make
        self._stop = stop

    def __iter__(self) -> Iterator[Any]:
        try:
            for number in itertools.count() if self._stop is None else range(self._stop):
                self.read += 1
                yield self._make(number)
        finally:
            self.closed = True


def feeders() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "procession-feeder"]


@pytest.mark.short
@pytest.mark.parametrize("name", LAZY)
def test_endless_input_is_read_a_few_batches_ahead(pool: Pool, name: str) -> None:
    source = Counting()
    iterator = getattr(pool, name)(work.square, source)
    first = [next(iterator) for _ in range(3)]
    assert set(first) <= {n * n for n in range(100)}
    time.sleep(0.1)  # it would read on here
    assert source.read < 300_000  # Pool.imap of multiprocessing: millions
    taken = list(itertools.islice(iterator, 100_000))
    assert len(taken) == 100_000
    time.sleep(0.1)
    assert source.read - 100_000 < 300_000
    iterator.close()


@pytest.mark.parametrize("chunksize", [1, 5])
def test_reader_that_stops_stops_the_reading(pool: Pool, chunksize: int) -> None:
    source = Counting()
    iterator = pool.imap(work.square, source, chunksize)
    assert next(iterator) == 0
    time.sleep(0.2)
    before = source.read
    assert before <= 8 * 2 * chunksize + 2
    time.sleep(0.1)
    assert source.read == before
    assert next(iterator) == 1
    iterator.close()


def test_long_items_are_read_only_as_they_are_needed(pool: Pool) -> None:
    source = Counting(lambda number: 0.03)
    iterator = pool.imap(work.pause, source)
    for _ in range(6):
        next(iterator)
    assert source.read <= 6 + 10
    iterator.close()


def test_slow_first_item_does_not_let_the_others_run_away(pool: Pool, tmp_path: Path) -> None:
    source = Counting(lambda number: number or tmp_path / "gate")
    iterator = pool.imap(work.wait_if_path, source)
    time.sleep(0.3)
    assert source.read < 300_000
    (tmp_path / "gate").touch()
    assert list(itertools.islice(iterator, 4)) == ["gate", 1, 2, 3]
    iterator.close()


@pytest.mark.parametrize(
    "function, items",
    [
        (work.same, lambda: (bytes(20_000) for _ in itertools.count())),
        (len, lambda: (bytes(20_000) for _ in itertools.count())),
        (bytes, lambda: itertools.repeat(20_000)),
        (work.same, lambda: (numpy.zeros(2_500) for _ in itertools.count())),
    ],
    ids=["both ways", "large inputs", "large results", "arrays"],
)
def test_memory_of_an_endless_stream_is_bounded(pool: Pool, function: Callable[[Any], Any], items: Any) -> None:
    process = psutil.Process()
    pool.map(function, [3] * 2000 if function is bytes else [b""] * 2000)  # quick and small: told nothing of what comes
    before = process.memory_info().rss
    iterator = pool.imap(function, items())
    most = 0
    for _ in range(6):
        time.sleep(0.05)  # a reader that stops
        for _ in range(300):
            next(iterator)
        most = max(most, process.memory_info().rss)
    assert most - before < 80_000_000
    iterator.close()


@pytest.mark.short
@pytest.mark.parametrize("name", LAZY)
def test_item_of_a_slow_input_is_run_as_it_comes(pool: Pool, name: str) -> None:
    source: queue.Queue[int | None] = queue.Queue()
    iterator = getattr(pool, name)(work.square, iter(source.get, None))
    for number in range(20):
        source.put(number)
        assert iterator.next(timeout=20) == number * number
    source.put(None)
    assert list(iterator) == []


@pytest.mark.parametrize("count", [1, 2, 7, 50, 3000])
def test_burst_before_a_long_pause_is_run_whole(pool: Pool, count: int) -> None:
    gate = threading.Event()

    def source() -> Iterator[int]:
        yield from range(count)
        gate.wait(50)
        yield count

    iterator = pool.imap_unordered(work.square, source())
    assert sorted(iterator.next(timeout=20) for _ in range(count)) == [n * n for n in range(count)]
    gate.set()
    assert list(iterator) == [count * count]


def test_chunk_that_the_caller_chose_waits_until_it_is_full(pool: Pool) -> None:
    source: queue.Queue[int | None] = queue.Queue()
    iterator = pool.imap(work.square, iter(source.get, None), 3)
    for number in (1, 2):
        source.put(number)
    with pytest.raises(TimeoutError):
        iterator.next(timeout=0.1)
    source.put(3)
    assert [iterator.next(timeout=20) for _ in range(3)] == [1, 4, 9]
    source.put(4)
    source.put(None)
    assert list(iterator) == [16]


@pytest.mark.parametrize("name", LAZY)
@pytest.mark.parametrize("chunksize", [None, 1, 4])
@pytest.mark.parametrize("position", [0, 1, 3, 4, 7, 8, 1000])
def test_error_of_the_input_comes_after_the_items_before_it(
    pool: Pool, name: str, chunksize: int | None, position: int
) -> None:
    def source() -> Iterator[int]:
        yield from range(position)
        raise LookupError("input")

    iterator = getattr(pool, name)(work.square, source(), chunksize)
    seen = []
    with pytest.raises(LookupError, match="input"):
        for value in iterator:
            seen.append(value)
    assert sorted(seen) == [n * n for n in range(position - position % (chunksize or 1))]
    assert list(iterator) == []  # told once, then it is at its end
    with pytest.raises(LookupError, match="input"):
        pool.map(work.square, source(), chunksize)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError])
def test_input_may_raise_anything(pool: Pool, error: type[BaseException]) -> None:
    def source() -> Iterator[int]:
        yield 2
        raise error

    iterator = pool.imap(work.square, source())
    assert next(iterator) == 4
    with pytest.raises(error):
        next(iterator)
    assert pool.apply(work.square, (3,)) == 9


def test_what_is_no_iterable_is_refused(pool: Pool) -> None:
    for call in (pool.map, pool.map_async, pool.imap, pool.imap_unordered, pool.starmap):
        with pytest.raises(TypeError, match="not iterable"):
            call(work.square, 5)  # type: ignore[operator]


# Ends.


@pytest.mark.parametrize("name", LAZY)
def test_forgotten_iterator_ends_its_call(pool: Pool, name: str) -> None:
    source = Counting()
    iterator = getattr(pool, name)(work.square, source)
    next(iterator)
    assert feeders()
    del iterator
    gc.collect()
    wait_until(lambda: not feeders())
    assert source.closed
    assert not [call for call in pool._engine._loop.calls.values() if call is not pool._engine._singles]
    assert pool.map(work.square, range(10)) == [n * n for n in range(10)]


def test_closed_pool_still_works_off_what_was_submitted(pool: Pool) -> None:
    iterator = pool.imap(work.square, iter(range(5000)))
    result = pool.map_async(work.square, range(5000))
    pool.close()
    assert list(iterator) == result.get(30) == [n * n for n in range(5000)]
    pool.join()


def test_closed_pool_goes_on_reading_an_endless_input(pool: Pool) -> None:
    iterator = pool.imap(work.square, itertools.count())
    pool.close()
    assert list(itertools.islice(iterator, 1000)) == [n * n for n in range(1000)]
    iterator.close()
    pool.join()
    assert not feeders()


def test_terminated_pool_ends_an_endless_stream(pool: Pool) -> None:
    source = Counting()
    iterator = pool.imap(work.square, source)
    next(iterator)
    pool.terminate()
    with pytest.raises(PoolTerminated):
        for _ in iterator:
            pass
    wait_until(lambda: source.closed and not feeders())


def test_terminate_does_not_wait_for_an_input_that_gives_nothing(pool: Pool) -> None:
    gate = threading.Event()
    iterator = pool.imap(work.square, (gate.wait(50) for _ in range(3)))
    begun = time.monotonic()
    pool.terminate()
    assert time.monotonic() - begun < 5
    with pytest.raises(PoolTerminated):
        next(iterator)
    gate.set()


# Together.


def test_two_lazy_calls_go_side_by_side(pool: Pool) -> None:
    first, second = pool.imap(work.square, itertools.count()), pool.imap_unordered(work.same, itertools.count())
    for number in range(3000):
        assert next(first) == number * number
        assert next(second) >= 0
    first.close()
    second.close()


def test_output_of_one_call_may_be_the_input_of_another(pool: Pool) -> None:
    once = pool.imap(work.square, iter(range(300)))
    twice = pool.imap(work.square, once)
    assert list(pool.imap(work.same, twice)) == [n**4 for n in range(300)]


def test_input_may_use_the_pool_itself() -> None:
    with Pool(1) as pool:

        def source() -> Iterator[int]:
            for number in range(30):
                yield pool.apply(work.square, (number,))
            yield sum(pool.map(work.square, range(4)))

        assert list(pool.imap(work.square, source())) == [*(n**4 for n in range(30)), 196]
