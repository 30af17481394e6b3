"""Seeds: an item's random numbers depend on the pool's seed, the call and the item, and on nothing else."""

from __future__ import annotations

import os
import random
from typing import Any

import hypothesis.strategies as st
import numpy
import pytest
from hypothesis import given

import procession
from procession import worker
from procession.worker import seeds

SMALL = st.integers(0, 2**70)


def draw(_: object = None) -> tuple[float, float]:
    return random.random(), float(numpy.random.random())


def draw_late(_: object = None) -> float:
    """Where numpy is not loaded before an item runs."""
    import numpy as late

    return float(late.random.random())


def draw_own(_: object = None) -> tuple[float, int | None]:
    return float(worker.rng().random()), worker.seed


def draw_or_die(index: int) -> tuple[float, float]:
    if index == 5:
        os._exit(1)
    return draw()


def in_pool(method: str | None, items: int = 12, **options: Any) -> list[Any]:
    with procession.Pool(options.pop("size", 2), context=method, seed=7, **options) as pool:
        return pool.map(draw, range(items), chunksize=1)


@pytest.mark.short
def test_numbers_are_the_same_whatever_runs_the_items(start_method: str | None) -> None:
    with procession.Pool(3, context=start_method, seed=7) as pool:
        first, second = pool.map(draw, range(12), chunksize=5), list(pool.imap_unordered(draw, range(1)))
        singles = [pool.apply(draw) for _ in range(2)]
    assert len(set(first) | set(second) | set(singles)) == 15
    with procession.Pool(1, context=start_method, seed=7, maxtasksperchild=2) as pool:
        assert pool.map(draw, range(12), chunksize=1) == first
        assert list(pool.imap(draw, range(1))) == second
        assert [pool.apply_async(draw).get() for _ in range(2)] == singles
    with procession.Pool(1, context=start_method, seed=8) as pool:
        assert not set(pool.map(draw, range(12))) & set(first)


def test_items_that_run_again_after_a_death_draw_the_same() -> None:
    expected = in_pool("fork")
    with procession.Pool(2, context="fork", seed=7) as pool:
        outcomes = pool.map(draw_or_die, range(12), chunksize=6, outcomes=True)
    assert [each.index for each in outcomes if not each.ok] == [5]
    assert [each.result for each in outcomes if each.ok] == expected[:5] + expected[6:]


def test_every_start_method_gives_the_same_numbers() -> None:
    assert in_pool("fork") == in_pool("nursery") == in_pool("spawn") == in_pool("forkserver")


def test_numpy_that_an_item_loads_is_seeded_in_that_moment() -> None:
    expected = [numbers for _, numbers in in_pool("fork", 3)]
    with procession.Pool(1, context="nursery", seed=7) as pool:
        assert pool.map(draw_late, range(3), chunksize=1) == expected


def test_what_other_items_drew_makes_no_difference() -> None:
    with procession.Pool(1, context="fork", seed=7) as pool:
        alone = pool.map(draw, range(3))
    with procession.Pool(1, context="fork", seed=7) as pool:
        assert pool.map(lambda n: [draw() for _ in range(n + 1)][0], range(3)) == alone


def test_a_generator_of_numpy_is_the_item_s_own_and_can_be_made_again_here() -> None:
    with procession.Pool(2, context="nursery", seed=7) as pool:
        numbers = pool.map(draw_own, range(4), chunksize=1)
    for index, (number, seed) in enumerate(numbers):
        assert seed == seeds.derive(7, 1, index)
        assert number == numpy.random.default_rng(seed).random()
    assert worker.seed is None and worker.rng().random() != worker.rng().random()


def test_without_a_seed_forked_workers_share_no_state() -> None:
    random.seed(1)
    numpy.random.seed(1)
    with procession.Pool(3, context="fork") as pool:
        drawn = [pool.apply_async(draw) for _ in range(3)] + [pool.apply_async(draw) for _ in range(3)]
        numbers = [each.get() for each in drawn]
    assert len({one for one, _ in numbers}) == len({two for _, two in numbers}) == 6
    assert numbers[0] not in numbers[1:]


def test_this_process_s_numbers_are_left_alone() -> None:
    random.seed(5)
    expected = [random.random() for _ in range(2)]
    random.seed(5)
    first = random.random()
    in_pool("fork", 2)
    assert [first, random.random()] == expected


@pytest.mark.parametrize("seed", [-1, 0.5, "7"])
def test_a_wrong_seed_is_refused_before_anything_starts(seed: Any) -> None:
    with pytest.raises(ValueError, match=r"seed=.*: must be a whole number of 0 or more, or None"):
        procession.Pool(1, seed=seed)


@given(st.lists(st.tuples(SMALL, st.integers(0, 2**40), st.integers(0, 2**40)), unique=True, max_size=20))
def test_seeds_of_different_items_differ(keys: list[tuple[int, int, int]]) -> None:
    derived = [seeds.derive(*key) for key in keys]
    assert len(set(derived)) == len(keys)
    assert derived == [seeds.derive(*key) for key in keys]
    assert all(0 <= seed < 2**seeds.BITS for seed in derived)


@given(SMALL, st.integers(0, 2**40), st.integers(0, 2**40), st.integers(0, 39))
def test_neighbours_have_nothing_in_common(seed: int, call: int, index: int, bit: int) -> None:
    one = seeds.derive(seed, call, index)
    for other in (
        seeds.derive(seed ^ 1 << bit, call, index),
        seeds.derive(seed, call ^ 1 << bit, index),
        seeds.derive(seed, call, index ^ 1 << bit),
    ):
        assert 70 < (one ^ other).bit_count() < 186  # of 256; seven standard deviations


@given(st.integers(2**256, 2**600))
def test_every_bit_of_a_long_seed_counts(seed: int) -> None:
    assert seeds.derive(seed, 0, 0) != seeds.derive(seed & seeds.MASK, 0, 0)


def test_nothing_is_loaded_for_a_seed(run_script: Any) -> None:
    done = run_script("""
        import sys, procession
        def loaded(_): return "numpy" in sys.modules
        with procession.Pool(1, seed=1) as pool:
            print(pool.apply(loaded, (0,)), "numpy" in sys.modules, "random" in sys.modules)
    """)
    assert done.stdout == "False False False\n", done
