"""Cancelling what awaits: what has not begun never does, what runs goes on or is killed, nobody else is charged."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import psutil
import pytest

from procession import PoolTerminated, aio
from tests.aio import functions as work
from tests.aio.conftest import Run

pytestmark = pytest.mark.limit(60)


async def occupied(
    pool: aio.Pool, folder: Path, *, kill_on_cancel: bool | None = None
) -> tuple[asyncio.Task[int], int]:
    """A task whose item runs until `folder/gate` is made, and the process that runs it."""
    task = asyncio.create_task(pool.apply(work.wait_in, folder, kill_on_cancel=kill_on_cancel))
    await work.until((folder / "begun").exists)
    return task, int((folder / "begun").read_text())


async def cancel(task: asyncio.Task[int]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.short
def test_queued_item_never_runs(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.Pool(1) as pool:
            running, _ = await occupied(pool, tmp_path)
            tasks = [asyncio.create_task(pool.apply(work.mark, tmp_path / f"{n}")) for n in range(40)]
            await asyncio.sleep(0.05)
            for task in tasks[::2]:
                await cancel(task)
            (tmp_path / "gate").touch()
            await running
            await asyncio.gather(*tasks[1::2])
        assert {path.name for path in tmp_path.iterdir() if path.name.isdigit()} == {str(n) for n in range(1, 40, 2)}

    run(main())


def test_item_that_was_sent_ahead_never_runs(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.Pool(1) as pool:
            await asyncio.gather(*(pool.apply(work.square, n) for n in range(1000)))  # short items travel together
            first = asyncio.create_task(pool.apply(work.wait_in, tmp_path))
            tasks = [asyncio.create_task(pool.apply(work.mark, tmp_path / f"{n}")) for n in range(100)]
            await work.until((tmp_path / "begun").exists)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            (tmp_path / "gate").touch()
            await first
            assert await pool.apply(work.square, 3) == 9
        assert not [path for path in tmp_path.iterdir() if path.name.isdigit()]

    run(main())


def test_running_item_goes_on(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.Pool(1) as pool:
            running, pid = await occupied(pool, tmp_path)
            await cancel(running)
            (tmp_path / "gate").touch()
            assert await pool.apply(os.getpid) == pid

    run(main())


@pytest.mark.short
@pytest.mark.parametrize("where", ["pool", "call"])
def test_running_item_is_killed_where_that_is_wanted(run: Run, tmp_path: Path, where: str) -> None:
    async def main() -> None:
        async with aio.Pool(1, kill_on_cancel=where == "pool") as pool:
            running, pid = await occupied(pool, tmp_path, kill_on_cancel=None if where == "pool" else True)
            waiting = asyncio.create_task(pool.apply(os.getpid))
            await cancel(running)
            assert await waiting != pid
            assert not alive(pid)

    run(main())


def test_call_may_choose_not_to_kill(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.Pool(1, kill_on_cancel=True) as pool:
            running, pid = await occupied(pool, tmp_path, kill_on_cancel=False)
            await cancel(running)
            (tmp_path / "gate").touch()
            assert await pool.apply(os.getpid) == pid

    run(main())


def test_neighbours_of_a_killed_item_are_not_charged(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.Pool(2, kill_on_cancel=True) as pool:
            for round_ in range(5):
                await asyncio.gather(*(pool.apply(work.square, n) for n in range(200)))
                folder = tmp_path / str(round_)
                folder.mkdir()
                running = asyncio.create_task(pool.apply(work.wait_in, folder))
                others = [asyncio.create_task(pool.apply(work.square, n)) for n in range(2000)]
                await work.until((folder / "begun").exists)
                await cancel(running)
                assert await asyncio.gather(*others) == [n * n for n in range(2000)]

    run(main())


def test_items_that_are_about_to_end_cost_nobody_else(run: Run) -> None:
    async def main() -> None:
        async with aio.Pool(2, kill_on_cancel=True) as pool:
            kept, dropped = [], []
            for number in range(300):
                kept.append(asyncio.create_task(pool.apply(work.square, number)))
                dropped.append(asyncio.create_task(pool.apply(time.sleep, 0.001)))
            for task in dropped:
                await asyncio.sleep(0.0005)
                task.cancel()
            assert await asyncio.gather(*kept) == [n * n for n in range(300)]
            await asyncio.wait(dropped)

    run(main())


@pytest.mark.parametrize("kill", [False, True])
@pytest.mark.parametrize("how", ["map", "starmap", "stream"])
def test_cancelled_call_begins_no_further_item(run: Run, tmp_path: Path, how: str, kill: bool) -> None:
    async def main() -> None:
        folders = [tmp_path / str(n) for n in range(6)]
        for folder in folders:
            folder.mkdir()

        async def call() -> None:
            if how == "map":
                await pool.map(work.wait_in, folders, kill_on_cancel=kill)
            elif how == "starmap":
                await pool.starmap(work.wait_in, [(folder,) for folder in folders], kill_on_cancel=kill)
            else:
                async for _ in pool.stream(work.wait_in, folders, kill_on_cancel=kill):
                    pass

        async with aio.Pool(2) as pool:
            task = asyncio.create_task(call())
            await work.until(lambda: sum((folder / "begun").exists() for folder in folders) == 2)
            pids = {int((folder / "begun").read_text()) for folder in folders if (folder / "begun").exists()}
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            if not kill:
                for folder in folders[:2]:
                    (folder / "gate").touch()
            now = {await pool.apply(os.getpid)}
            assert now.isdisjoint(pids) if kill else now <= pids
        assert sum((folder / "begun").exists() for folder in folders) == 2

    run(main())


def test_cancelled_stream_says_so_to_who_reads_on(run: Run) -> None:
    async def main() -> None:
        async with aio.Pool(1) as pool:
            stream = pool.stream(time.sleep, [0.0, 60.0], kill_on_cancel=True)
            await anext(stream)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await anext(stream)
            with pytest.raises(RuntimeError, match="cancelled"):
                await anext(stream)

    run(main())


def test_timeouts_and_groups_of_tasks(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.Pool(2, kill_on_cancel=True) as pool:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(pool.apply(time.sleep, 60), 0.1)
            with pytest.raises(ExceptionGroup) as caught:
                async with asyncio.TaskGroup() as group:
                    group.create_task(pool.apply(time.sleep, 60))
                    group.create_task(pool.apply(work.fail_if_odd, 1))
            assert [type(each) for each in caught.value.exceptions] == [ValueError]
            assert await pool.map(work.square, range(4)) == [0, 1, 4, 9]

    run(main())


def test_body_that_raises_terminates_the_pool(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with work.Ticks() as ticks:
            with pytest.raises(KeyError, match="mine"):
                async with aio.Pool(1) as pool:
                    running = asyncio.create_task(pool.apply(work.wait_in_stubbornly, tmp_path))
                    await work.until((tmp_path / "begun").exists)
                    began, before = time.monotonic(), ticks.count
                    raise KeyError("mine")
            assert time.monotonic() - began < 10
            assert ticks.count > before + 5  # it took half a second
            assert not alive(int((tmp_path / "begun").read_text()))
            with pytest.raises(PoolTerminated):
                await running

    run(main())


def test_body_that_is_cancelled_terminates_the_pool(run: Run, tmp_path: Path) -> None:
    pids: list[int] = []

    async def body() -> None:
        async with aio.Pool(1) as pool:
            running, pid = await occupied(pool, tmp_path)
            pids.append(pid)
            await running

    async def main() -> None:
        task = asyncio.create_task(body())
        await work.until(lambda: pids)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
        assert not alive(pids[0])

    run(main())


def test_end_of_a_body_waits_for_what_others_await_without_blocking_the_loop(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.Pool(1) as pool:
            running, pid = await occupied(pool, tmp_path)
            asyncio.get_running_loop().call_later(0.1, (tmp_path / "gate").touch)  # while the pool waits for its end
        assert await running == pid

    run(main())


def test_cancelled_while_it_waits_for_the_end_it_terminates(run: Run, tmp_path: Path) -> None:
    pids: list[int] = []

    async def body() -> None:
        async with aio.Pool(1) as pool:
            _, pid = await occupied(pool, tmp_path)
            pids.append(pid)

    async def main() -> None:
        task = asyncio.create_task(body())
        await work.until(lambda: pids)
        await asyncio.sleep(0.05)
        assert not task.done()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert not alive(pids[0])

    run(main())


def test_program_that_ends_in_the_midst_leaves_nothing(run: Run, tmp_path: Path) -> None:
    """`asyncio.run` cancels what is left; the `async with` inside ends its workers."""
    pids: list[int] = []

    async def other() -> None:
        async with aio.Pool(1) as pool:
            _, pid = await occupied(pool, tmp_path)
            pids.append(pid)
            await asyncio.get_running_loop().create_future()

    async def main() -> asyncio.Task[None]:
        task = asyncio.create_task(other())
        await work.until(lambda: pids)
        return task

    run(main())
    assert not alive(pids[0])
