"""What holds for every backend: order, laziness, bounds, outcomes, errors, ends."""

from __future__ import annotations

import gc
import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import procession
from procession import Pool, PoolTerminated, RemoteError, TaskExit
from tests.helpers.wait import wait_until
from tests.pool import functions as work

pytestmark = pytest.mark.limit(60)

LAZY = ("imap", "imap_unordered")


# Calls.


@pytest.mark.short
def test_every_call_gives_its_results(pool: Pool) -> None:
    squares = [n * n for n in range(300)]
    assert pool.map(work.square, range(300)) == squares
    assert pool.map(work.square, iter(range(300)), 7) == squares
    assert pool.map_async(work.square, range(300)).get(30) == squares
    assert list(pool.imap(work.square, iter(range(300)))) == squares
    assert list(pool.imap(work.square, iter(range(300)), 7)) == squares
    assert sorted(pool.imap_unordered(work.square, range(300))) == squares
    assert pool.starmap(work.add, [(1, 2), (3, 4, 5)]) == [3, 12]
    assert pool.starmap_async(work.add, iter([(1, 2), (3, 4, 5)])).get(30) == [3, 12]
    assert pool.apply(work.add, (1, 2), {"more": 3}) == 6
    assert pool.apply_async(work.add, (1, 2), {"more": 3}).get(30) == 6
    assert pool.submit(work.add, 1, 2, more=3).result(30) == 6
    assert pool.map(work.square, []) == []
    assert list(pool.imap(work.square, iter(()))) == []


def test_faces_without_a_pool(backend: str) -> None:
    chosen: Any = {"processes": 2, "backend": backend}
    assert procession.map(lambda a, b: a + b, [1, 2], [3, 4], **chosen) == [4, 6]
    with procession.stream(work.square, itertools.count(), **chosen) as results:
        assert list(itertools.islice(results, 5)) == [0, 1, 4, 9, 16]
    assert sorted(procession.stream(work.square, range(50), ordered=False, **chosen)) == [n * n for n in range(50)]


def test_lambda_closure_and_partial(pool: Pool) -> None:
    offset = 10
    assert pool.map(lambda n: n + offset, range(4)) == [10, 11, 12, 13]
    assert pool.apply((lambda *args: args), (1, "two")) == (1, "two")


def test_futures_are_real_ones(pool: Pool) -> None:
    import concurrent.futures

    futures = [pool.submit(work.square, n) for n in range(20)]
    done, pending = concurrent.futures.wait(futures, 30)
    assert not pending and {future.result() for future in done} == {n * n for n in range(20)}
    assert sum(1 for _ in concurrent.futures.as_completed(futures)) == 20
    told: list[object] = []
    last = pool.submit(work.fail, 1)
    last.add_done_callback(told.append)
    wait_until(lambda: told == [last])
    assert isinstance(last.exception(), ValueError)


def test_thousands_of_single_items(pool: Pool) -> None:
    results = [pool.apply_async(work.square, (n,)) for n in range(3000)]
    assert [result.get(30) for result in results] == [n * n for n in range(3000)]


# Laziness.


class Counting:
    """An endless input that knows how far it was read, and whether it was closed."""

    def __init__(self, make: Callable[[int], Any] = lambda number: number) -> None:
        self.read = 0
        self.closed = False
        self._make = make

    def __iter__(self) -> Iterator[Any]:
        try:
            for number in itertools.count():
                self.read += 1
                yield self._make(number)
        finally:
            self.closed = True


@pytest.mark.short
@pytest.mark.parametrize("name", LAZY)
def test_endless_input_is_read_a_few_batches_ahead(pool: Pool, name: str) -> None:
    source = Counting()
    iterator = getattr(pool, name)(work.square, source)
    assert {next(iterator) for _ in range(3)} <= {n * n for n in range(100)}
    time.sleep(0.1)  # it would read on here
    assert source.read < 300_000
    assert sum(1 for _ in itertools.islice(iterator, 3000)) == 3000
    iterator.close()
    wait_until(lambda: source.closed)


def test_long_items_are_read_only_as_they_are_needed(pool: Pool) -> None:
    source = Counting(lambda number: 0.02)
    iterator = pool.imap(work.pause, source)
    for _ in range(6):
        next(iterator)
    assert source.read <= 6 + 10
    iterator.close()


