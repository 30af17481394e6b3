"""Large arguments and results, through every kind of call: right, writable, and gone when nobody sees them."""

from __future__ import annotations

import array as standard
import asyncio
import functools
import gc
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

import procession
import procession.worker
from procession import aio
from tests.helpers.scripts import Finished

numpy = pytest.importorskip("numpy")

WORDS = 1 << 17  # 1 MB of numbers


def big(fill: float = 1.0, size: int = WORDS) -> Any:
    return numpy.full(size, fill)


def total(values: Any) -> float:
    return float(values.sum())


def double(values: Any) -> Any:
    values *= 2  # in place: it is the worker's own
    return values


def add(one: Any, other: Any, scale: float = 1.0) -> Any:
    return one + scale * other


def identity(value: Any) -> Any:
    return value


@pytest.mark.short
def test_every_call_takes_and_gives_large_arrays(start_method: str | None) -> None:
    with procession.Pool(2, context=start_method) as pool:
        values = [big(number) for number in range(6)]
        assert pool.map(total, values) == [number * WORDS for number in range(6)]
        assert [each[0] for each in pool.map(double, values)] == [2 * number for number in range(6)]
        assert [each[-1] for each in pool.imap(double, iter(values))] == [2 * number for number in range(6)]
        assert sorted(each[5] for each in pool.imap_unordered(double, values)) == [2 * number for number in range(6)]
        assert pool.apply(add, (values[1], values[2]), {"scale": 3.0})[7] == 7.0
        assert pool.submit(add, values[1], other=values[5]).result()[0] == 6.0
        assert [each[0] for each in pool.starmap(add, zip(values, values, strict=True))] == [2 * n for n in range(6)]
        assert [each[0] for each in values] == list(range(6))  # the parent's are its own
        result = pool.apply_async(double, (values[3],)).get()
        assert result.flags.writeable
        result += 1
        assert pool.map(lambda each: each.mean(), [result, 2 * result]) == [7.0, 14.0]


def test_other_faces_take_and_give_large_arrays() -> None:
    with procession.ProcessPoolExecutor(2) as executor:
        assert [each[0] for each in executor.map(double, [big(1.0), big(2.0)])] == [2.0, 4.0]
        assert executor.submit(total, big(2.0)).result() == 2 * WORDS

    async def main() -> None:
        async with aio.Pool(2) as pool:
            assert (await pool.apply(double, big(2.0)))[0] == 4.0
            assert [each[0] async for each in pool.stream(double, [big(1.0), big(2.0)])] == [2.0, 4.0]

    asyncio.run(main())
    assert [each[0] for each in procession.map(double, [big(3.0)], processes=1)] == [6.0]
    with procession.Pool(2, backend="threads") as threads:
        assert threads.map(total, [big(1.0)]) == [WORDS]


@pytest.mark.parametrize(
    "value",
    [b"ab" * WORDS, bytearray(3 * WORDS), "text" * WORDS, standard.array("d", [1.5]) * WORDS, list(range(WORDS))],
    ids=lambda value: type(value).__name__,
)
def test_whatever_is_large_goes_there_and_back(value: object) -> None:
    with procession.Pool(1) as pool:
        assert pool.apply(identity, (value,)) == value
        assert pool.map(identity, [value, (value, 1), [value]]) == [value, (value, 1), [value]]


def test_a_slice_of_a_result_outlives_the_pool() -> None:
    with procession.Pool(1) as pool:
        kept = pool.apply(double, (big(2.0),))[::2]
        others = [pool.apply(double, (big(number),)) for number in range(20)]
    gc.collect()
    assert (kept == 4.0).all()
    assert [each[0] for each in others] == [2.0 * number for number in range(20)]
    kept += 1
    assert (kept == 5.0).all()


def remember(value: Any, kept: list[Any] = []) -> float:  # noqa: B006  # that is what it is for
    kept.append(value[::2])
    return float(sum(each[0] for each in kept))


