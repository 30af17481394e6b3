"""Thousands of single items at once, also while the pool ends: each has its outcome, or was refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

import pytest

import procession
from tests.helpers.wait import wait_until

THREADS = 4


def identity(value: int) -> int:
    return value


@pytest.mark.short
def test_a_burst_of_calls_has_an_outcome_each_in_order() -> None:
    with procession.Pool(2) as pool:
        results = [pool.apply_async(identity, (number,)) for number in range(5000)]
        futures = [pool.submit(identity, number) for number in range(5000)]
        assert [result.get(30) for result in results] == list(range(5000))
        assert [future.result(30) for future in futures] == list(range(5000))


def test_single_items_begin_in_the_order_in_which_they_were_handed_over() -> None:
    ended: list[int] = []
    with procession.Pool(1) as pool:
        futures = [pool.submit(identity, number) for number in range(2000)]
        for number, future in enumerate(futures):
            future.add_done_callback(lambda _, number=number: ended.append(number))
        pool.apply(identity, (0,))  # it comes behind all of them
        assert ended == list(range(2000))


def test_an_item_that_waits_for_company_is_not_left_waiting() -> None:
    # Short items that find no idle worker are told to nobody until the next outcome; none may be forgotten there.
    with procession.Pool(2) as pool:
        for pause in (0.0, 0.00002, 0.0001, 0.001):
            for _ in range(300):
                futures = [pool.submit(identity, number) for number in range(3)]
                time.sleep(pause)  # so that the outcome of the first meets the hand-over of another
                futures.append(pool.submit(identity, 3))
                assert [future.result(30) for future in futures] == [0, 1, 2, 3]


def race_with(end: Callable[[procession.Pool], None]) -> list[Future[int]]:
    """Let threads submit until they are refused, and end the pool meanwhile; give the futures."""
    pool = procession.Pool(2)
    taken: list[Future[int]] = []

    def submit_on_and_on() -> None:
        with pytest.raises(ValueError):
            while True:
                taken.append(pool.submit(identity, 1))

    threads = [threading.Thread(target=submit_on_and_on) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(taken) > 200, message="calls come in")
    end(pool)
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    pool.join()
    return taken


@pytest.mark.parametrize("end", [procession.Pool.close, procession.Pool.terminate])
def test_each_call_that_races_with_the_end_is_served_ended_or_refused(end: Callable[[procession.Pool], None]) -> None:
    for _ in range(15):
        for future in race_with(end):
            error = future.exception(timeout=30)
            assert error is None or end is procession.Pool.terminate and isinstance(error, procession.PoolTerminated)


def test_a_burst_survives_deaths() -> None:
    with procession.Pool(2) as pool:
        pool.apply(identity, (0,))
        futures = [pool.submit(identity, number) for number in range(20_000)]
        for _ in range(5):
            pool._pool[0].kill()
        ended = [future.exception(timeout=30) for future in futures]
        died = [error for error in ended if error is not None]
        assert len(died) <= 5
        assert all(isinstance(error, procession.WorkerDied) for error in died)