def test_large_results_are_not_piled_up(pool: Pool) -> None:
    source = Counting(lambda number: 500_000)
    iterator = pool.imap(bytes, source)
    for _ in range(20):
        next(iterator)
    time.sleep(0.1)  # a reader that stops
    assert source.read < 20 + 100
    iterator.close()


@pytest.mark.parametrize("name", LAZY)
@pytest.mark.parametrize("chunksize", [None, 3])
@pytest.mark.parametrize("position", [0, 1, 4, 50])
def test_error_of_the_input_comes_after_the_items_before_it(
    pool: Pool, name: str, chunksize: int | None, position: int
) -> None:
    def source() -> Iterator[int]:
        yield from range(position)
        raise LookupError("input")

    iterator = getattr(pool, name)(work.square, source(), chunksize)
    seen = []
    with pytest.raises(LookupError, match="input"):
        for value in iterator:
            seen.append(value)
    assert sorted(seen) == [n * n for n in range(position - position % (chunksize or 1))]
    assert list(iterator) == []  # told once, then it is at its end
    with pytest.raises(LookupError, match="input"):
        pool.map(work.square, source(), chunksize)


def test_chunk_that_the_caller_chose_is_run_when_it_is_full(pool: Pool) -> None:
    source = Counting()
    iterator = pool.imap(work.square, source, 5)
    assert [next(iterator) for _ in range(6)] == [0, 1, 4, 9, 16, 25]
    assert source.read % 5 in (0, 1)
    iterator.close()


def test_input_may_use_the_pool_itself(pool: Pool) -> None:
    def source() -> Iterator[int]:
        for number in range(10):
            yield pool.apply(work.square, (number,))
        yield sum(pool.map(work.square, range(4)))

    assert list(pool.imap(work.square, source())) == [*(n**4 for n in range(10)), 196]


def test_output_of_one_call_may_be_the_input_of_another(pool: Pool) -> None:
    once = pool.imap(work.square, iter(range(100)))
    twice = pool.imap(work.square, once)
    assert list(pool.imap(work.same, twice)) == [n**4 for n in range(100)]


def test_two_lazy_calls_go_side_by_side(pool: Pool) -> None:
    first, second = pool.imap(work.square, itertools.count()), pool.imap_unordered(work.same, itertools.count())
    for number in range(200):
        assert next(first) == number * number
        assert next(second) >= 0
    first.close()
    second.close()


def test_forgotten_iterator_ends_its_call(pool: Pool) -> None:
    source = Counting()
    iterator = pool.imap(work.square, source)
    next(iterator)
    del iterator
    gc.collect()
    wait_until(lambda: source.closed)
    assert pool.map(work.square, range(10)) == [n * n for n in range(10)]


# Outcomes.


def misbehave(kind: str) -> str:
    if kind == "exit":
        sys.exit(7)
    if kind != "fine":
        raise {"error": ValueError, "interrupt": KeyboardInterrupt, "stop": StopIteration, "close": GeneratorExit}[kind]
    return kind


@pytest.mark.short
@pytest.mark.parametrize("name", ["map", "imap", "apply", "apply_async", "submit"])
def test_every_kind_of_outcome(pool: Pool, backend: str, name: str) -> None:
    expected = {"fine": None, "error": ValueError, "exit": TaskExit, "stop": RemoteError, "close": RemoteError}
    if backend != "serial":  # there nobody can tell it from Ctrl-C: test_serial.py
        expected["interrupt"] = RemoteError
    kinds = list(expected)
    assert [type_of(each) for each in outcomes_by(pool, name, kinds)] == list(expected.values())


def outcomes_by(pool: Pool, name: str, kinds: list[str]) -> Iterator[BaseException | None]:
    """What became of each item, by one of the calls."""
    if name == "map":
        yield from (outcome.error for outcome in pool.map(misbehave, kinds, outcomes=True))
        return
    iterator = pool.imap(misbehave, kinds)
    ways: dict[str, Callable[[str], object]] = {
        "imap": lambda kind: next(iterator),
        "apply": lambda kind: pool.apply(misbehave, (kind,)),
        "apply_async": lambda kind: pool.apply_async(misbehave, (kind,)).get(30),
        "submit": lambda kind: pool.submit(misbehave, kind).result(30),
    }
    for kind in kinds:
        try:
            assert ways[name](kind) == "fine"
        except BaseException as error:
            yield error
        else:
            yield None


