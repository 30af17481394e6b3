"""AsyncResult, its callbacks, and the iterators: what may be asked when, and who is told in which order."""

from __future__ import annotations

import multiprocessing
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import procession
from procession import Pool, PoolTerminated
from tests.helpers.wait import wait_until
from tests.pool import functions as work

pytestmark = pytest.mark.limit(30)


def test_result_is_ready_when_it_has_ended_and_not_before(pool: Pool, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    result = pool.apply_async(work.wait_for_file, (gate,))
    assert not result.ready()
    with pytest.raises(ValueError, match="not ready"):
        result.successful()
    result.wait(0.01)
    assert not result.ready()
    gate.touch()
    result.wait()
    assert result.ready() and result.successful() and result.get() == result.get(0) == "gate"


def test_failed_result_is_not_successful(pool: Pool) -> None:
    for result in (pool.apply_async(work.fail, (1,)), pool.map_async(work.fail, [1, 2])):
        result.wait(30)
        assert result.ready() and not result.successful()
        for _ in range(2):
            with pytest.raises(ValueError):
                result.get()


@pytest.mark.short
def test_time_out_is_multiprocessing_s_and_python_s_and_ends_nothing(pool: Pool, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    assert procession.TimeoutError is multiprocessing.TimeoutError
    single = pool.apply_async(work.wait_for_file, (gate,))
    many = pool.map_async(work.wait_if_path, [gate, 1])
    iterator = pool.imap(work.wait_if_path, [gate, 2])
    begun = time.monotonic()
    for attempt in (
        lambda: single.get(0.05),
        lambda: many.get(0.05),
        lambda: iterator.next(0.05),
        lambda: single.get(0),
    ):
        for kind in (multiprocessing.TimeoutError, TimeoutError, procession.TimeoutError):
            with pytest.raises(kind):
                attempt()
    assert 0.4 < time.monotonic() - begun < 5
    gate.touch()
    assert single.get(30) == "gate" and many.get(30) == ["gate", 1] and list(iterator) == ["gate", 2]


def test_result_may_be_awaited_by_many_threads(pool: Pool, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    result = pool.apply_async(work.wait_for_file, (gate,))
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(result.get(30))) for _ in range(6)]
    for thread in threads:
        thread.start()
    result.wait(0.02)
    gate.touch()
    for thread in threads:
        thread.join()
    assert got == ["gate"] * 6


def test_result_that_is_asked_again_and_again_does_not_grow(pool: Pool, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    result = pool.map_async(work.wait_for_file, [gate])
    for _ in range(50):
        result.wait(0.0001)
    assert len(result._waiters) < 3
    gate.touch()
    assert result.get(30) == ["gate"]


# Callbacks.


def test_callback_gets_the_value_and_error_callback_the_error_itself(pool: Pool) -> None:
    for submit, good, bad in (
        (pool.apply_async, (work.square, (3,)), (work.fail, (3,))),
        (pool.map_async, (work.square, [3, 4]), (work.fail, [3, 4])),
        (pool.starmap_async, (work.add, [(3, 4)]), (work.fail, [(3,), (4,)])),
    ):
        values: list[Any] = []
        errors: list[Any] = []
        result: Any = submit(*good, callback=values.append, error_callback=errors.append)  # type: ignore[operator]
        assert values == [result.get(30)]
        failed: Any = submit(*bad, callback=values.append, error_callback=errors.append)  # type: ignore[operator]
        with pytest.raises(ValueError) as caught:
            failed.get(30)
        assert len(values) == 1 and errors == [caught.value] and errors[0] is caught.value


def test_callback_has_been_called_when_get_returns(pool: Pool) -> None:
    for number in range(200):
        seen: list[int] = []
        result = pool.apply_async(work.square, (number,), callback=seen.append)
        assert result.get(30) == number * number and seen == [number * number]


def test_callback_that_raises_is_told_and_ends_nothing(pool: Pool, capfd: pytest.CaptureFixture[str]) -> None:
    def refuse(_: Any) -> None:
        raise LookupError("callback")

    def leave(_: Any) -> None:
        sys.exit(3)

    def interrupt(_: Any) -> None:
        raise KeyboardInterrupt

    for callback in (refuse, leave):
        results = [pool.apply_async(work.square, (n,), callback=callback) for n in range(20)]
        assert [result.get(30) for result in results] == [n * n for n in range(20)]
        assert pool.map_async(work.square, [1], callback=callback).get(30) == [1]
    failed = pool.apply_async(work.fail, (1,), error_callback=refuse)
    failed.wait(30)
    assert not failed.successful()
    other = pool.map_async(work.square, [2], callback=interrupt)  # nobody presses a key in the engine's thread
    wait_until(other.ready)
    assert other.get(30) == [4] and pool.map(work.square, [1, 2]) == [1, 4]
    told = capfd.readouterr().err
    assert told.count("LookupError: callback") == 22 and "SystemExit: 3" in told and "KeyboardInterrupt" in told


def test_blocking_call_in_a_callback_is_refused_and_other_calls_are_not(pool: Pool) -> None:
    seen: list[Any] = []

    def ask(value: int) -> None:
        attempts = (
            lambda: pool.apply(work.square, (1,)),
            lambda: pool.map(work.square, [1]),
            lambda: pool.starmap(work.add, [(1,)]),
            lambda: next(pool.imap(work.pause, [0.01])),
            lambda: pool.apply_async(work.pause, (0.01,)).get(),
            lambda: pool.submit(work.pause, 0.01).result(),
            lambda: (pool.close(), pool.join()),
        )
        for attempt in attempts:
            try:
                seen.append(attempt())
            except RuntimeError as error:
                seen.append(type(error))

    inner: list[Any] = []
    assert (
        pool.apply_async(work.square, (3,), callback=lambda v: inner.append(pool.apply_async(work.square, (v,)))).get()
        == 9
    )
    assert inner[0].get(30) == 81
    pool.apply_async(work.square, (2,), callback=ask).get(30)
    assert seen == [RuntimeError] * 7


def test_callback_may_end_the_pool(pool: Pool) -> None:
    result = pool.apply_async(work.square, (2,), callback=lambda _: pool.terminate())
    assert result.get(30) == 4
    pool.join()
    with Pool(2) as other:
        assert other.apply_async(work.square, (2,), callback=lambda _: other.close()).get(30) == 4
        with pytest.raises(ValueError, match="closed"):
            other.apply(work.square, (2,))


def test_callback_of_a_call_that_a_terminate_ends_gets_the_error(tmp_path: Path) -> None:
    errors: list[BaseException] = []
    with Pool(1) as pool:
        results = [
            pool.apply_async(work.wait_for_file, (tmp_path / "never",), error_callback=errors.append) for _ in "ab"
        ]
        results.append(pool.map_async(work.wait_for_file, [tmp_path / "never"], error_callback=errors.append))
    for result in results:
        with pytest.raises(PoolTerminated):
            result.get(30)
    assert [type(error) for error in errors] == [PoolTerminated] * 3


# Iterators.


def test_iterator_raises_in_place_and_goes_on(pool: Pool) -> None:
    for chunksize in (None, 1, 4):
        iterator = pool.imap(work.fail_if_odd, range(9), chunksize)
        seen: list[Any] = []
        while True:
            try:
                seen.append(next(iterator))
            except StopIteration:
                break
            except KeyError as error:
                seen.append(error.args[0] * -1)
        assert seen == [0, -1, 2, -3, 4, -5, 6, -7, 8]


def test_unordered_iterator_gives_every_error_once(pool: Pool) -> None:
    iterator = pool.imap_unordered(work.fail_if_odd, range(2000))
    values, errors = [], []
    while True:
        try:
            values.append(next(iterator))
        except StopIteration:
            break
        except KeyError as error:
            errors.append(error.args[0])
    assert sorted(values) == list(range(0, 2000, 2)) and sorted(errors) == list(range(1, 2000, 2))


def test_iterator_that_has_ended_stays_at_its_end(pool: Pool) -> None:
    iterator = pool.imap(work.square, [2])
    assert iter(iterator) is iterator and next(iterator) == 4
    for _ in range(3):
        with pytest.raises(StopIteration):
            next(iterator)
        with pytest.raises(StopIteration):
            iterator.next(timeout=0.1)


def test_threads_may_share_an_iterator(pool: Pool) -> None:
    iterator = pool.imap(work.square, range(20000))
    parts: list[list[int]] = [[] for _ in range(4)]
    threads = [threading.Thread(target=part.extend, args=(iterator,)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sum(parts, [])) == [n * n for n in range(20000)]


def test_closed_iterator_ends_and_stops_reading(pool: Pool) -> None:
    read = []
    iterator = pool.imap(work.square, (read.append(n) or n for n in iter(int, 1)))  # type: ignore[func-returns-value]
    next(iterator)
    iterator.close()
    list(iterator)
    count = len(read)
    assert pool.map(work.square, range(100)) == [n * n for n in range(100)]
    assert len(read) <= count + 1
