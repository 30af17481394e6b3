"""Memory: how many items may run at once, who is held back, who has outgrown what a worker may hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from procession.model.task import TaskOptions
from procession.scheduler.admission import KEPT_SECONDS, LEAST_BYTES, PROBE_SECONDS, Admission
from tests.scheduler.actors import FakeCall
from tests.scheduler.test_staff import busy, kinds
from tests.scheduler.world import World

GB = 10**9
ITEMWISE = TaskOptions(chunksize=1)

sizes = st.integers(0, 64 * GB)


def at_work(world: World) -> int:
    return sum(bool(worker.batches) for worker in world.workers.values())


def measured(world: World, items: int) -> FakeCall:
    """A call whose items are known to take 1 ms, so that workers are handed some ahead."""
    world.join_all()
    world.submit(1, ITEMWISE, cost=0.001, function=1)
    world.work(next(worker for worker in world.workers.values() if worker.batches))
    call = world.submit(items, cost=0.001, function=1)
    for worker in world.workers.values():
        worker.run(0, stay=True)
    return call


# Who is started.


def test_one_item_runs_where_there_is_room_for_none() -> None:
    world = World(3)
    world.admit(0)
    call = busy(world, 3, items=4)
    for _ in range(4):
        assert at_work(world) == 1
        world.work(next(worker for worker in world.workers.values() if worker.batches))
    assert call.delivered == 4


def test_more_room_starts_more_at_once() -> None:
    world = World(4)
    world.admit(1)
    busy(world, 4)
    world.admit(3)
    assert kinds(world) == ["Send", "Send"] and at_work(world) == 3
    world.admit(100)
    assert at_work(world) == 4
    world.drain()


def test_less_room_takes_back_what_was_sent_ahead() -> None:
    world = World(2)
    call = measured(world, 200)
    assert call.sent > 2
    world.admit(1)
    assert kinds(world)[:2] == ["TakeBack", "TakeBack"]
    assert not any(worker.waiting for worker in world.workers.values())
    world.drain()
    assert call.delivered == 200


def test_nothing_is_sent_ahead_while_too_many_run() -> None:
    world = World(2)
    call = measured(world, 2)
    world.admit(1)
    more = world.submit(4, ITEMWISE, cost=0.001, function=1)
    assert (at_work(world), more.sent) == (2, 0)
    world.work(world.workers[0])
    assert at_work(world) == 1 and world.workers[1].batches  # the last one is fed on
    world.drain()
    assert call.delivered == 2 and more.delivered == 4


# A worker that has outgrown its limit.


def test_an_outgrown_worker_ends_what_it_has_begun_and_has_a_successor() -> None:
    world = World(1)
    call = busy(world, 1)
    world.outgrow(world.workers[0])
    assert kinds(world) == ["Recruit"]
    world.join_all()
    world.work(world.workers[0])
    assert kinds(world) == ["Deliver", "Send", "Retire"] and list(world.workers) == [1]
    world.drain()
    assert call.delivered == 10


def test_what_an_outgrown_worker_holds_ahead_goes_back() -> None:
    world = World(1)
    call = measured(world, 100)
    world.outgrow(world.workers[0])
    assert kinds(world)[0] == "TakeBack" and not world.workers[0].waiting
    world.drain()
    assert call.delivered == 100


def test_one_that_was_too_many_and_has_outgrown_does_not_stay() -> None:
    world = World(2)
    busy(world, 2)
    world.resize(1)
    leaving = next(worker for worker in world.scheduler._roster if worker.leaving)
    world.outgrow(world.workers[leaving.number])
    world.resize(2)
    assert kinds(world) == ["Recruit"]
    world.drain()


# How many may run.


@given(available=sizes, floor=st.integers(1, 64 * GB), held=st.lists(sizes, max_size=8))
def test_below_the_floor_one_runs(available: int, floor: int, held: list[int]) -> None:
    admission = Admission(floor)
    admission.look(0.0, 64 * GB, held)
    admission.ended()
    count = admission.look(1.0, available, held)
    assert count >= 1
    if available < floor:
        assert count == 1
    elif count > 1:  # each of them may take as much as the largest that was seen
        assert (count * max([LEAST_BYTES, *held])) <= available - floor + sum(held)


def test_a_large_item_that_was_seen_is_expected_again() -> None:
    admission = Admission(GB // 2)
    admission.look(0.0, 3 * GB, [GB // 100])
    admission.ended()
    assert admission.look(0.1, 3 * GB, [GB // 100]) > 100
    assert admission.look(0.2, 1 * GB, [2 * GB]) == 1
    assert admission.look(0.3, 3 * GB, []) == 1
    assert admission.look(0.4, 30 * GB, []) == 14


def test_while_no_item_has_ended_they_start_one_after_another() -> None:
    admission = Admission(GB)
    counts = [admission.look(seconds, 64 * GB, [1000]) for seconds in (0.0, 0.05, PROBE_SECONDS, 3.5 * PROBE_SECONDS)]
    assert counts == [1, 1, 2, 4]
    assert admission.ended() and not admission.ended()
    assert admission.look(4.0, 64 * GB, [1000]) > 1000


def test_a_pool_that_was_idle_for_long_begins_anew() -> None:
    admission = Admission(GB)
    admission.look(0.0, 64 * GB, [32 * GB])
    admission.ended()
    admission.rest(1.0)
    assert admission.look(2.0, 66 * GB, []) == 2
    admission.rest(3.0)
    assert admission.look(3.5 + KEPT_SECONDS, 66 * GB, []) == 1
    admission.ended()
    assert admission.look(4.0 + KEPT_SECONDS, 66 * GB, []) > 2