def type_of(error: BaseException | None) -> type[BaseException] | None:
    return None if error is None else type(error)


def test_facts_of_odd_errors(pool: Pool) -> None:
    exited, stopped = (each.error for each in pool.map(misbehave, ["exit", "stop"], outcomes=True))
    assert isinstance(exited, TaskExit) and exited.code == 7
    assert isinstance(stopped, RemoteError) and stopped.type_name == "StopIteration"
    assert isinstance(stopped.cause, StopIteration)
    assert "misbehave" in stopped.traceback and "procession" not in stopped.traceback


def test_map_ends_all_items_then_raises_the_first_error(pool: Pool) -> None:
    with pytest.raises(KeyError) as caught:
        pool.map(work.fail_if_odd, range(6))
    failure = procession.failure(caught.value)
    assert failure is not None and (failure.index, failure.item) == (1, 1)
    assert [each.ok for each in failure.outcomes] == [True, False] * 3
    assert caught.value.__notes__ == ["item 1 (1)"]


@pytest.mark.parametrize("name", LAZY)
def test_lazy_call_raises_in_place_and_goes_on(pool: Pool, name: str) -> None:
    iterator = getattr(pool, name)(work.fail_if_odd, range(6))
    seen: list[object] = []
    while True:
        try:
            seen.append(next(iterator))
        except StopIteration:
            break
        except KeyError as error:
            seen.append(str(error.__notes__))
    assert sorted(map(str, seen)) == sorted(["0", "2", "4", "['item 1 (1)']", "['item 3 (3)']", "['item 5 (5)']"])


def test_outcomes_are_timed(pool: Pool) -> None:
    (outcome,) = pool.map(work.pause, [0.02], outcomes=True)
    assert outcome.seconds is not None and 0.01 < outcome.seconds < 5
    single = pool.apply(work.pause, (0.02,), outcomes=True)
    assert single.seconds is not None and 0.01 < single.seconds < 5


def test_callbacks(pool: Pool) -> None:
    told: list[object] = []
    pool.apply_async(work.square, (3,), callback=told.append)
    pool.map_async(work.square, range(3), callback=told.append)
    pool.apply_async(work.fail, (3,), error_callback=told.append)
    wait_until(lambda: len(told) == 3)
    assert 9 in told and [0, 1, 4] in told and any(isinstance(each, ValueError) for each in told)


def test_callback_must_not_wait_for_its_pool_and_may_submit_to_it(pool: Pool) -> None:
    seen: list[object] = []

    def wait(value: object) -> None:
        try:
            pool.apply(work.square, (2,))
        except RuntimeError as error:
            seen.append(str(error))

    pool.apply_async(work.square, (3,), callback=wait)
    pool.apply_async(work.square, (3,), callback=lambda value: pool.apply_async(work.square, (7,), None, seen.append))
    wait_until(lambda: len(seen) == 2)
    assert 49 in seen and any("must not wait" in str(each) for each in seen)


def test_progress_counts_every_item(backend: str) -> None:
    seen: list[tuple[int, int, int | None]] = []
    with Pool(2, backend=backend, progress=lambda *state: seen.append(state)) as pool:  # type: ignore[arg-type]
        pool.map(work.square, range(30))
        assert seen[-1] == (30, 0, 30)
        list(pool.imap(work.square, (n for n in range(20))))
        assert seen[-1] == (20, 0, 20)
        with pytest.raises(ValueError):
            pool.map(work.fail_at_three, range(5))
        assert seen[-1] == (5, 1, 5)


# Beginning and end.


def test_error_of_the_initializer_ends_the_pool_at_the_first_call(backend: str) -> None:
    with Pool(2, work.fail_to_begin, backend=backend) as pool:  # type: ignore[arg-type]
        for call in (
            lambda: pool.map(abs, [1]),
            lambda: list(pool.imap(abs, [1])),
            lambda: pool.apply(abs, (1,)),
            lambda: pool.submit(abs, 1).result(),
        ):
            with pytest.raises(LookupError, match="no such database"):
                call()


def test_initializer_that_exits(backend: str) -> None:
    with Pool(1, sys.exit, (3,), backend=backend) as pool, pytest.raises(TaskExit) as caught:  # type: ignore[arg-type]
        pool.map(abs, [1])
    assert caught.value.code == 3


