"""Coroutine functions as tasks: one event loop in each worker, from its first coroutine to its end."""

from __future__ import annotations

import asyncio
import functools
import os
from pathlib import Path

import pytest

from procession import Pool, RemoteError, WorkerDied, aio
from procession.worker.coroutines import is_coroutine_function
from tests.aio import functions as work
from tests.aio.conftest import Run
from tests.helpers.wait import wait_until

pytestmark = pytest.mark.limit(60)


@pytest.mark.short
def test_coroutine_functions_are_tasks(run: Run) -> None:
    async def main() -> None:
        async with aio.Pool(2) as pool:
            assert await pool.apply(work.double, 3) == 6
            assert await pool.map(work.double, range(100)) == [2 * n for n in range(100)]
            assert await pool.map(work.Adder(1), [1, 2]) == [2, 3]
            assert await pool.map(work.Adder(1).add, [1, 2]) == [2, 3]
            assert await pool.map(functools.partial(work.Adder.add, work.Adder(2)), [1]) == [3]
            assert [each async for each in pool.stream(work.double, work.numbers(5))] == [0, 2, 4, 6, 8]
            with pytest.raises(ValueError, match="3"):
                await pool.apply(work.fail_later, 3)
            assert await pool.apply(work.double, 4) == 8

    run(main())


def test_loop_of_a_worker_persists_between_items() -> None:
    with Pool(1) as pool:
        places = [
            *pool.map(work.place, range(50)),
            *pool.map(work.place, range(3), chunksize=1),
            pool.apply(work.place),
        ]
    assert len({(pid, loop) for pid, loop, _ in places}) == 1
    served = [number for _, _, number in places]
    assert served == list(range(served[0], served[0] + 54))


def test_what_is_left_on_the_loop_is_cancelled_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "cancelled"
    with Pool(1) as pool:
        pool.apply(work.leave_something, (path,))
        assert pool.apply(work.double, (3,)) == 6
        assert not path.exists()
        pool.close()
        pool.join()
    assert path.exists()


def test_recycled_worker_closes_its_loop(tmp_path: Path) -> None:
    with Pool(1, maxtasksperchild=1) as pool:
        pool.apply(work.leave_something, (tmp_path / "cancelled",))
        wait_until((tmp_path / "cancelled").exists)


def test_item_that_cancels_itself_does_not_cancel_its_reader(run: Run) -> None:
    async def main() -> None:
        async with aio.Pool(1) as pool:
            with pytest.raises(RemoteError, match="CancelledError"):
                await pool.apply(work.cancel_itself)
            assert await pool.apply(work.double, 1) == 2

    run(main())


def test_worker_that_dies_in_a_coroutine_costs_that_item(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.Pool(1) as pool:
            task = asyncio.create_task(pool.apply(work.wait_on_a_loop, tmp_path))
            await work.until(lambda: (tmp_path / "begun").exists() and (tmp_path / "begun").read_text())
            os.kill(int((tmp_path / "begun").read_text()), 9)
            with pytest.raises(WorkerDied):
                await task
            assert await pool.apply(work.double, 2) == 4

    run(main())


def test_what_is_a_coroutine_function() -> None:
    partial = functools.partial
    yes = [work.double, work.Adder(1), work.Adder(1).add, partial(work.double), partial(partial(work.Adder(1).add))]
    no = [work.square, len, work.Adder, work.numbers, partial(work.square), str.upper, None, 3]
    assert [is_coroutine_function(each) for each in yes] == [True] * len(yes)
    assert [is_coroutine_function(each) for each in no] == [False] * len(no)
