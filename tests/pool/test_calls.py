"""apply, map, starmap and their asynchronous forms: arguments, results, errors as in multiprocessing.pool.Pool."""

from __future__ import annotations

import collections
import inspect
import multiprocessing
import multiprocessing.pool
import traceback
from typing import Any

import numpy
import pytest

import procession
from procession import MaybeEncodingError, Pool, ProcessionError, RemoteTraceback
from procession.pool import RemoteTraceback as PoolsRemoteTraceback
from tests.pool import functions as work

pytestmark = pytest.mark.limit(30)

Pair = collections.namedtuple("Pair", "left right")


@pytest.mark.short
def test_every_call_under_every_start_method(start_method: str | None) -> None:
    with Pool(2, context=start_method) as pool:
        assert pool.apply(work.add, (1, 2), {"more": 3}) == 6
        assert pool.apply_async(work.add, (1,)).get(30) == 1
        assert pool.map(work.square, range(20)) == [n * n for n in range(20)]
        assert pool.map_async(work.square, [1, 2]).get(30) == [1, 4]
        assert pool.starmap(work.add, [(1, 2), (3,), ()]) == [3, 3, 0]
        assert pool.starmap_async(work.add, [(1, 2)]).get(30) == [3]
        assert list(pool.imap(work.square, iter([1, 2, 3]))) == [1, 4, 9]
        assert sorted(pool.imap_unordered(work.square, iter([1, 2, 3]))) == [1, 4, 9]
        assert pool.submit(work.add, 1, b=2).result(30) == 3


@pytest.mark.parametrize("name", [name for name in dir(multiprocessing.pool.Pool) if not name.startswith("_")])
def test_arguments_have_the_names_and_the_order_of_multiprocessing(name: str) -> None:
    if name == "Process":  # a factory of theirs that nobody calls
        return
    theirs = list(inspect.signature(getattr(multiprocessing.pool.Pool, name)).parameters)
    ours = inspect.signature(getattr(Pool, name)).parameters
    assert list(ours)[: len(theirs)] == theirs
    extras = list(ours.values())[len(theirs) :]
    assert all(extra.kind in (extra.KEYWORD_ONLY, extra.VAR_KEYWORD) for extra in extras)


def test_constructor_has_the_arguments_of_multiprocessing() -> None:
    theirs = list(inspect.signature(multiprocessing.pool.Pool).parameters)
    assert list(inspect.signature(Pool).parameters)[: len(theirs)] == theirs


def test_keywords_of_the_function_may_have_any_name(pool: Pool) -> None:
    assert pool.submit(dict, self=1, fn=2, func=3).result() == {"self": 1, "fn": 2, "func": 3}
    assert pool.apply(dict, (), {"func": 1, "args": 2}) == {"func": 1, "args": 2}


@pytest.mark.parametrize("items", [[], (), range(0), {}, "", iter([])])
def test_nothing_gives_nothing_at_once(pool: Pool, items: Any) -> None:
    result = pool.map_async(work.square, items)
    result.wait(30)
    assert result.ready() and result.successful() and result.get() == []
    assert pool.map(work.square, items) == pool.starmap(work.square, items) == []
    assert list(pool.imap(work.square, items)) == list(pool.imap_unordered(work.square, items)) == []


@pytest.mark.parametrize("chunksize", [None, 1, 2, 3, 7, 100])
def test_chunksize_changes_no_result(pool: Pool, chunksize: int | None) -> None:
    expected = [n * n for n in range(20)]
    assert pool.map(work.square, range(20), chunksize) == expected
    assert pool.map(work.square, range(20), chunksize=chunksize) == expected
    assert pool.starmap(work.square, [(n,) for n in range(20)], chunksize) == expected
    assert list(pool.imap(work.square, range(20), chunksize or 1)) == expected
    assert sorted(pool.imap_unordered(work.square, range(20), chunksize or 1)) == expected