def test_a_slice_that_a_worker_keeps_stays_what_it_is() -> None:
    with procession.Pool(1) as pool:
        results = [pool.apply(remember, (big(number),)) for number in range(20)]
    assert results == [sum(range(number + 1)) for number in range(20)]


def test_a_function_that_holds_a_large_array_is_sent_once(start_method: str | None) -> None:
    table = numpy.arange(4 * WORDS, dtype="f8")

    def look_up(index: int) -> float:
        return float(table[index])

    with procession.Pool(2, context=start_method) as pool:
        assert pool.map(look_up, range(0, 400, 7)) == [float(index) for index in range(0, 400, 7)]
        assert pool.map(functools.partial(add, table, scale=0.0), [1.0, 2.0])[1][-1] == table[-1]
        table[0] = 99.0
        assert pool.map(look_up, [0]) == [99.0]  # what has changed inside is seen by the next call


def test_the_log_tells_of_a_function_that_holds_much(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "procession"), procession.Pool(1) as pool:
        pool.map(functools.partial(add, big()), [1.0])
        pool.map(total, [big()])
    assert [record.getMessage() for record in caplog.records] == [
        "a function holds 1 MB of data; they were written into shared memory once for this call"
    ]


def die_at_two(values: Any) -> float:
    if values[0] == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return float(values[0])


@pytest.mark.short
def test_a_killed_worker_costs_its_own_item() -> None:
    with procession.Pool(2) as pool:
        for _ in range(5):
            outcomes = pool.map(die_at_two, [big(number) for number in range(12)], outcomes=True)
            assert [each.value for each in outcomes if each.ok] == [n for n in range(12) if n != 2]
            assert isinstance(outcomes[2].error, procession.WorkerDied)


