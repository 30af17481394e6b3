"""A caller that reads its worker's channel itself: what it must not lose, block or keep."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

import procession
from tests.helpers.wait import wait_until


def length(value: bytes) -> int:
    return len(value)


def nap_until(path: str) -> str:
    while not Path(path).exists():
        time.sleep(0.01)
    return path


def count_in(path: str) -> int:
    with open(path, "ab") as file:
        file.write(b".")
    while not Path(path + ".go").exists():
        time.sleep(0.01)
    return os.path.getsize(path)


@pytest.mark.short
@pytest.mark.parametrize("size", [100_000, 300_000, 5_000_000])
def test_large_argument_of_apply_goes_out_whole(size: int) -> None:
    with procession.Pool(2) as pool:
        assert pool.apply(length, (bytes(size),)) == size
        assert pool.apply(len, (list(range(size // 10)),)) == size // 10


@pytest.mark.parametrize("timeout", [9_999_999, 2_147_482.648, float("inf"), 1e300])
def test_very_long_timeouts_are_long(timeout: float) -> None:
    with procession.Pool(1) as pool:
        assert pool.apply_async(abs, (-3,)).get(timeout) == 3
        assert pool.submit(abs, -3).result(timeout if timeout < 1e9 else None) == 3
        assert pool.map_async(abs, [-3]).get(timeout) == [3]


def test_timeout_is_waited_once(tmp_path: Path) -> None:
    with procession.Pool(1) as pool:
        result = pool.apply_async(nap_until, (str(tmp_path / "go"),))
        start = time.monotonic()
        with pytest.raises(procession.TimeoutError):
            result.get(0.5)
        assert time.monotonic() - start < 0.95
        (tmp_path / "go").touch()
        assert result.get(30)


@pytest.mark.short
def test_hundreds_of_batches_beside_a_long_item_run_it_once(tmp_path: Path) -> None:
    # A ticket names its batch: with its lowest byte alone it named another one, too, 256 batches later.
    path = str(tmp_path / "ran")
    with procession.Pool(2) as pool:
        long = pool.apply_async(count_in, (path,))
        wait_until(lambda: os.path.exists(path))
        for number in range(600):
            assert pool.map(abs, [-number, number, -1], chunksize=1) == [number, number, 1]
        Path(path + ".go").touch()
        assert long.get(30) == 1


def test_what_was_taken_back_does_not_pile_up_beside_a_long_item(tmp_path: Path) -> None:
    import psutil

    path = str(tmp_path / "ran")
    with procession.Pool(2) as pool:
        long = pool.apply_async(count_in, (path,))
        wait_until(lambda: os.path.exists(path))
        before = psutil.Process().memory_info().rss
        for _ in range(100):
            assert pool.map(length, [bytes(400_000)] * 4) == [400_000] * 4
        assert psutil.Process().memory_info().rss - before < 25e6
        Path(path + ".go").touch()
        assert long.get(30) == 1


def fail(number: int) -> int:
    raise ValueError(number)


def map_inside(number: int) -> list[int]:
    return procession.Pool(1).map(fail, [number])


def test_error_of_a_map_keeps_its_class_on_its_way_through_a_pool() -> None:
    with procession.Pool(1) as pool, pytest.raises(ValueError, match="3"):
        pool.apply(map_inside, (3,))


def sleep_long() -> None:
    time.sleep(30)


def test_terminate_does_not_wait_for_an_initializer() -> None:
    start = time.monotonic()
    pool = procession.Pool(2, initializer=sleep_long, context="nursery")
    pool.terminate()
    assert time.monotonic() - start < 10


def test_initargs_that_are_no_arguments_leave_nothing() -> None:
    for wrong in (5, (1 / 0 for _ in "x")):
        with pytest.raises((TypeError, ZeroDivisionError)):
            procession.Pool(1, print, wrong)  # type: ignore[arg-type]


def test_large_functions_are_not_kept_for_ever() -> None:
    import functools

    import psutil

    with procession.Pool(1) as pool:
        worker = psutil.Process(pool.apply(os.getpid))
        before = worker.memory_info().rss
        for number in range(20):
            array = bytes([number]) * 5_000_000
            assert pool.map(functools.partial(lambda kept, item: len(kept) + item, array), [1]) == [5_000_001]
        assert worker.memory_info().rss - before < 70e6


def test_interrupt_between_lending_and_reading_gives_the_channel_back(run_script) -> None:
    # Raised at each line of an `apply` in turn: whatever is left then, the pool must end.
    done = run_script(
        """
        import sys, procession

        def tracer(frame, event, argument):
            global count
            if event == "line" and "procession/engine" in frame.f_code.co_filename:
                count += 1
                if count == target:
                    sys.settrace(None)
                    raise KeyboardInterrupt
            return tracer

        for target in range(1, 260, 6):
            count = 0
            with procession.Pool(1) as pool:
                assert pool.apply(abs, (-1,)) == 1
                sys.settrace(tracer)
                try:
                    pool.apply(abs, (-2,))
                except (KeyboardInterrupt, procession.PoolTerminated, ValueError):
                    pass
                sys.settrace(None)
        print("done")
        """,
        timeout=100,
    )
    assert done.stdout == "done\n", done.stderr


def test_threads_that_wait_for_one_item_all_get_it() -> None:
    with procession.Pool(1) as pool:
        result = pool.apply_async(time.sleep, (0.2,))
        got: list[object] = []
        threads = [threading.Thread(target=lambda: got.append(result.get(30))) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert got == [None] * 6
