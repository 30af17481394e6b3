"""Which worker gets what, and when it is taken back."""

from __future__ import annotations

import random
from collections.abc import Sequence
from math import inf

import pytest

from procession.model.task import TaskOptions
from procession.scheduler import actions, events
from procession.scheduler.dispatch import OVERDUE_SECONDS
from procession.scheduler.scheduler import Scheduler
from tests.scheduler.actors import FakeCall, FakeWorker
from tests.scheduler.world import World


def taken_back(world: World) -> list[int]:
    """The workers from which the last event took back."""
    return [each.worker for each in world.actions if isinstance(each, actions.TakeBack)]


def one_holds_all(cost: float, second_joins: bool = True, cores: float = inf) -> tuple[World, FakeWorker, FakeCall]:
    """Two workers, one of which is inside the first item of the last two batches of a call; the other is idle."""
    world = World(2, cores=cores)
    busy = world.workers[0]
    world.join(busy)
    call = world.submit(400, cost=cost)
    while call.sent < call.fed:
        busy.run(busy.batches[0].size)
        world.report(busy)
    assert len(busy.batches) == 2
    busy.run(0, stay=True)
    if second_joins:
        world.join(world.workers[1])
    return world, busy, call


def test_what_somebody_wants_back_is_taken_from_its_worker() -> None:
    world, busy, _ = one_holds_all(cost=1e-5, second_joins=False)
    assert taken_back(world) == []
    world.happen(events.Recalled(busy.number))
    assert taken_back(world) == [busy.number]
    world.happen(events.Recalled(99))
    assert taken_back(world) == []


def test_what_would_wait_for_long_goes_to_a_worker_that_is_idle() -> None:
    world, busy, _ = one_holds_all(cost=1e-4)
    assert taken_back(world) == [busy.number]
    assert world.workers[1].batches


def test_what_would_not_wait_for_long_stays() -> None:
    world, _, _ = one_holds_all(cost=1e-7)
    assert taken_back(world) == []


def test_what_waits_behind_a_slow_item_is_taken_back_when_that_is_overdue() -> None:
    world, busy, _ = one_holds_all(cost=1e-7)
    due = world.scheduler.next_deadline()
    assert due is not None and due <= world.now + OVERDUE_SECONDS
    world.tick()
    assert taken_back(world) == [busy.number]
    assert world.workers[1].batches


def test_a_deadline_is_two_milliseconds_after_the_last_report() -> None:
    world, busy, _ = one_holds_all(cost=1e-7, second_joins=False)
    last = world.now
    world.now += 0.0015
    world.join(world.workers[1])
    assert taken_back(world) == []
    assert world.scheduler.next_deadline() == last + OVERDUE_SECONDS


def test_nothing_is_taken_back_twice() -> None:
    world, busy, call = one_holds_all(cost=1e-7)
    world.tick()
    other = world.workers[1]
    while other.batches:
        world.work(other)
    assert taken_back(world) == []
    assert world.scheduler.next_deadline() is None


def test_nobody_looks_after_a_deadline_while_all_are_busy() -> None:
    world, _, _ = one_holds_all(cost=1e-7, second_joins=False)
    assert world.scheduler.next_deadline() is None


def test_workers_that_share_a_core_are_given_more_time() -> None:
    world, _, _ = one_holds_all(cost=1e-7, cores=0.25)  # one is busy, and has a quarter of what it needs
    due = world.scheduler.next_deadline()
    assert due is not None and 3 * OVERDUE_SECONDS < due - world.now <= 4.01 * OVERDUE_SECONDS


def test_an_idle_pool_has_no_deadline() -> None:
    world = World(2)
    world.join_all()
    world.drain()
    assert world.scheduler.next_deadline() is None


def test_calls_take_turns() -> None:
    world = World(1)
    world.join_all()
    first, second = world.submit(1000, cost=0.01), world.submit(1000, cost=0.01)
    for _ in range(200):
        world.work(world.workers[0])
    assert abs(first.delivered - second.delivered) <= 2


def test_a_short_call_does_not_wait_for_the_end_of_a_long_one() -> None:
    world = World(2)
    world.join_all()
    world.submit(1_000_000, cost=1e-4)
    for _ in range(50):
        for worker in list(world.workers.values()):
            world.work(worker)
    short = world.submit(1)
    rounds = 0
    while short.open:
        rounds += 1
        for worker in list(world.workers.values()):
            world.work(worker)
    assert rounds <= 3  # two batches are in each worker's hands, and the long call may have the next turn