def test_items_of_a_chunk_run_in_one_worker(pool: Pool) -> None:
    pids = pool.map(work.pid_after_pause, [0.002] * 12, 4)
    assert all(len(set(pids[start : start + 4])) == 1 for start in (0, 4, 8))


@pytest.mark.parametrize("chunksize", [0, -1, 2.5, "3"])
def test_bad_chunksize_is_refused_before_any_work(pool: Pool, chunksize: Any) -> None:
    for call in (pool.map, pool.map_async, pool.starmap, pool.starmap_async, pool.imap, pool.imap_unordered):
        with pytest.raises(ValueError, match="chunksize="):
            call(work.square, [1], chunksize)


def test_whole_numbers_of_numpy_are_numbers() -> None:
    with Pool(numpy.int64(2), maxtasksperchild=numpy.int32(3)) as pool:
        assert pool.map(work.square, [1, 2, 3], numpy.int16(2)) == [1, 4, 9]


# Items are never unpacked, joined or sliced.


@pytest.mark.parametrize("name", ["map", "imap"])
@pytest.mark.parametrize(
    "items",
    ["text", b"bytes", {"a": 1, "b": 2}, {3}, frozenset({4}), range(5), [(1, 2), (3, 4)], [[1], [2]], [None, True]],
    ids=repr,
)
def test_every_iterable_gives_its_items(pool: Pool, name: str, items: Any) -> None:
    assert list(getattr(pool, name)(work.same, items)) == list(items)


def test_tuple_is_one_argument_and_stays_what_it_is(pool: Pool) -> None:
    items = [(1, 2), Pair(3, 4), (), ((5,),)]
    results = pool.map(work.same, items)
    assert results == items and [type(result) for result in results] == [tuple, Pair, tuple, tuple]
    assert pool.map(work.type_name, [Pair(1, 2)] * 3) == ["Pair"] * 3
    assert pool.starmap(work.add, [Pair(1, 2), [3, 4], range(3)]) == [3, 7, 3]


def test_rows_of_an_array_are_the_items(pool: Pool) -> None:
    array = numpy.arange(12).reshape(4, 3)
    for results in (pool.map(work.same, array), list(pool.imap(work.same, array)), pool.map(work.same, array, 3)):
        assert [row.tolist() for row in results] == array.tolist()
    assert pool.starmap(work.add, array) == [3, 12, 21, 30]


class Odd(list[int]):
    """A list that gives other items than it holds."""

    def __iter__(self) -> Any:
        return (10 * each for each in list.__iter__(self))


def test_list_with_an_iterator_of_its_own_is_asked_for_it(pool: Pool) -> None:
    assert pool.map(work.same, Odd([1, 2])) == list(pool.imap(work.same, Odd([1, 2]))) == [10, 20]


def test_list_that_changes_after_the_call_is_the_caller_s_own(pool: Pool) -> None:
    items = list(range(5000))
    result = pool.map_async(work.same, items)
    items.clear()
    pairs = [(1, 2)] * 500
    second = pool.starmap_async(work.add, pairs)
    del pairs[7:]
    assert result.get(30) == list(range(5000)) and second.get(30) == [3] * 500


def test_objects_shared_between_items_are_not_aliased_in_the_worker(pool: Pool) -> None:
    shared: list[int] = []
    assert pool.map(work.append_and_return, [shared] * 10, 10) == [[0]] * 10
    assert list(pool.imap(work.append_and_return, [shared] * 10, 10)) == [[0]] * 10
    results = pool.map(work.append_and_return, [shared] * 10)
    assert len({id(result) for result in results}) == 10 and not shared


def test_objects_shared_within_a_result_stay_shared(pool: Pool) -> None:
    first, second = pool.apply(work.twice_in_one, (1,))
    assert first is second


def test_lambda_and_closure_are_functions_as_any_other(pool: Pool) -> None:
    factor = 3
    assert pool.map(lambda number: number * factor, [1, 2]) == [3, 6]
    assert pool.apply(lambda *values, **more: (values, more), (1,), {"b": 2}) == ((1,), {"b": 2})


