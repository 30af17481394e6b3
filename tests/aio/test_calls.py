"""Awaited calls: `apply`, `map`, `starmap`; what they give, what they raise, and what they cost the loop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from pathlib import Path
from typing import Any

import pytest

import procession
from procession import MaybeEncodingError, PoolTerminated, RemoteTraceback, WorkerDied, aio
from procession.aio_results import Mail
from tests.aio import functions as work
from tests.aio.conftest import Run

pytestmark = pytest.mark.limit(60)


@pytest.mark.short
def test_calls_are_awaited(run: Run) -> None:
    async def main() -> None:
        async with aio.Pool(2) as pool:
            assert await pool.apply(work.square, 3) == 9
            assert await pool.apply(int, "20", base=16) == 32
            assert await pool.apply(lambda text: text.upper(), "a") == "A"
            assert await pool.map(work.square, [1, 2, 3]) == [1, 4, 9]
            assert await pool.map(work.square, range(100), chunksize=7) == [n * n for n in range(100)]
            assert await pool.starmap(pow, [(2, 3), (3, 2)]) == [8, 9]

    run(main())


@pytest.mark.parametrize(
    "items", [lambda: "abc", lambda: dict.fromkeys("abc"), lambda: iter("abc"), lambda: ("a", "b", "c")]
)
def test_map_takes_any_iterable(run: Run, items: Any) -> None:
    async def main() -> None:
        async with aio.Pool(2) as pool:
            assert await pool.map(str.upper, items()) == ["A", "B", "C"]
            assert [text async for text in pool.stream(str.upper, items())] == ["A", "B", "C"]
            assert await pool.map(work.square, work.numbers(50)) == [n * n for n in range(50)]
            assert await pool.map(work.square, []) == []

    run(main())


def test_keyword_arguments_are_the_same_for_all_items(run: Run) -> None:
    async def main() -> None:
        async with aio.Pool(2) as pool:
            assert await pool.map(int, ["11", "12"], kwargs={"base": 3}) == [4, 5]
            assert await pool.starmap(dict, [([("a", 1)],), ([("b", 2)],)], kwargs={"c": 3}) == [
                {"a": 1, "c": 3},
                {"b": 2, "c": 3},
            ]
            outcomes = pool.stream(int, ["11", "12"], kwargs={"base": 3}, outcomes=True)
            assert [(each.item, each.value) async for each in outcomes] == [("11", 4), ("12", 5)]

    run(main())


def test_map_reads_a_slow_input_without_blocking_the_loop(run: Run) -> None:
    async def main() -> None:
        async with aio.Pool(1) as pool:
            assert await pool.map(work.square, work.gated_numbers(5)) == [0, 1, 4, 9, 16]

    run(main())


def test_cancelled_map_reads_no_further(run: Run) -> None:
    async def main() -> None:
        source = work.Source()
        async with aio.Pool(1) as pool:
            task = asyncio.create_task(pool.map(work.square, source.plain()))
            await work.until(lambda: source.read > 100)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            del task  # its traceback keeps the input
            await work.until(lambda: source.closed)

    run(main())


def test_errors_are_those_of_pool(run: Run) -> None:
    async def main() -> None:
        async with aio.Pool(2) as pool:
            with pytest.raises(ValueError, match="1") as caught:
                await pool.apply(work.fail_if_odd, 1)
            assert isinstance(caught.value.__cause__, RemoteTraceback)
            with pytest.raises(ValueError, match="1") as caught:
                await pool.map(work.fail_if_odd, [0, 1, 2, 3])
            assert caught.value.__notes__ == ["item 1 (1)"]
            failure = procession.failure(caught.value)
            assert failure is not None and [each.ok for each in failure.outcomes] == [True, False, True, False]
            outcomes = await pool.map(work.fail_if_odd, [0, 1], outcomes=True)
            assert [each.ok for each in outcomes] == [True, False]
            with pytest.raises(WorkerDied):
                await pool.apply(work.die_at_three, 3)
            outcomes = await pool.starmap(work.die_at_three, [(n,) for n in range(6)], outcomes=True)
            assert [each.index for each in outcomes if not each.ok] == [3]
            with pytest.raises(procession.RemoteError):
                await pool.apply(work.stop_iteration, 0)
            with pytest.raises(MaybeEncodingError):
                await pool.apply(threading.Lock)
            for call in (pool.apply(work.square, threading.Lock()), pool.map(threading.Lock().acquire, [1])):  # type: ignore[arg-type]
                with pytest.raises(TypeError, match="pickle"):
                    await call
            with pytest.raises(ValueError, match="chunksize"):
                await pool.map(work.square, [1], 0)
            assert await pool.apply(work.square, 4) == 16

    run(main())


def test_burst_needs_no_threads_and_few_wake_ups(run: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with aio.Pool(2) as pool:
            assert await pool.apply(work.square, 1) == 1
            threads = threading.active_count()
            most = 0

            async def one(number: int) -> int:
                nonlocal most
                result = await pool.apply(work.square, number)
                most = max(most, threading.active_count())
                return result

            rings = 0
            ring = Mail._ring

            def counted(mail: Mail) -> None:
                nonlocal rings
                rings += 1
                ring(mail)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Mail, "_ring", counted)
                assert await asyncio.gather(*map(one, range(3000))) == [n * n for n in range(3000)]
            assert most == threads
            assert rings < 1500
            assert not loop.is_closed()

    run(main())


def test_closed_pool_takes_no_calls(run: Run) -> None:
    async def main() -> None:
        async with aio.Pool(1) as pool:
            pass
        for call in (pool.apply(work.square, 1), pool.map(work.square, [1]), pool.starmap(pow, [(1, 1)])):
            with pytest.raises(ValueError, match="not running"):
                await call
        with pytest.raises(ValueError, match="not running"):
            pool.stream(work.square, [1])
        with pytest.raises(ValueError, match="not running"):
            async with pool:
                pass
        with pytest.raises(ValueError, match="processes"):
            aio.Pool(0)

    run(main())


def test_close_and_join_by_hand(run: Run) -> None:
    async def main() -> None:
        pool = aio.Pool(1)
        assert "state=RUN pool_size=1" in repr(pool) and pool.size == 1
        with pytest.raises(ValueError, match="still running"):
            await pool.join()
        waiting = asyncio.create_task(pool.apply(work.square, 5))
        await asyncio.sleep(0)
        pool.close()
        await pool.join()
        await pool.join()
        assert await waiting == 25

    run(main())


def test_terminate_ends_what_is_awaited(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        pool = aio.Pool(1)
        waiting = [asyncio.create_task(pool.apply(work.wait_in, tmp_path)) for _ in range(3)]
        await work.until((tmp_path / "begun").exists)
        pool.terminate()
        for ended in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(ended, PoolTerminated)
        await pool.join()

    run(main())


def test_pools_and_loops_mix(run: Run) -> None:
    async def main() -> int:
        async with aio.Pool(1) as first, aio.Pool(1) as second:
            results = await asyncio.gather(*(pool.apply(work.square, 2) for pool in (first, second) for _ in range(20)))
            return sum(results)

    assert run(main()) == 160
    assert run(main()) == 160


def test_one_pool_serves_several_loops(run: Run) -> None:
    pool = aio.Pool(2)
    results: list[int] = []

    async def work_there() -> None:
        results.extend(await asyncio.gather(*(pool.apply(work.square, number) for number in range(200))))
        results.append(len([each async for each in pool.stream(work.square, work.numbers(200))]))

    async def end() -> None:
        async with pool:
            await work_there()

    threads = [threading.Thread(target=run, args=(work_there(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run(end())
    assert len(results) == 4 * 201


def test_loop_that_ended_is_not_missed(run: Run, tmp_path: Path) -> None:
    """An outcome for a loop that is closed already ends nothing."""
    pool = aio.Pool(1)

    async def leave() -> None:
        task = asyncio.create_task(pool.apply(work.wait_in, tmp_path))
        await work.until((tmp_path / "begun").exists)
        task.cancel()

    async def go_on() -> None:
        async with pool:
            (tmp_path / "gate").touch()
            assert await pool.apply(work.square, 3) == 9

    run(leave())
    run(go_on())


def test_progress_and_other_options_are_passed_on(run: Run) -> None:
    seen: list[tuple[int, int, int | None]] = []

    async def main() -> None:
        async with aio.Pool(1, progress=lambda *counts: seen.append(counts), context="nursery") as pool:
            await pool.map(work.square, range(10))
            assert [each async for each in pool.stream(work.square, work.numbers(7))][-1] == 36

    run(main())
    assert (10, 0, 10) in seen
    assert seen[-1][:2] == (7, 0)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_every_start_method_works_inside_a_loop(run: Run, method: str) -> None:
    async def main() -> None:
        async with aio.Pool(1, context=method) as pool:
            assert await pool.apply(work.square, 3) == 9
            assert await pool.apply(work.double, 3) == 6

    run(main())


def test_calls_leave_no_work_for_the_garbage_collector(run: Run) -> None:
    async def main() -> None:
        async with aio.Pool(1) as pool:
            await pool.apply(work.square, 1)
            gc.collect()
            gc.disable()
            try:
                for _ in range(20):
                    with contextlib.suppress(ValueError):
                        await pool.apply(work.fail_if_odd, 1)
                    with contextlib.suppress(ValueError):
                        await anext(pool.stream(work.fail_if_odd, [1, 2]))
                    task = asyncio.create_task(pool.apply(work.square, 1))
                    await asyncio.sleep(0)
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task
                    del task
                    assert [each async for each in pool.stream(work.square, work.numbers(3))] == [0, 1, 4]
                assert gc.collect() < 100
            finally:
                gc.enable()

    run(main())
