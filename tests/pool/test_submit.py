"""submit gives a real concurrent.futures.Future, and all that knows futures takes it."""

from __future__ import annotations

import asyncio
import concurrent.futures
from pathlib import Path

import pytest

from procession import Pool, PoolTerminated
from tests.pool import functions as work

pytestmark = pytest.mark.limit(30)


@pytest.mark.short
def test_future_is_a_real_one(pool: Pool) -> None:
    future = pool.submit(work.add, 1, 2, more=3)
    assert isinstance(future, concurrent.futures.Future)
    assert future.result(30) == 6 and future.done() and not future.cancelled() and future.exception() is None
    failed = pool.submit(work.fail, 1)
    assert isinstance(failed.exception(30), ValueError)
    with pytest.raises(ValueError):
        failed.result()


def test_as_completed_and_wait_and_gather(pool: Pool) -> None:
    futures = [pool.submit(work.square, n) for n in range(300)]
    done = [future.result() for future in concurrent.futures.as_completed(futures, timeout=30)]
    assert sorted(done) == [n * n for n in range(300)]
    futures = [pool.submit(work.fail_if_odd, n) for n in range(10)]
    finished, rest = concurrent.futures.wait(futures, timeout=30)
    assert len(finished) == 10 and not rest

    async def gather() -> list[int]:
        return await asyncio.gather(*(asyncio.wrap_future(pool.submit(work.square, n)) for n in range(20)))

    assert asyncio.run(gather()) == [n * n for n in range(20)]


def test_done_callbacks_are_called_and_may_raise(pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[int] = []
    future = pool.submit(work.square, 3)
    future.add_done_callback(lambda done: seen.append(done.result()))
    future.add_done_callback(lambda done: seen.append(1 // 0))
    future.add_done_callback(lambda done: seen.append(done.result() + 1))
    assert future.result(30) == 9
    concurrent.futures.wait([pool.submit(work.square, 1)], timeout=30)
    assert seen == [9, 10] and "ZeroDivisionError" in caplog.text


def test_timeout_ends_nothing(pool: Pool, tmp_path: Path) -> None:
    future = pool.submit(work.wait_for_file, tmp_path / "gate")
    for ask in (future.result, future.exception):
        with pytest.raises(TimeoutError):
            ask(0.02)
    (tmp_path / "gate").touch()
    assert future.result(30) == "gate"


def test_what_has_not_begun_can_be_cancelled(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with Pool(1) as pool:
        assert pool.apply(work.square, (1,)) == 1
        running = pool.submit(work.wait_for_file, gate)
        waiting = [pool.submit(work.wait_for_file, tmp_path / "never") for _ in range(20)]
        assert not running.cancel() and running.running()
        assert all(future.cancel() for future in waiting[1:])
        assert all(future.cancelled() for future in waiting[1:])
        if not waiting[0].cancel():  # handed out ahead
            (tmp_path / "never").touch()
        gate.touch()
        assert running.result(30) == "gate"
        finished, rest = concurrent.futures.wait(waiting, timeout=30)
        assert not rest
        assert pool.submit(work.square, 3).result(30) == 9


def test_cancelled_future_is_told_of_though_its_pool_ends(tmp_path: Path) -> None:
    with Pool(1) as pool:
        running = pool.submit(work.wait_for_file, tmp_path / "never")
        waiting = [pool.submit(work.square, n) for n in range(5)]
        cancelled = [future for future in waiting if future.cancel()]
        pool.terminate()
        finished, rest = concurrent.futures.wait([running, *waiting], timeout=30)
        assert not rest and len(cancelled) >= 4
        assert isinstance(running.exception(), PoolTerminated)


def test_cancelled_future_is_told_of_though_a_worker_dies() -> None:
    with Pool(1) as pool:
        first = pool.submit(work.die_at_three, 3)
        others = [pool.submit(work.square, n) for n in range(6)]
        cancelled = [future for future in others if future.cancel()]
        assert "SIGKILL" in str(first.exception(30))
        assert [future.result(30) for future in others if future not in cancelled] == [
            n * n for n, future in enumerate(others) if future not in cancelled
        ]
        assert not concurrent.futures.wait(others, timeout=30)[1]
