"""How many items travel together."""

from __future__ import annotations

import pytest

from procession.model.task import TaskOptions
from procession.scheduler import actions
from procession.scheduler.batching import (
    BATCH_BYTES,
    BATCH_ITEMS,
    BATCH_SECONDS,
    GROUP_ITEMS,
    GROWTH,
    KEPT_PACES,
    LAZY_ITEMS,
    Pace,
    Paces,
    most_items,
)
from tests.scheduler.actors import FakeCall
from tests.scheduler.world import World


def ready(workers: int, quota: int | None = None) -> World:
    world = World(workers, quota)
    world.join_all()
    return world


def sizes(world: World) -> list[int]:
    """The sizes of the batches that the last event sent out."""
    return [each.stop - each.start for each in world.actions if isinstance(each, actions.Send)]


def run_all(world: World, call: FakeCall) -> list[int]:
    """Let workers take turns until the call is over; return the sizes of all batches."""
    out = sizes(world)
    while call.open:
        for worker in list(world.workers.values()):
            if worker.batches:
                worker.run(worker.batches[0].size)
                world.report(worker)
                out += sizes(world)
    return out


def test_the_first_batch_of_each_worker_is_one_item() -> None:
    world = ready(3)
    world.submit(10_000)
    assert sizes(world) == [1, 1, 1]


def test_a_worker_that_runs_its_first_item_gets_no_second_batch() -> None:
    world = ready(2)
    world.submit(10_000)
    assert all(len(worker.batches) == 1 for worker in world.workers.values())


@pytest.mark.parametrize("cost", [1e-6, 1e-5, 1e-4, 1e-3])
def test_batches_grow_to_a_few_milliseconds_of_work(cost: float) -> None:
    world = ready(2)
    most = max(run_all(world, world.submit(200_000, cost=cost)))
    assert 0.9 * BATCH_SECONDS <= most * cost <= BATCH_SECONDS + 1e-9


def test_items_longer_than_a_batch_travel_singly() -> None:
    world = ready(2)
    assert set(run_all(world, world.submit(50, cost=0.01))) == {1}


def test_a_batch_is_at_most_a_few_times_what_was_measured() -> None:
    pace, measured = Pace(), 0
    for _ in range(5):
        size = pace.next_size(10**9, BATCH_ITEMS, 0, 1, True)
        assert size <= max(1, GROWTH * measured)
        pace.measured(size, size * 1e-9)
        measured += size


def test_a_batch_has_no_more_items_than_fit_into_memory() -> None:
    pace = Pace()
    pace.measured(10**6, 0.0)
    assert pace.next_size(10**9, BATCH_ITEMS, 0, 1, False) == BATCH_ITEMS
    assert pace.next_size(10**9, BATCH_ITEMS, 0, 1, True) == LAZY_ITEMS


def test_a_batch_of_large_items_has_few() -> None:
    assert most_items(BATCH_BYTES / 10) == 10
    pace = Pace()
    pace.measured(1000, 1e-4)
    assert pace.next_size(10**6, 10, 0, 1, True) == 10


def test_an_item_larger_than_a_batch_travels_alone() -> None:
    assert most_items(BATCH_BYTES * 10) == 1
    assert most_items(0.0) == most_items(1.0) == BATCH_ITEMS  # what it weighs does not matter


def test_a_slow_item_makes_batches_small() -> None:
    pace = Pace()
    for _ in range(20):
        pace.measured(4000, 0.004)
    before = pace.next_size(10**6, BATCH_ITEMS, 0, 1, True)
    pace.measured(1, 1.0)
    assert before == 4000
    assert pace.next_size(10**6, BATCH_ITEMS, 0, 1, True) < before / 100


def test_batches_grow_again_after_a_slow_item() -> None:
    pace = Pace()
    pace.measured(1, 1.0)
    for _ in range(20):
        size = pace.next_size(10**6, BATCH_ITEMS, 0, 1, True)
        pace.measured(size, size * 1e-6)
    assert pace.next_size(10**6, BATCH_ITEMS, 0, 1, True) > 2000


def test_two_items_for_two_idle_workers_are_one_each() -> None:
    world = ready(2)
    call = world.submit(None, TaskOptions(lazy=True))
    world.feed(call, 2)
    for worker in world.workers.values():
        world.work(worker)
    world.consume(call, 2)
    world.feed(call, 2)
    assert sizes(world) == [1, 1]
    assert all(len(worker.batches) == 1 for worker in world.workers.values())


def test_idle_workers_share_what_is_left() -> None:
    pace = Pace()
    pace.measured(10_000, 1.0)
    assert [pace.next_size(100, BATCH_ITEMS, 4, 8, False), pace.next_size(75, BATCH_ITEMS, 3, 6, False)] == [25, 25]


def test_no_more_workers_are_woken_than_the_work_is_worth() -> None:
    pace = Pace()
    pace.measured(10_000, 0.1)  # 10 µs each: 1,000 are 10 ms, for which ten messages of 0.1 ms are the best
    assert pace.next_size(1000, BATCH_ITEMS, 128, 256, False) == 100


def test_short_batches_at_a_calls_end_do_not_make_the_next_call_start_small() -> None:
    pace = Pace()
    pace.measured(10_000, 0.001)
    for _ in range(5):
        pace.measured(2, 2e-7)
    assert pace.next_size(100_000, BATCH_ITEMS, 2, 4, False) == BATCH_ITEMS


def test_the_end_of_the_input_is_spread_over_all_places() -> None:
    pace = Pace()
    pace.measured(10_000, 0.1)  # 10 µs each: 400 would make a batch
    assert pace.next_size(400, BATCH_ITEMS, 0, 4, False) == 100


def test_work_that_is_not_worth_a_message_is_not_divided() -> None:
    pace = Pace()
    pace.measured(10_000, 0.01)  # 1 µs each
    assert pace.next_size(100, BATCH_ITEMS, 1, 4, False) == 100


def test_a_chosen_size_is_obeyed() -> None:
    world = ready(2)
    assert run_all(world, world.submit(95, TaskOptions(chunksize=10), cost=1e-6)) == [10] * 9 + [5]


def test_a_worker_claims_little_at_once() -> None:
    pace = Pace()
    assert pace.group_size(1000) == 1
    pace.measured(1000, 1000 * 1e-5)
    assert pace.group_size(1000) == 5
    pace.measured(10**6, 0.0)
    assert pace.group_size(1000) == GROUP_ITEMS
    assert pace.group_size(16) == 2  # of a small batch some can always be taken back
    assert pace.group_size(1) == 1


def test_a_function_that_is_known_starts_at_its_pace() -> None:
    paces = Paces()
    paces.of(7).measured(1000, 0.001)
    assert paces.of(7).next_size(1000, BATCH_ITEMS, 2, 4, False) == 500
    assert paces.of(8).next_size(1000, BATCH_ITEMS, 2, 4, False) == 1
    assert paces.of(None).next_size(1000, BATCH_ITEMS, 2, 4, False) == 1
    for function in range(100, 100 + KEPT_PACES):
        paces.of(function)
    assert not paces.of(7).known


def test_items_of_different_functions_are_claimed_singly() -> None:
    world = ready(1)
    call = world.submit(10_000, TaskOptions(alike=False), cost=1e-6)
    groups = set()
    while call.open:
        sent = [each for each in world.actions if isinstance(each, actions.Send)]
        groups |= {each.group for each in sent if each.stop - each.start > 1}
        world.work(world.workers[0])
    assert groups == {1}