def test_a_worker_with_short_items_has_a_second_batch_to_go_on_with() -> None:
    world = World(1)
    world.join_all()
    world.submit(1000, cost=1e-3)
    world.work(world.workers[0])
    assert len(world.workers[0].batches) == 2


def test_a_worker_with_long_items_has_one_batch() -> None:
    world = World(1)
    world.join_all()
    world.submit(1000, cost=0.1)
    world.work(world.workers[0])
    assert len(world.workers[0].batches) == 1


def play(world: World, call: FakeCall, seconds: Sequence[float]) -> float:
    """Run a call to its end, each item for its seconds and reported at once; return how long that took."""
    began = world.now
    ends: dict[int, float] = {}  # of the item that a worker runs
    while call.open:
        for worker in world.workers.values():
            if worker.number not in ends and (batch := worker.current()) is not None:
                worker.running = True
                ends[worker.number] = world.now + seconds[batch.start + batch.ran]
        number = min(ends, key=ends.__getitem__)
        due = world.scheduler.next_deadline()
        if due is not None and due < ends[number]:
            world.tick()
            continue
        world.now = ends.pop(number)
        batch = world.workers[number].current()
        assert batch is not None
        spent = seconds[batch.start + batch.ran]
        world.workers[number].run(1)
        world.report(world.workers[number], seconds=spent)
    return world.now - began


def one_at_a_time(seconds: list[float], workers: int) -> float:
    """How long it takes when the next item always goes to the first worker that is free, at no cost."""
    free = [0.0] * workers
    for each in seconds:
        free[free.index(min(free))] += each
    return max(free)


@pytest.mark.parametrize("workers", [2, 4])
@pytest.mark.parametrize("order", ["short first", "long first", "shuffled"])
def test_short_and_long_items_end_as_if_handed_out_one_at_a_time(workers: int, order: str) -> None:
    seconds = [0.001] * 180 + [0.1] * 20
    took = best = 0.0
    for seed in range(20):
        if order == "long first":
            seconds.sort(reverse=True)
        elif order == "shuffled":
            random.Random(seed).shuffle(seconds)
        world = World(workers)
        world.join_all()
        took += play(world, world.submit(len(seconds)), seconds)
        best += one_at_a_time(seconds, workers)
    assert took <= 1.01 * best


def test_what_a_worker_will_begin_at_once_is_not_taken_back() -> None:
    # Else one chunk goes round among workers that are idle, within one event and for ever.
    world = World(3)
    world.join_all()
    call = world.submit(17, TaskOptions(chunksize=3), cost=4e-4)
    while call.open:
        for worker in world.workers.values():
            world.work(worker)


def sends(out: list[actions.Action]) -> list[actions.Send]:
    return [each for each in out if isinstance(each, actions.Send)]


def test_a_batch_that_comes_after_taken_tickets_has_a_ticket_of_its_own() -> None:
    # Else the worker, which still looks for the taken ones, would pocket the ticket of the batch behind it.
    scheduler = Scheduler()
    scheduler.handle(events.Opened(1), 0.0)
    scheduler.handle(events.Joined(0), 0.0)
    first = sends(scheduler.handle(events.Submitted(1, None, TaskOptions(alike=False, ordered=False)), 0.0))
    assert not first
    one = sends(scheduler.handle(events.Fed(1, 1), 0.0))[0]
    assert one.group == 0  # all its own from the start
    scheduler.handle(events.Finished(0, one.batch, 1, 1e-6), 0.1)
    running = sends(scheduler.handle(events.Fed(1, 1), 0.1))[0]
    waiting = sends(scheduler.handle(events.Fed(1, 1), 0.1))[0]
    assert (running.group, waiting.group) == (0, 1)
    scheduler.handle(events.Cancelled(1), 0.1)
    scheduler.handle(events.Returned(0, {waiting.batch: 1}), 0.1)
    scheduler.handle(events.Submitted(2, None, TaskOptions(alike=False, ordered=False)), 0.1)
    scheduler.handle(events.Fed(2, 1), 0.1)
    after = sends(scheduler.handle(events.Finished(0, running.batch, 1, 1e-6), 0.2))[0]
    assert after.group == 1
    scheduler.handle(events.Finished(0, after.batch, 1, 1e-6), 0.3)
    assert sends(scheduler.handle(events.Fed(2, 1), 0.3))[0].group == 0  # it has passed them