def spoil_and_die_once(values: Any, path: str) -> float:
    found = float(values[0])
    values[:] = -1.0
    if not os.path.exists(path):
        open(path, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return found


def test_items_behind_a_dead_one_are_what_they_were(tmp_path: Any) -> None:
    with procession.Pool(1) as pool:
        path = str(tmp_path / "died")
        results = [pool.apply_async(spoil_and_die_once, (big(number), path)) for number in range(6)]
        with pytest.raises(procession.WorkerDied):
            results[0].get()
        assert [each.get() for each in results[1:]] == [1.0, 2.0, 3.0, 4.0, 5.0]


def memory_of(pool: Any, folder: str = "/proc/self/fd") -> int:
    """Bytes that the shared files of this process take."""
    pool.map(abs, [-1])
    found = 0
    for name in os.listdir(folder):
        try:
            if os.readlink(f"{folder}/{name}").startswith("/memfd:procession"):
                found = max(found, os.stat(f"{folder}/{name}").st_blocks * 512)
        except OSError:
            pass  # the descriptor of the listing itself
    return found


def test_blocks_are_used_again() -> None:
    with procession.Pool(2) as pool:
        for _ in range(3):
            pool.map(double, [big(1.0)] * 20)
        before = memory_of(pool)
        for _ in range(10):
            pool.map(double, [big(1.0)] * 20)
        assert memory_of(pool) <= before + (8 << 20)


def test_max_shared_bounds_what_is_shared() -> None:
    with procession.Pool(1, max_shared=4 << 20) as pool:
        kept = [pool.apply(double, (big(number),)) for number in range(30)]
        assert [each[0] for each in kept] == [2.0 * number for number in range(30)]
        assert memory_of(pool) <= 5 << 20
    del kept  # the file lives as long as something of it is seen
    with procession.Pool(1, max_shared=0) as pool:
        assert pool.apply(double, (big(3.0),))[0] == 6.0
        assert memory_of(pool) <= 1 << 16
    for wrong in (-1, 1.5, "many"):
        with pytest.raises(ValueError, match="max_shared="):
            procession.Pool(1, max_shared=wrong)  # type: ignore[arg-type]


def test_calls_that_are_broken_off_leave_nothing_in_use() -> None:
    with procession.Pool(2) as pool:
        for _ in range(5):
            iterator = pool.imap(double, (big(number) for number in range(100)))
            assert next(iterator)[0] == 0.0
            iterator.close()
        time.sleep(0.2)
        pool.map(double, [big(1.0)] * 4)
        before = memory_of(pool)
        for _ in range(10):
            iterator = pool.imap(double, (big(number) for number in range(100)))
            next(iterator)
            iterator.close()
        time.sleep(0.2)
        assert memory_of(pool) <= before + (16 << 20)


def fork_and_hold(values: Any) -> int:
    pid = os.fork()
    if not pid:
        time.sleep(1.0)
        os._exit(0 if (values == values[0]).all() else 1)
    return pid


def outcome_of(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_child_of_a_task_goes_on_seeing_its_argument() -> None:
    with procession.Pool(1) as pool:
        pid = pool.apply(fork_and_hold, (big(5.0),))
        for number in range(30):
            pool.apply(total, (big(number),))
        assert pool.apply(outcome_of, (pid,)) == 0


def test_a_limit_for_the_size_of_files_turns_sharing_off(run_script: Callable[..., Finished]) -> None:
    script = f"""
        import resource, procession, numpy
        resource.setrlimit(resource.RLIMIT_FSIZE, ({1 << 20}, {1 << 20}))

        def double(values):
            return 2 * values

        with procession.Pool(1) as pool:
            print(pool.apply(double, (numpy.ones({WORDS * 2}),))[-1])
    """
    done = run_script(script)
    assert done.stdout == "2.0\n", done.stderr


class Rebuilds:
    """A function whose rebuilding fails in the worker, behind a large array."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def __call__(self, item: Any) -> float:
        return float(self.values[0])

    def __setstate__(self, state: Any) -> None:
        raise LookupError("never rebuilt")


def test_a_large_function_that_cannot_be_rebuilt_disturbs_no_other_data() -> None:
    with procession.Pool(1) as pool:
        for _ in range(3):
            with pytest.raises(LookupError, match="never rebuilt"):
                pool.map(Rebuilds(big()), range(4), chunksize=1)
        assert [pool.apply(remember, (big(number),)) for number in range(12)] == [
            sum(range(number + 1)) for number in range(12)
        ]


def keep_first(table: Any) -> None:
    procession.worker.state.table = table


def look_at_first(index: int) -> float:
    return float(procession.worker.state.table[index])


def test_initializers_take_large_arrays(start_method: str | None) -> None:
    options: Any = {"initializer": keep_first, "initargs": (numpy.arange(WORDS),), "maxtasksperchild": 1}
    with procession.Pool(1, context=start_method, **options) as pool:
        assert pool.map(look_at_first, [5, WORDS - 1], chunksize=1) == [5.0, WORDS - 1]


def hold_on(values: Any, pipe: tuple[int, int]) -> int:
    pid = os.fork()
    if not pid:
        os.setsid()  # it outlives its worker
        os.read(pipe[0], 1)
        os.write(pipe[1], b"y" if (values == values[0]).all() and values[0] == 5.0 else b"n")
        os._exit(0)
    return pid


def test_a_child_of_a_task_sees_its_argument_after_the_pool_s_end() -> None:
    go, told = os.pipe(), os.pipe()
    with procession.Pool(1, context="fork") as pool:
        pool.apply(hold_on, (big(5.0), (go[0], told[1])))
        for number in range(10):
            pool.apply(total, (big(number),))
    os.write(go[1], b"x")
    assert os.read(told[0], 1) == b"y"
    for descriptor in (*go, *told):
        os.close(descriptor)


def test_a_forked_child_cannot_spoil_what_its_parent_sends() -> None:
    with procession.Pool(1) as pool:
        pool.apply(total, (big(),))
        pid = os.fork()
        if not pid:
            try:
                pool.apply_async(total, (big(6.0),))
            except RuntimeError:
                os._exit(0)
            finally:
                os._exit(1)
        results = [pool.apply(total, (big(1.0),)) for _ in range(10)]
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert results == [WORDS] * 10
