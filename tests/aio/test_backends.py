"""Awaited calls on workers that are threads, or nowhere: the same promises, but that a running item cannot be ended."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path

import pytest

from procession import Pool, aio
from tests.aio import functions as work
from tests.aio.conftest import Run

pytestmark = [pytest.mark.limit(60), pytest.mark.parametrize("backend", ["threads", "serial"])]


@pytest.mark.short
def test_calls_and_streams(run: Run, backend: str) -> None:
    async def main() -> None:
        squares = [n * n for n in range(300)]
        async with aio.Pool(2, backend=backend) as pool:
            assert await pool.apply(work.square, 3) == 9
            assert await asyncio.gather(*(pool.apply(work.square, n) for n in range(300))) == squares
            assert await pool.map(work.square, range(300)) == squares
            for items in (range(300), iter(range(300)), work.numbers(300)):
                assert [each async for each in pool.stream(work.square, items)] == squares
            with pytest.raises(ValueError, match="1"):
                await pool.map(work.fail_if_odd, range(3))
            source = work.Source()
            stream = pool.stream(work.square, source.asynchronous())
            assert [await anext(stream) for _ in range(1000)] == [n * n for n in range(1000)]
            assert await pool.apply(os.getpid) == os.getpid()
        await work.until(lambda: source.closed)

    run(main())


def test_coroutine_functions(run: Run, backend: str) -> None:
    async def main() -> None:
        async with aio.Pool(1, backend=backend) as pool:
            places = [await pool.apply(work.place), *await pool.map(work.place, range(3))]
            assert len({loop for _, loop, _ in places}) == 1
            assert places[0][1] != id(asyncio.get_running_loop())
            assert [each async for each in pool.stream(work.double, work.numbers(5))] == [0, 2, 4, 6, 8]
            with pytest.raises(ValueError, match="3"):
                await pool.apply(work.fail_later, 3)

    run(main())


def test_what_is_left_on_the_loop_is_cancelled_at_the_end(backend: str, tmp_path: Path) -> None:
    with Pool(1, backend=backend) as pool:
        pool.apply(work.leave_something, (tmp_path / "cancelled",))
        assert pool.apply(work.double, (3,)) == 6
        pool.close()
        pool.join()
    assert (tmp_path / "cancelled").exists()


def test_cancelled_item_that_waits_never_runs(run: Run, backend: str) -> None:
    async def main() -> None:
        ran: list[int] = []
        gate = threading.Event()
        async with aio.Pool(1, backend=backend, kill_on_cancel=True) as pool:
            if backend == "serial":  # it has run when it could be cancelled
                gate.set()
            first = asyncio.create_task(pool.apply(gate.wait, 20))
            second = asyncio.create_task(pool.apply(ran.append, 1))
            await asyncio.sleep(0.05)
            second.cancel()
            first.cancel()  # nothing can end it
            await asyncio.wait([first, second])
            gate.set()
            assert await pool.apply(work.square, 2) == 4
        assert ran == ([1] if backend == "serial" else [])

    run(main())


def test_serial_items_run_on_the_loop_itself(run: Run, backend: str) -> None:
    async def main() -> None:
        here = threading.get_ident()
        began = time.monotonic()
        async with aio.Pool(1, backend=backend) as pool:
            assert (await pool.apply(threading.get_ident) == here) == (backend == "serial")
        assert time.monotonic() - began < 20

    run(main())
