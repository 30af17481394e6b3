"""What a death costs, who is charged, and who takes a dead worker's place."""

from __future__ import annotations

import pytest

from procession.model.task import TaskOptions
from procession.scheduler import actions, events
from procession.scheduler.scheduler import STILLBORN_LIMIT
from tests.scheduler.actors import FakeCall
from tests.scheduler.world import World


def with_batch(items: int, options: TaskOptions | None = None) -> tuple[World, FakeCall]:
    """One worker that has all `items` of a call in one batch, the first of which is number 0."""
    world = World(1)
    world.join_all()
    return world, world.submit(items, options or TaskOptions(chunksize=items))


def lost(call: FakeCall) -> list[int]:
    return sorted(call.lost)


def test_killed_worker_costs_the_item_that_ran() -> None:
    world, call = with_batch(10)
    world.workers[0].run(4, stay=True)
    world.die(world.workers[0])
    world.drain()
    assert lost(call) == [4]


def test_what_was_reported_before_a_death_is_kept() -> None:
    world, call = with_batch(10)
    worker = world.workers[0]
    worker.run(4, stay=True)
    world.report(worker, 3)
    world.die(worker)
    assert [i for i in range(10) if call.state[i] == 3] == [0, 1, 2]
    world.drain()
    assert lost(call) == [4]


def test_a_lost_item_is_delivered_in_its_place() -> None:
    world, call = with_batch(3)
    world.workers[0].run(1, stay=True)
    world.die(world.workers[0])
    assert [each for each in world.actions if isinstance(each, actions.Lose | actions.Deliver)] == [
        actions.Lose(1, 1, 0)
    ]
    world.drain()
    assert call.delivered == 3


def test_idle_workers_death_costs_nothing() -> None:
    world = World(1)
    world.join_all()
    world.die(world.workers[0])
    call = world.submit(5)
    world.drain()
    assert lost(call) == []


def test_death_before_the_first_item_costs_nothing() -> None:
    world, call = with_batch(5)
    world.die(world.workers[0])
    world.drain()
    assert lost(call) == []


def test_death_after_the_one_ended_item_charges_it() -> None:
    world, call = with_batch(5)
    world.workers[0].run(1)
    world.die(world.workers[0])
    world.drain()
    assert lost(call) == [0]


def test_death_between_items_costs_no_innocent() -> None:
    world, call = with_batch(10)
    world.workers[0].run(4)
    world.die(world.workers[0])
    world.drain()
    assert lost(call) == []


def test_suspects_run_alone_and_the_next_death_tells_which_it_was() -> None:
    world, call = with_batch(10)
    world.workers[0].run(4)
    world.die(world.workers[0])  # 0 to 3 are suspects, 2 did it
    while call.open:
        world.join_all()
        (worker,) = world.workers.values()
        batch = worker.batches[0]
        guilty = (batch.start, batch.size) == (2, 1)
        worker.run(batch.size)
        if guilty:
            world.die(worker)
        else:
            world.report_all(worker)
    assert lost(call) == [2]


def test_suspects_of_two_batches_are_all_suspects() -> None:
    world = World(1)
    world.join_all()
    first, second = world.submit(3, TaskOptions(chunksize=1), 1e-3), world.submit(3, TaskOptions(chunksize=1), 1e-3)
    worker = world.workers[0]
    world.work(worker)
    world.work(worker)
    assert len(worker.batches) == 2
    worker.run(2)
    world.die(worker)
    world.drain()
    assert lost(first) == lost(second) == []


@pytest.mark.parametrize("running", [True, False])
def test_a_counter_that_still_names_a_reported_item_charges_nobody(running: bool) -> None:
    world, call = with_batch(10)
    worker = world.workers[0]
    worker.run(4)
    world.report(worker)
    world.die(worker, stale=1 + running)
    world.drain()
    assert lost(call) == []


def test_the_end_of_a_nursery_charges_only_what_ran() -> None:
    for stay, charged in [(True, [1]), (False, [])]:
        world, call = with_batch(5)
        worker = world.workers[0]
        worker.run(1, stay=stay)
        world.die(worker, orphaned=True)
        world.drain()
        assert lost(call) == charged


