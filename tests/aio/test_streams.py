"""`async for` over results: order, how far inputs are read, and how a stream ends."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from procession import PoolTerminated, aio
from tests.aio import functions as work
from tests.aio.conftest import Run

pytestmark = pytest.mark.limit(60)

INPUTS = ("plain", "asynchronous")
READ_AHEAD = 300_000  # items of next to no work; without bounds it would be millions


async def take(stream: AsyncIterator[Any], count: int) -> list[Any]:
    return [await anext(stream) for _ in range(count)]


@pytest.mark.short
def test_results_come_in_order_from_any_input(run: Run) -> None:
    async def main() -> None:
        squares = [n * n for n in range(500)]
        async with aio.Pool(2) as pool:
            for items in (range(500), list(range(500)), iter(range(500)), work.numbers(500)):
                assert [each async for each in pool.stream(work.square, items)] == squares
            for items in (range(500), iter(range(500)), work.numbers(500)):
                stream = pool.stream(work.square, items, ordered=False, chunksize=7)
                assert sorted([each async for each in stream]) == squares
            outcomes = [each async for each in pool.stream(work.square, work.numbers(5), outcomes=True)]
            assert [(each.index, each.item, each.value) for each in outcomes] == [(n, n, n * n) for n in range(5)]
            assert [each async for each in pool.stream(work.square, [])] == []
            assert [each async for each in pool.stream(work.square, work.numbers(0))] == []

    run(main())


def test_failed_item_raises_at_its_place(run: Run) -> None:
    async def main() -> None:
        async with aio.Pool(2) as pool:
            stream = pool.stream(work.fail_if_odd, work.numbers(6))
            seen: list[Any] = []
            while len(seen) < 6:
                try:
                    seen.append(await anext(stream))
                except ValueError as error:
                    seen.append(str(error))
            assert seen == [0, "1", 2, "3", 4, "5"]
            with pytest.raises(StopAsyncIteration):
                await anext(stream)
            with pytest.raises(StopAsyncIteration):
                await anext(stream)
            outcomes = [each async for each in pool.stream(work.die_at_three, range(6), outcomes=True)]
            assert [each.ok for each in outcomes] == [True, True, True, False, True, True]

    run(main())


@pytest.mark.parametrize("how", INPUTS)
def test_endless_input_is_read_as_far_as_its_reader_needs(run: Run, how: str) -> None:
    async def main() -> None:
        source = work.Source()
        async with aio.Pool(2) as pool:
            stream = pool.stream(work.square, getattr(source, how)())
            assert await take(stream, 3) == [0, 1, 4]
            assert source.read < READ_AHEAD
            await take(stream, 60_000)
            assert source.read < 60_000 + READ_AHEAD

    run(main())


@pytest.mark.parametrize("how", INPUTS)
def test_reader_that_stops_stops_the_reading(run: Run, how: str) -> None:
    async def main() -> None:
        source = work.Source()
        async with aio.Pool(2) as pool:
            stream = pool.stream(work.square, getattr(source, how)(), chunksize=1)
            assert await anext(stream) == 0
            before = -1
            while source.read != before:  # it reads on for a moment
                before = source.read
                await asyncio.sleep(0.1)
            assert before <= 8 * 2 + 2
            assert await anext(stream) == 1

    run(main())


@pytest.mark.parametrize("how", INPUTS)
def test_memory_of_an_endless_stream_is_bounded(run: Run, how: str) -> None:
    async def main() -> None:
        process = psutil.Process()
        source = work.Source(lambda number: bytes(20_000))
        async with aio.Pool(2) as pool:
            await pool.map(len, [b""] * 2000)
            before = process.memory_info().rss
            most = 0
            stream = pool.stream(work.big, getattr(source, how)())
            for _ in range(6):
                await asyncio.sleep(0.05)  # a reader that stops
                await take(stream, 300)
                most = max(most, process.memory_info().rss)
            assert most - before < 80_000_000

    run(main())


def test_each_input_is_read_where_it_is_promised(run: Run) -> None:
    async def main() -> None:
        async with aio.Pool(1) as pool:
            source = work.Source()
            await take(pool.stream(work.square, source.asynchronous()), 1000)
            assert source.threads == {threading.get_ident()}
            source = work.Source()
            await take(pool.stream(work.square, source.plain()), 1000)
            assert threading.get_ident() not in source.threads
            before = threading.active_count()
            stream = pool.stream(work.square, range(10**9))
            for number in range(100):
                assert await anext(stream) == number * number
                assert threading.active_count() <= before

    run(main())


def test_slow_plain_input_does_not_block_the_loop(run: Run) -> None:
    async def main() -> None:
        async with aio.Pool(1) as pool:
            stream = pool.stream(work.square, work.gated_numbers(4))
            assert [each async for each in stream] == [0, 1, 4, 9]

    run(main())


@pytest.mark.parametrize("how", INPUTS)
def test_source_and_reader_that_never_wait_let_other_tasks_run(run: Run, how: str) -> None:
    async def main() -> None:
        source = work.Source()
        async with aio.Pool(1) as pool, work.Ticks() as ticks:
            stream = pool.stream(work.square, getattr(source, how)())
            count = 0
            async for _ in stream:
                count += 1
                if count == 100_000:
                    break
            assert ticks.count > 5

    run(main())


def test_error_of_the_input_comes_behind_what_was_read(run: Run) -> None:
    class Broken(Exception):
        pass

    async def broken() -> AsyncIterator[int]:
        for number in range(10):
            yield number
        raise Broken

    async def main() -> None:
        async with aio.Pool(2) as pool:
            stream = pool.stream(work.square, broken())
            assert await take(stream, 10) == [n * n for n in range(10)]
            with pytest.raises(Broken):
                await anext(stream)
            with pytest.raises(StopAsyncIteration):
                await anext(stream)
            with pytest.raises(Broken):
                await pool.map(work.square, broken())
            with pytest.raises(TypeError):
                pool.stream(work.square, 3)  # type: ignore[call-overload]
            with pytest.raises(TypeError, match="pickle"):
                await anext(pool.stream(threading.Lock().acquire, [1]))

    run(main())


@pytest.mark.parametrize("how", INPUTS)
def test_stream_that_is_left_ends(run: Run, how: str) -> None:
    async def main() -> None:
        async with aio.Pool(2) as pool:
            source = work.Source()
            async for each in pool.stream(work.square, getattr(source, how)()):
                if each > 100:
                    break
            await work.until(lambda: source.closed, "a forgotten stream")
            source = work.Source()
            async with pool.stream(work.square, getattr(source, how)()) as stream:
                await take(stream, 10)
            await work.until(lambda: source.closed, "the end of its `async with`")
            while True:
                try:
                    await anext(stream)  # what was there already
                except StopAsyncIteration:
                    break
            assert await pool.apply(work.square, 3) == 9

    run(main())


@pytest.mark.parametrize("how", INPUTS)
def test_pool_ends_with_a_stream_half_read(run: Run, how: str) -> None:
    async def main() -> None:
        source = work.Source()
        async with aio.Pool(2) as pool:
            stream = pool.stream(work.square, getattr(source, how)())
            assert await anext(stream) == 0
        with pytest.raises(PoolTerminated, match="async with"):
            while True:
                await anext(stream)
        await work.until(lambda: source.closed)

    run(main())


def test_source_that_waits_for_ever_is_cancelled_with_its_stream(run: Run) -> None:
    ended: list[str] = []

    async def silent() -> AsyncIterator[int]:
        yield 1
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async def main() -> None:
        async with aio.Pool(1) as pool:
            stream = pool.stream(work.square, silent())
            assert await anext(stream) == 1
        assert ended == ["cancelled"]
        assert len(asyncio.all_tasks()) == 1

    run(main())


def test_slow_source_is_worked_on_item_by_item(run: Run) -> None:
    """What is there is worked on, though the next item does not come."""

    async def main() -> None:
        queue: asyncio.Queue[int] = asyncio.Queue()

        async def drain() -> AsyncIterator[int]:
            while True:
                yield await queue.get()

        async with aio.Pool(2) as pool:
            stream = pool.stream(work.square, drain())
            for number in range(50):
                queue.put_nowait(number)
                assert await anext(stream) == number * number

    run(main())


def test_tasks_share_a_stream(run: Run) -> None:
    async def main() -> None:
        seen: list[int] = []

        async def reader(stream: AsyncIterator[int]) -> None:
            async for each in stream:
                seen.append(each)

        async with aio.Pool(2) as pool:
            stream = pool.stream(work.square, work.numbers(2000))
            others = [asyncio.create_task(reader(stream)) for _ in range(4)]
            await asyncio.sleep(0)
            others[0].cancel()  # the others read on
            await asyncio.gather(*others[1:])
        assert sorted(seen) == [n * n for n in range(2000)]

    run(main())


def test_many_streams_at_once(run: Run) -> None:
    async def main() -> None:
        async def one(pool: aio.Pool, first: int) -> int:
            items = range(first, first + 300) if first % 2 else work.numbers(300)
            return sum([each async for each in pool.stream(work.square, items, ordered=bool(first % 3))])

        async with aio.Pool(2) as pool:
            sums = await asyncio.gather(*(one(pool, first) for first in range(20)))
        assert sums[0] == sum(n * n for n in range(300))
        assert sums[1] == sum(n * n for n in range(1, 301))

    run(main())


def test_reader_that_is_behind_gets_what_a_file_gates(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.Pool(2) as pool:
            stream = pool.stream(work.wait_in, itertools.chain([tmp_path]), ordered=True)
            reading = asyncio.create_task(anext(stream))  # type: ignore[arg-type]
            await work.until((tmp_path / "begun").exists)
            assert not reading.done()
            (tmp_path / "gate").touch()
            assert await reading

    run(main())
