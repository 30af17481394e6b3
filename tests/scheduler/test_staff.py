"""How many workers there are: a quota, another size, want of work."""

from __future__ import annotations

import pytest

from procession.model.task import TaskOptions
from procession.scheduler import actions, events
from procession.scheduler.scheduler import Scheduler
from tests.scheduler.actors import FakeCall
from tests.scheduler.world import World

ITEMWISE = TaskOptions(chunksize=1)


def kinds(world: World) -> list[str]:
    return [type(action).__name__ for action in world.actions]


def busy(world: World, workers: int, items: int = 10) -> FakeCall:
    """All of these workers are inside an item of this call."""
    world.join_all()
    call = world.submit(items, ITEMWISE, cost=1.0)
    for worker in world.workers.values():
        worker.run(0, stay=True)
    return call


# A quota.


def test_a_successor_is_recruited_when_the_last_item_is_sent() -> None:
    world = World(1, quota=1)
    world.join_all()
    call = world.submit(3)
    assert kinds(world) == ["Send", "Recruit"]
    world.join_all()
    assert kinds(world) == []  # one at a time: it waits until its predecessor has ended
    world.work(world.workers[0])
    assert kinds(world) == ["Deliver", "Send", "Recruit", "Retire"]
    world.drain()
    assert call.delivered == 3


def test_nobody_is_recruited_for_what_will_not_come() -> None:
    world = World(2, quota=1)
    world.join_all()
    world.submit(2)
    recruits = len(world.workers)
    assert recruits == 4
    world.close()
    world.work(world.workers[0])
    assert "Recruit" not in kinds(world)
    world.drain()


def test_a_successor_that_finds_no_room_is_tried_again_when_its_predecessor_has_gone() -> None:
    world = World(2, quota=1)
    world.join_all()
    world.submit(3)
    for worker in [each for each in world.workers.values() if not each.ready]:
        world.refuse(worker)
    assert len(world.workers) == world.wanted == 2
    world.work(world.workers[0])
    assert "Recruit" in kinds(world)
    world.drain()


# Another size.


def test_a_larger_pool_gets_more_workers() -> None:
    world = World(1)
    busy(world, 1)
    world.resize(3)
    assert kinds(world) == ["Recruit", "Recruit"]
    world.join_all()
    assert all(worker.batches for worker in world.workers.values())
    world.drain()


def test_the_idle_retire_first() -> None:
    world = World(3)
    world.join_all()
    world.submit(1)
    world.resize(1)
    assert kinds(world) == ["Retire", "Retire"]
    assert [bool(worker.batches) for worker in world.workers.values()] == [True]
    world.drain()


def test_who_is_at_work_retires_after_that_and_what_it_holds_is_taken_back() -> None:
    world = World(2)
    world.join_all()
    call = world.submit(400, cost=1e-4)
    while any(len(worker.batches) < 2 for worker in world.workers.values()):
        for worker in world.workers.values():
            if len(worker.batches) < 2:
                worker.run(worker.batches[0].size)
                world.report(worker)
    world.resize(1)
    assert "TakeBack" in kinds(world)
    leaving = next(worker for worker in world.workers.values() if len(worker.batches) < 2)
    world.work(leaving)
    assert kinds(world)[-1] == "Retire"
    assert len(world.workers) == 1
    world.drain()
    assert call.delivered == 400


def test_who_was_to_leave_stays_where_more_are_wanted_again() -> None:
    world = World(3)
    busy(world, 3)
    world.resize(1)
    assert kinds(world) == []
    world.resize(3)
    assert kinds(world) == []
    world.work(world.workers[0])
    assert "Retire" not in kinds(world)
    world.drain()


def test_the_first_to_be_idle_leaves_whoever_was_chosen() -> None:
    world = World(2)
    busy(world, 2, 2)
    world.resize(1)
    world.work(world.workers[0])
    assert len(world.workers) == 1
    world.work(world.workers[1])
    assert len(world.workers) == 1
    world.drain()


def test_the_dead_are_not_replaced_where_there_are_too_many() -> None:
    world = World(3)
    busy(world, 3)
    world.resize(2)
    world.die(world.workers[0])
    assert len(world.workers) == 2
    world.die(world.workers[1])
    assert "Recruit" in kinds(world)
    world.drain()


