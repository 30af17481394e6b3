"""`procession.chunked`: one call of a function handles a whole batch."""

from __future__ import annotations

import pickle
from functools import partial
from typing import Any

import pytest

import procession
from procession import Pool, WorkerDied
from tests.pool import chunks
from tests.pool import functions as work

pytestmark = pytest.mark.limit(60)

squares = procession.chunked(chunks.squares)
sizes = procession.chunked(chunks.sizes)


@pytest.mark.short
def test_every_call_takes_one(start_method: str | None) -> None:
    numbers = list(range(300))
    wanted = [n * n for n in numbers]
    with Pool(2, context=start_method) as pool:
        assert pool.map(squares, numbers) == wanted
        assert pool.map(squares, numbers, 7) == wanted
        assert list(pool.imap(squares, iter(numbers))) == wanted
        assert sorted(pool.imap_unordered(squares, numbers, 5)) == wanted
        assert pool.starmap(procession.chunked(chunks.sums), [(n, 1) for n in numbers]) == [n + 1 for n in numbers]
        assert pool.apply(squares, (3,)) == 9
        assert pool.submit(squares, 4).result(30) == 16
        assert pool.map(chunks.decorated, numbers, kwargs={"add": 1}) == [n + 1 for n in numbers]
        assert pool.map(chunks.Model(3).predict, numbers) == [3 * n for n in numbers]
        assert pool.map(procession.chunked(lambda many: [str(each) for each in many]), [1, 2, 3]) == ["1", "2", "3"]


def test_without_a_pool() -> None:
    assert procession.map(squares, range(9)) == [n * n for n in range(9)]
    assert list(procession.stream(squares, range(9))) == [n * n for n in range(9)]
    assert procession.map(procession.chunked(chunks.sums), range(9), range(9)) == [2 * n for n in range(9)]
    assert list(procession.stream(procession.chunked(chunks.sums), range(9), [1, 1])) == [1, 2]


def test_chunksize_says_how_many_come_together(pool: Pool) -> None:
    assert pool.map(sizes, range(10), 4) == [4] * 8 + [2] * 2
    assert list(pool.imap(sizes, iter(range(10)), 4)) == [4] * 8 + [2] * 2


def test_calls_grow_with_what_they_were_measured_to_take() -> None:
    with Pool(1) as pool:
        came = pool.map(procession.chunked(chunks.slow_to_begin), range(2000))
    assert came[0] == 1 and max(came) >= 50


def test_an_error_is_that_of_each_item_of_its_call(pool: Pool) -> None:
    fail = procession.chunked(chunks.fail_with_three)
    outcomes = pool.map(fail, range(8), 2, outcomes=True)
    assert [outcome.index for outcome in outcomes if not outcome.ok] == [2, 3]
    error = outcomes[2].error
    assert isinstance(error, ValueError)
    with pytest.raises(ValueError, match="three") as caught:
        pool.map(fail, range(8), 2)
    assert "raised by one call for 2 items (procession.chunked)" in caught.value.__notes__
    assert "item 2 (2)" in caught.value.__notes__
    iterator = pool.imap(fail, range(5), 2)
    assert [next(iterator), next(iterator)] == [0, 1]
    for item in (2, 3):
        with pytest.raises(ValueError) as caught:
            next(iterator)
        assert f"item {item} ({item})" in caught.value.__notes__
    assert next(iterator) == 4


@pytest.mark.short
def test_a_death_costs_its_call_and_no_other(pool: Pool) -> None:
    outcomes = pool.map(procession.chunked(chunks.die_with_three), range(12), 4, outcomes=True)
    assert [type(outcome.error) for outcome in outcomes] == [WorkerDied] * 4 + [type(None)] * 8
    assert "item 2 (2)" in str(outcomes[2].error)


def test_wrong_number_of_results(pool: Pool) -> None:
    with pytest.raises(ValueError, match=r"chunked function drop_one returned 4 results for 5 items; return a list"):
        pool.map(procession.chunked(chunks.drop_one), range(5), 5)
    for function in (chunks.forget_to_return, lambda many: "abcde", lambda many: dict.fromkeys(many)):
        with pytest.raises(TypeError, match=r"for 5 items; return a list with one result for each item"):
            pool.map(procession.chunked(function), range(5), 5)  # type: ignore[arg-type]


