"""More than one argument for each item: keyword arguments for all, several iterables, partials."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count, islice
from typing import Any

import pytest

import procession
from procession import InputNotPicklable, Pool
from tests.pool import functions as work

pytestmark = pytest.mark.limit(60)

WAYS: dict[str, Callable[..., Any]] = {
    "map": lambda pool, *args, **more: pool.map(*args, **more),
    "map_async": lambda pool, *args, **more: pool.map_async(*args, **more).get(30),
    "imap": lambda pool, *args, **more: list(pool.imap(*args, **more)),
    "imap_unordered": lambda pool, *args, **more: sorted(pool.imap_unordered(*args, **more)),
}
STARRED: dict[str, Callable[..., Any]] = {
    "starmap": lambda pool, *args, **more: pool.starmap(*args, **more),
    "starmap_async": lambda pool, *args, **more: pool.starmap_async(*args, **more).get(30),
}


@pytest.mark.short
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_keyword_arguments_for_all_items(pool: Pool, way: Callable[..., Any]) -> None:
    assert way(pool, work.add, range(50), kwargs={"more": 100}) == list(range(100, 150))
    assert way(pool, work.add, range(50), 7, kwargs={"more": 100}) == list(range(100, 150))
    assert way(pool, work.add, range(5), kwargs={}) == way(pool, work.add, range(5), kwargs=None) == list(range(5))


@pytest.mark.parametrize("way", STARRED.values(), ids=STARRED)
def test_keyword_arguments_beside_tuples(pool: Pool, way: Callable[..., Any]) -> None:
    assert way(pool, work.add, [(n, 1) for n in range(50)], kwargs={"more": 100}) == list(range(101, 151))


def test_every_start_method(start_method: str | None) -> None:
    with Pool(2, context=start_method) as pool:
        assert pool.map(lambda n, *, by: n * by, range(5), kwargs={"by": 3}) == [0, 3, 6, 9, 12]
        assert pool.map(partial(work.add, 1, more=2), range(3)) == [3, 4, 5]
        assert pool.map(partial(lambda a, b: a - b, 10), range(3)) == [10, 9, 8]


def test_they_travel_once_for_each_worker() -> None:
    class Heavy:
        made = 0

        def __reduce__(self) -> Any:
            Heavy.made += 1
            return bytes, (1_000_000,)

    with Pool(1) as pool:
        assert pool.map(len_of_both, ["a"] * 100, 1, kwargs={"other": Heavy()}) == [1_000_001] * 100
    assert Heavy.made <= 2  # plain pickle tries it first


def len_of_both(text: str, other: bytes) -> int:
    return len(text) + len(other)


def test_what_cannot_travel_is_the_call_s_error(pool: Pool) -> None:
    with pytest.raises((RuntimeError, InputNotPicklable), match="not this one"):
        pool.map(work.add, [1], kwargs={"more": work.Unpicklable()})
    with pytest.raises(TypeError, match="unexpected keyword"):
        pool.map(work.square, [1], kwargs={"more": 1})
    with pytest.raises(TypeError):
        pool.map(work.add, [1], 1, {"more": 1})  # type: ignore[call-overload]


def test_several_iterables() -> None:
    assert procession.map(work.add, [1, 2, 3], (10, 20, 30)) == [11, 22, 33]
    assert procession.map(work.add, [1, 2, 3], iter([10, 20]), {100}, count(), range(9)) == [111]
    assert procession.map(work.add, [1, 2], [3, 4], kwargs={"more": 1}, processes=1) == [5, 7]
    assert procession.map(work.square, [3], backend="serial") == [9]
    with pytest.raises(TypeError, match="at least one iterable"):
        procession.map(work.add)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="at least one iterable"):
        procession.stream(work.add)  # type: ignore[call-overload]


def test_several_iterables_are_read_only_as_far_as_needed() -> None:
    read = 0

    def endless() -> Any:
        nonlocal read
        for number in count():
            read += 1
            yield number

    with procession.stream(work.add, endless(), count(1), kwargs={"more": 1}) as results:
        assert list(islice(results, 20)) == [2 * n + 2 for n in range(20)]
        assert 20 <= read < 100_000
    assert list(procession.stream(work.add, [1, 2], [3, 4, 5], [0] * 9, ordered=False)).__len__() == 2


def test_total_of_several_iterables_is_that_of_the_shortest() -> None:
    totals = set()
    list(procession.stream(work.add, range(9), range(5), progress=lambda ended, failed, total: totals.add(total)))
    assert totals == {5}