def test_a_successor_that_is_wanted_no_longer_holds_no_place_free() -> None:
    world = World(4, quota=1)
    world.join_all()
    world.submit(13)
    world.refuse(next(each for each in world.workers.values() if not each.ready))
    world.resize(1)
    world.join_all()
    world.die(next(each for each in world.workers.values() if not each.parting))
    assert world.outlook.staying == 1, "the pool waits for those who leave"
    world.drain()


def test_the_system_refuses_one_that_was_to_leave_anyway() -> None:
    world = World(3)
    world.resize(2)
    for worker in list(world.workers.values())[:1]:
        world.refuse(worker)
    assert world.wanted == len(world.workers) == 2
    world.join_all()
    assert len(world.workers) == 2
    world.drain()


# Want of work.


def test_idle_workers_go_and_come_back_with_the_next_work() -> None:
    world = World(3, idle_timeout=10.0)
    world.join_all()
    assert world.scheduler.next_deadline() == world.now + 10.0
    world.tick()
    assert kinds(world) == ["Retire"] * 3
    assert world.scheduler.next_deadline() is None
    call = world.submit(2)
    assert kinds(world) == ["Recruit"] * 2
    world.drain()
    assert call.delivered == 2


def test_each_goes_when_its_own_time_is_over() -> None:
    world = World(2, idle_timeout=10.0)
    world.join(world.workers[0])
    world.now += 4.0
    world.join(world.workers[1])
    world.tick()
    assert list(world.workers) == [1]
    world.now += 1.0
    world.submit(1)
    world.now += 100.0
    world.work(world.workers[1])  # it was not idle
    assert list(world.workers) == [1]
    assert world.scheduler.next_deadline() == world.now + 10.0
    world.drain()


def test_a_single_item_is_wanted_while_nobody_is_there() -> None:
    world = World(2, idle_timeout=1.0)
    world.join_all()
    world.tick()
    call = world.submit(None, TaskOptions(ordered=False, alike=False))
    assert world.scheduler.wants(call.number)
    world.feed(call, 1)
    assert kinds(world) == ["Recruit"]
    world.drain()


def test_a_lazy_input_is_read_while_nobody_is_there() -> None:
    world = World(2, idle_timeout=1.0)
    world.join_all()
    world.tick()
    call = world.submit(None, TaskOptions(lazy=True))
    (read,) = world.actions
    assert isinstance(read, actions.Read) and read.hungry and read.limit > 0
    world.feed(call, 1)
    assert "Recruit" in kinds(world)
    world.drain()


# One call for many items.


@pytest.mark.parametrize("chunksize", [None, 7])
def test_a_death_costs_all_items_of_one_call(chunksize: int | None) -> None:
    world = World(1)
    world.join_all()
    call = world.submit(100, TaskOptions(chunksize, together=True), cost=1e-3)
    world.work(world.workers[0])
    held = world.workers[0].batches[0]
    world.workers[0].run(0, stay=True)
    world.die(world.workers[0])
    assert call.lost == set(range(held.start, held.start + held.size)) and held.size > 1
    world.drain()
    assert call.delivered == 100


def test_one_call_may_last_longer_than_a_batch_of_single_items() -> None:
    world = World(1)
    world.join_all()
    call = world.submit(5000, TaskOptions(together=True), cost=1e-3)
    world.drain()
    assert 200 <= call.largest <= 250


# On demand.


def test_on_demand_a_worker_comes_for_what_no_idle_one_takes() -> None:
    scheduler = Scheduler()
    assert scheduler.handle(events.Opened(3, on_demand=True), 0.0) == []
    scheduler.handle(events.Submitted(0, None, TaskOptions(ordered=False, alike=False)), 0.0)

    def feed(count: int) -> list[str]:
        assert scheduler.wants(0)
        return [type(action).__name__ for action in scheduler.handle(events.Fed(0, count), 0.0)]

    assert feed(1) == ["Recruit"]
    assert [type(each) for each in scheduler.handle(events.Joined(0), 0.0)] == [actions.Send]
    scheduler.handle(events.Finished(0, 1, 1, 1.0), 1.0)
    assert feed(1) == ["Send"]
    assert feed(1) == ["Recruit"]
    assert feed(5) == ["Recruit"]
    assert len(scheduler.handle(events.Joined(1), 1.0)) == 1
    assert not scheduler.wants(0)