def test_the_end_of_a_nursery_is_no_sign_of_workers_that_cannot_start() -> None:
    world = World(1)
    for number in range(2 * STILLBORN_LIMIT):
        world.die(world.workers[number], orphaned=True)
    world.drain()
    assert not world.aborted


def test_nobody_is_charged_for_a_cancelled_call() -> None:
    world, call = with_batch(10)
    other = world.submit(5)
    worker = world.workers[0]
    worker.run(4, stay=True)
    world.cancel(call)
    world.die(worker)
    world.drain()
    assert lost(call) == lost(other) == []


def test_a_dead_worker_is_replaced_at_once() -> None:
    world = World(3)
    world.join_all()
    world.die(world.workers[1])
    assert world.actions == [actions.Recruit(3)]


def test_three_stillborn_workers_in_a_row_end_the_pool() -> None:
    world = World(1)
    for number in range(STILLBORN_LIMIT):
        assert not world.aborted
        world.die(world.workers[number])
    assert world.actions == [actions.Abort()]


def test_a_worker_that_joins_ends_the_row_of_stillborn() -> None:
    world = World(2)
    for _ in range(STILLBORN_LIMIT - 1):
        world.die(world.workers[max(world.workers)])
    world.join(world.workers[0])
    for _ in range(STILLBORN_LIMIT - 1):
        world.die(world.workers[max(world.workers)])
    assert not world.aborted


def test_workers_that_cannot_be_started_are_done_without() -> None:
    world = World(3)
    world.refusals = 2
    world.join(world.workers[0])
    world.refuse(world.workers[1])
    world.refuse(world.workers[2])
    call = world.submit(10)
    world.drain()
    assert call.delivered == 10


def test_a_pool_without_any_worker_ends() -> None:
    world = World(1)
    assert world.scheduler.handle(events.Refused(0), world.now) == [actions.Abort()]


def test_a_worker_that_has_used_up_its_quota_is_replaced() -> None:
    world = World(1, quota=3)
    world.join_all()
    call = world.submit(10)
    workers = set()
    while call.open:
        world.join_all()
        worker = next(each for each in world.workers.values() if each.batches)
        workers.add(worker.number)
        world.work(worker)
    assert len(workers) == 4


def test_a_quota_counts_chunks_where_their_size_was_chosen() -> None:
    world = World(1, quota=2)
    world.join_all()
    call = world.submit(40, TaskOptions(chunksize=10))
    workers = set()
    while call.open:
        world.join_all()
        worker = next(each for each in world.workers.values() if each.batches)
        workers.add(worker.number)
        world.work(worker)
    assert len(workers) == 2


def with_three_chunks() -> tuple[World, FakeCall]:
    """One worker that has ended a chunk of 10, is inside the second and has not claimed the third."""
    world = World(1, quota=4)
    world.join_all()
    call = world.submit(30, TaskOptions(chunksize=10), cost=1e-6)
    world.work(world.workers[0])
    world.workers[0].run(0, stay=True)
    assert world.workers[0].used == 3
    return world, call


def test_what_was_taken_back_does_not_count_towards_a_quota() -> None:
    world, call = with_three_chunks()
    world.cancel(call)
    world.work(world.workers[0])
    assert list(world.workers) == [0]


def test_a_chunk_that_was_taken_back_counts_as_one() -> None:
    world, call = with_three_chunks()
    world.cancel(call)
    world.work(world.workers[0])
    world.submit(2, TaskOptions(chunksize=1))
    world.work(world.workers[0])
    assert list(world.workers) == [0, 1]
    world.work(world.workers[0])
    assert list(world.workers) == [1]


def test_who_has_got_its_last_leaves_even_if_that_is_taken_back() -> None:
    world = World(1, quota=3)
    world.join_all()
    call = world.submit(30, TaskOptions(chunksize=10), cost=1e-6)
    world.work(world.workers[0])
    assert list(world.workers) == [0, 1]  # its successor is on the way
    world.workers[0].run(0, stay=True)
    world.cancel(call)
    world.work(world.workers[0])
    assert list(world.workers) == [1]


def test_a_worker_is_replaced_only_when_its_last_item_has_ended() -> None:
    world = World(1, quota=3)
    world.join_all()
    world.submit(10, cost=1e-6)
    worker = world.workers[0]
    world.work(worker)
    worker.run(1)
    world.report(worker)
    assert list(world.workers) == [0, 1] and worker.batches