def test_anything_that_gives_one_after_the_other_will_do(pool: Pool) -> None:
    assert pool.map(procession.chunked(chunks.generator), range(5), 5) == list(range(5))
    assert pool.map(procession.chunked(tuple), range(5), 5) == list(range(5))


def test_items_that_do_not_travel_harm_no_other(pool: Pool) -> None:
    items: list[Any] = [1, work.Unpicklable(), "a", chunks.RefusesToBeRebuilt(), None]
    outcomes = pool.map(procession.chunked(chunks.type_names), items, 5, outcomes=True)
    assert [outcome.result for outcome in outcomes] == ["int", None, "str", None, "NoneType"]
    assert [type(outcome.error) for outcome in outcomes] == [
        type(None), RuntimeError, type(None), LookupError, type(None),
    ]  # fmt: skip


def test_partials_and_coroutines(pool: Pool) -> None:
    scaled = procession.chunked(chunks.scaled)
    assert pool.map(partial(scaled, factor=3), range(5)) == [0, 3, 6, 9, 12]
    assert pool.map(procession.chunked(partial(chunks.scaled, factor=3)), range(5)) == [0, 3, 6, 9, 12]
    assert pool.map(scaled, range(5), kwargs={"factor": 3}) == [0, 3, 6, 9, 12]
    assert pool.map(procession.chunked(chunks.later), range(5), 5) == [1, 2, 3, 4, 5]  # type: ignore[arg-type]


def test_durations_are_shares_of_the_call(pool: Pool) -> None:
    outcomes = pool.map(procession.chunked(chunks.slow_to_begin), range(10), 5, outcomes=True)
    assert all(outcome.seconds is not None and 0.001 <= outcome.seconds < 1 for outcome in outcomes)


def test_with_a_seed_each_item_is_alone() -> None:
    draw = procession.chunked(chunks.random_numbers)
    with Pool(2, seed=1) as pool:
        first = pool.map(draw, range(20), 5)
        assert pool.map(sizes, range(4), 4) == [1] * 4
    with Pool(1, seed=1) as pool:
        assert pool.map(draw, range(20)) == first


@pytest.mark.parametrize("backend", ["threads", "serial"])
def test_in_this_process(backend: Any) -> None:
    with Pool(2, backend=backend) as pool:
        assert pool.map(sizes, range(10), 5) == [5] * 10
        assert pool.starmap(procession.chunked(chunks.sums), [(1, 2), (3, 4)], 2) == [3, 7]
        assert list(pool.imap(partial(procession.chunked(chunks.scaled), factor=2), range(4), 2)) == [0, 2, 4, 6]
        outcomes = pool.map(procession.chunked(chunks.fail_with_three), range(8), 2, outcomes=True)
        assert [outcome.index for outcome in outcomes if not outcome.ok] == [2, 3]
        with pytest.raises(ValueError, match="returned 4 results for 5 items"):
            pool.map(procession.chunked(chunks.drop_one), range(5), 5)


def test_it_is_a_function_of_one_item() -> None:
    assert squares(3) == 9
    assert chunks.decorated(3) == 3
    assert chunks.Model(2).predict(4) == 8  # type: ignore[call-arg, arg-type]
    assert chunks.decorated.__name__ == "decorated"
    assert pickle.loads(pickle.dumps(chunks.decorated)) is chunks.decorated
    assert pickle.loads(pickle.dumps(squares))(3) == 9
    assert repr(squares).startswith("chunked(<function squares")
    with pytest.raises(TypeError, match="must be callable"):
        procession.chunked(3)  # type: ignore[call-overload]


def test_in_a_main_module(run_script: Any) -> None:
    done = run_script(
        """
        import procession

        @procession.chunked
        def lengths(texts):
            return [len(text) for text in texts]

        def doubled(numbers):
            return [2 * number for number in numbers]

        if __name__ == "__main__":
            for context in (None, "nursery", "fork", "forkserver", "spawn"):
                with procession.Pool(2, context=context) as pool:
                    print(pool.map(lengths, ["a", "bc"]), pool.map(procession.chunked(doubled), [1, 2]))
        """
    )
    assert done.stdout == "[1, 2] [2, 4]\n" * 5, done.stderr