# Errors.


def test_error_is_the_task_s_own_with_the_text_of_its_traceback(pool: Pool) -> None:
    with pytest.raises(ValueError, match="wrong") as caught:
        pool.apply(work.fail, ("wrong",))
    cause = caught.value.__cause__
    assert type(cause) is RemoteTraceback is PoolsRemoteTraceback
    assert isinstance(cause, RemoteTraceback) and "raise ValueError(value)" in cause.tb
    text = "".join(traceback.format_exception(caught.value))
    assert "in fail\n    raise ValueError(value)\nValueError: wrong" in text
    assert "worker/steps.py" not in text and "worker/loop.py" not in text


def test_map_raises_the_first_error_after_all_items_have_ended(pool: Pool, tmp_path: Any) -> None:
    marks = [tmp_path / str(number) for number in range(12)]
    with pytest.raises(KeyError) as caught:
        pool.map(lambda path: (path.touch(), work.fail_if_odd(int(path.name))), marks, 3)
    assert caught.value.args == (1,) and all(mark.exists() for mark in marks)


def test_result_that_cannot_be_pickled(pool: Pool) -> None:
    for _ in range(20):
        with pytest.raises(MaybeEncodingError, match="not this one") as caught:
            pool.apply(work.make_unpicklable, (1,))
        assert isinstance(caught.value.exc, str) and "Unpicklable" in caught.value.value
    with pytest.raises(procession.pool.MaybeEncodingError):
        pool.map(work.make_unpicklable, range(3))


def test_argument_that_cannot_be_pickled_costs_its_own_item(pool: Pool) -> None:
    items = [1, work.Unpicklable(), 3]
    with pytest.raises(RuntimeError, match="not this one"):
        pool.map(work.same, items)
    for outcomes in (
        pool.map(work.same, items, outcomes=True),
        list(pool.imap(work.same, items, outcomes=True)),
        pool.map(work.same, items, 3, outcomes=True),
    ):
        assert [outcome.result for outcome in outcomes] == [1, None, 3]
        assert isinstance(outcomes[1].error, RuntimeError)
    for call in (pool.apply, lambda *args: pool.apply_async(*args).get(30)):
        with pytest.raises(RuntimeError, match="not this one"):
            call(work.same, (items[1],))
    with pytest.raises(RuntimeError, match="not this one"):
        pool.submit(work.same, items[1]).result(30)


def test_argument_whose_pickling_exits_costs_its_own_item(pool: Pool) -> None:
    outcomes = pool.map(work.same, [1, work.Fatal(), 3], outcomes=True)
    assert [outcome.result for outcome in outcomes] == [1, None, 3]
    assert isinstance(outcomes[1].error, ProcessionError)
    assert pool.map(work.same, [1, 2]) == [1, 2]


def test_function_that_cannot_be_pickled_fails_where_the_result_is_asked_for(pool: Pool) -> None:
    lock = multiprocessing.Lock()
    function = lambda item: (item, lock)  # noqa: E731
    results = pool.apply_async(function, (1,)), pool.map_async(function, [1])
    future = pool.submit(function, 1)
    iterators = pool.imap(function, [1]), pool.imap_unordered(function, [1])
    for result in results:
        with pytest.raises(Exception, match="inherit"):
            result.get(30)
    with pytest.raises(Exception, match="inherit"):
        future.result(30)
    for iterator in iterators:
        with pytest.raises(Exception, match="inherit"):
            next(iterator)
        assert list(iterator) == []


def test_pool_that_is_used_while_it_pickles_says_so(pool: Pool) -> None:
    class Nested:
        def __reduce__(self) -> Any:
            return int, (pool.apply(work.square, (2,)),)

    assert pool.apply(work.same, (Nested(),)) == 4  # in the caller's thread, before anything else
    with pytest.raises(RuntimeError, match="pickling"):
        pool.map(work.same, [Nested(), Nested()])
    assert pool.map(work.square, [1, 2]) == [1, 4]