def test_workers_are_replaced_when_their_quota_is_used_up(backend: str) -> None:
    with Pool(2, work.set_state, (1,), 2, backend=backend) as pool:  # type: ignore[arg-type]
        assert pool.map(work.state, range(20), chunksize=1) == [1] * 20
        assert [pool.apply(work.square, (n,)) for n in range(10)] == [n * n for n in range(10)]
        assert list(pool.imap(work.square, iter(range(20)))) == [n * n for n in range(20)]


def test_closed_pool_works_off_what_was_submitted_and_takes_no_more(pool: Pool) -> None:
    iterator = pool.imap(work.square, iter(range(500)))
    result = pool.map_async(work.square, range(500))
    pool.close()
    assert list(iterator) == result.get(30) == [n * n for n in range(500)]
    for call in (pool.map, pool.map_async, pool.imap):
        with pytest.raises(ValueError, match="closed or terminated"):
            call(work.square, [1])
    with pytest.raises(ValueError, match="closed or terminated"):
        pool.apply_async(work.square, (1,))
    pool.join()


def test_join_lets_a_short_lazy_call_that_nobody_reads_run(pool: Pool) -> None:
    told: list[object] = []
    iterator = pool.imap(work.square, iter(range(3)))
    pool.apply_async(work.square, (3,), callback=told.append)
    pool.close()
    pool.join()
    assert told == [9]
    assert list(iterator) == [0, 1, 4]


@pytest.mark.short
def test_terminate_in_the_midst(pool: Pool, backend: str) -> None:
    gate = threading.Event()
    source = Counting()
    iterator = pool.imap(work.square, source)
    next(iterator)
    if backend == "threads":
        running = pool.map_async(lambda _: gate.wait(50), range(4))
    elif backend == "processes":
        running = pool.map_async(work.pause, [50] * 4)
    begun = time.monotonic()
    pool.terminate()
    assert time.monotonic() - begun < 5
    with pytest.raises(PoolTerminated):
        for _ in iterator:
            pass
    if backend != "serial":
        with pytest.raises(PoolTerminated):
            running.get(10)
    wait_until(lambda: source.closed)
    pool.join()
    gate.set()


def test_resized_pool(pool: Pool) -> None:
    pool.resize(3)
    assert pool.map(work.square, range(100)) == [n * n for n in range(100)]
    pool.resize(1)
    assert pool.map(work.square, range(100)) == [n * n for n in range(100)]


# Together.


def test_eight_threads_at_once(pool: Pool) -> None:
    failed: list[BaseException] = []

    def use(number: int) -> None:
        try:
            for _ in range(5):
                assert pool.map(work.square, range(number, number + 50)) == [n * n for n in range(number, number + 50)]
                assert pool.apply(work.square, (number,)) == number * number
                assert list(itertools.islice(pool.imap(work.same, itertools.count(number)), 20))[0] == number
                assert pool.submit(work.square, number).result(30) == number * number
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed


def nested(backend: str) -> list[int]:
    with Pool(2, backend=backend) as pool:  # type: ignore[arg-type]
        return pool.map(work.square, range(5))


def test_pool_inside_a_task(pool: Pool, backend: str) -> None:
    for inner in ("processes", "threads", "serial"):
        assert pool.map(nested, [inner] * 2) == [[0, 1, 4, 9, 16]] * 2


def test_workers_can_be_looked_at(pool: Pool) -> None:
    pool.apply(work.square, (1,))
    member = pool._pool[0]
    assert member.is_alive() and member.pid and member.exitcode is None
    pool.close()
    pool.join()
    assert not member.is_alive()


def test_what_is_wrong_is_said_before_anything_starts() -> None:
    threads = threading.active_count()
    with pytest.raises(ValueError, match=r"backend='ray2': must be one of 'processes', 'threads', 'serial'"):
        Pool(2, backend="ray2")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="backend=None"):
        procession.map(abs, [1], backend=None)  # type: ignore[call-overload]
    for name in ("threads", "serial"):
        with pytest.raises(ValueError, match=f"context='fork': backend='{name}' starts no processes"):
            Pool(2, context="fork", backend=name)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="context="):
            procession.stream(abs, [1], context="spawn", backend=name)  # type: ignore[call-overload]
    assert threading.active_count() == threads


def test_preload_is_without_effect_inside(inside: str) -> None:
    with Pool(1, preload=["no_such_module"], backend=inside) as pool:  # type: ignore[arg-type]
        assert pool.apply(abs, (-1,)) == 1
