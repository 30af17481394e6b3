"""Batches are a matter of speed only: every promise is per item."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from procession import Pool, WorkerDied
from tests.pool import functions as work

pytestmark = pytest.mark.limit(60)


def quick_or_slow(seconds: float) -> float:
    if seconds:
        time.sleep(seconds)
    return seconds


def note_and_die(item: tuple[Path, int]) -> int:
    folder, number = item
    with open(folder / f"{number}", "a") as file:
        file.write("x")
    if number == 500:
        os.kill(os.getpid(), 9)
    return number


@pytest.mark.short
def test_death_costs_the_item_that_was_running(pool: Pool) -> None:
    with pytest.raises(WorkerDied, match=r"item 3 \(3\): worker \d+ was killed by SIGKILL") as caught:
        pool.map(work.die_at_three, range(2000))
    assert caught.value.index == 3
    outcomes = pool.map(work.die_at_three, range(2000), outcomes=True)
    assert [outcome.index for outcome in outcomes if not outcome.ok] == [3]
    assert [outcome.result for outcome in outcomes if outcome.ok] == [n for n in range(2000) if n != 3]


@pytest.mark.parametrize("chunksize", [None, 1, 50])
def test_death_within_a_batch_keeps_what_was_finished_and_gives_back_the_rest(
    pool: Pool, chunksize: int | None, tmp_path: Path
) -> None:
    assert pool.map(quick_or_slow, [0] * 5000) == [0] * 5000
    items = [(tmp_path, number) for number in range(1000)]
    outcomes = pool.map(note_and_die, items, chunksize, outcomes=True)
    assert [outcome.index for outcome in outcomes if outcome.error is not None] == [500]
    assert isinstance(outcomes[500].error, WorkerDied)
    runs = [len((tmp_path / str(number)).read_text()) for number in range(1000)]
    assert min(runs) == 1 and runs[500] == 1
    if chunksize == 1:
        assert max(runs) == 1  # every outcome was sent at once, so nothing ran again


def test_lazy_call_keeps_its_order_through_deaths(pool: Pool) -> None:
    iterator = pool.imap(work.die_at_three, [number % 50 for number in range(300)])
    seen: list[Any] = []
    for place in range(300):
        try:
            seen.append(next(iterator))
        except WorkerDied as error:
            assert error.index == place
            seen.append(3)
    assert seen == [number % 50 for number in range(300)]


@pytest.mark.parametrize("name", ["map", "imap_unordered"])
def test_one_long_item_among_quick_ones_holds_up_none(pool: Pool, name: str) -> None:
    pool.map(quick_or_slow, [0.0] * 20_000)  # large batches by now
    items = [0.0] * 4000
    items[100] = 1.5
    items += [0.02] * 40
    begun = time.monotonic()
    results = list(getattr(pool, name)(quick_or_slow, items))
    assert sorted(results) == sorted(items)
    assert time.monotonic() - begun < 1.5 + 0.8  # the other worker does the rest meanwhile: 0.8 s


def test_results_arrive_as_they_finish_and_not_in_lumps(pool: Pool) -> None:
    iterator = pool.imap_unordered(quick_or_slow, [0.002] * 100 + [2.0])
    begun = time.monotonic()
    early = [next(iterator) for _ in range(100)]
    assert time.monotonic() - begun < 1.5 and early == [0.002] * 100
    assert next(iterator) == 2.0


def test_long_item_holds_up_no_more_than_a_millisecond_of_quick_ones() -> None:
    with Pool(1) as pool:
        pool.map(quick_or_slow, [0.0] * 50_000)  # batches of many items
        begun = time.monotonic()
        assert pool.map(quick_or_slow, [0.0] * 200_000) == [0.0] * 200_000
        rate = 200_000 / (time.monotonic() - begun)
        iterator = pool.imap_unordered(quick_or_slow, [0.0] * 200_000 + [2.0])
        begun = time.monotonic()
        count = 0
        try:
            while True:
                assert iterator.next(timeout=max(0.01, begun + 1.8 - time.monotonic())) == 0.0
                count += 1
        except TimeoutError:
            pass
        assert count >= 200_000 - max(rate * 0.02, 33_000)  # a worker cannot send while an item runs
        assert sum(1 for _ in iterator) == 200_001 - count


def test_apply_does_not_wait_for_a_big_map(pool: Pool) -> None:
    result = pool.map_async(quick_or_slow, [0.001] * 3000)  # 1.5 s
    pool.apply(work.square, (2,))
    begun = time.monotonic()
    for number in range(20):
        assert pool.apply(work.square, (number,)) == number * number
    assert time.monotonic() - begun < 1.0
    assert not result.ready()
    result.get(30)


def test_two_maps_share_the_workers(pool: Pool) -> None:
    first = pool.map_async(quick_or_slow, [0.001] * 2000)
    second = pool.map_async(quick_or_slow, [0.001] * 200)
    second.get(30)
    assert not first.ready()
    first.get(30)


def test_worker_is_replaced_after_its_share_of_items() -> None:
    with Pool(2, maxtasksperchild=5) as pool:
        pids = pool.map(work.pid, range(40))
        assert max(pids.count(pid) for pid in set(pids)) <= 5
        pids = [pool.apply(work.pid) for _ in range(12)]
        assert max(pids.count(pid) for pid in set(pids)) <= 5


def test_chunk_that_the_caller_chose_counts_as_one_task() -> None:
    with Pool(1, maxtasksperchild=2) as pool:
        pids = pool.map(work.pid, range(40), 10)
        assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [20, 20]


def test_used_up_workers_are_replaced_also_after_close() -> None:
    with Pool(2, maxtasksperchild=1) as pool:
        results = [pool.apply_async(work.pid) for _ in range(8)]
        pool.close()
        pool.join()
        assert len({result.get(0) for result in results}) == 8
