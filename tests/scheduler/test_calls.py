"""How calls begin and end, and how far their inputs are read."""

from __future__ import annotations

import pytest

from procession.model.errors import InternalError
from procession.model.task import TaskOptions
from procession.scheduler import actions, events
from procession.scheduler.scheduler import HISTORY, Scheduler
from tests.scheduler.actors import FakeWorker
from tests.scheduler.world import World

LAZY = TaskOptions(lazy=True)


def ready(workers: int, quota: int | None = None) -> World:
    world = World(workers, quota)
    world.join_all()
    return world


def holder(world: World, item: int) -> FakeWorker:
    """The worker that has an item in its hands."""
    return next(w for w in world.workers.values() for b in w.batches if b.start <= item < b.start + b.size)


def test_a_call_without_items_is_over_at_once() -> None:
    world = World(2)
    world.submit(0)
    assert world.actions == [actions.Finish(1)]


def test_a_call_whose_input_is_empty_ends_with_its_input() -> None:
    world = World(2)
    call = world.submit(None, LAZY)
    assert call.open
    world.exhaust(call)
    assert not call.open


def test_a_call_waits_for_the_first_worker() -> None:
    world = World(1)
    call = world.submit(1)
    assert not call.sent
    world.join(world.workers[0])
    assert call.sent == 1


def test_unordered_outcomes_arrive_as_they_finish() -> None:
    world = ready(2)
    world.submit(2, TaskOptions(ordered=False))
    world.work(holder(world, 1))
    assert actions.Deliver(1, 1) in world.actions


def test_ordered_outcomes_wait_for_those_before_them() -> None:
    world = ready(2)
    world.submit(2)
    world.work(holder(world, 1))
    assert actions.Deliver(1, 1) not in world.actions
    world.work(holder(world, 0))
    assert world.actions[:2] == [actions.Deliver(1, 0), actions.Deliver(1, 1)]


def test_an_input_is_read_a_few_items_ahead_at_first() -> None:
    world = ready(2)
    call = world.submit(None, LAZY)
    assert 2 <= call.limit <= 8


def test_a_reader_that_stops_reading_stops_the_feeder() -> None:
    world = ready(2)
    call = world.submit(None, LAZY, cost=1e-3)
    for _ in range(1000):
        world.feed(call, 1000)
        for worker in world.workers.values():
            world.work(worker)
    assert call.fed <= 32
    assert not any(worker.batches for worker in world.workers.values())


def test_an_endless_input_and_a_slow_reader_need_constant_memory() -> None:
    world = ready(2)
    call = world.submit(None, LAZY, cost=1e-5)
    unread = []
    for _ in range(2000):
        world.feed(call, 10_000)
        for worker in world.workers.values():
            world.work(worker)
        unread.append(call.fed - call.consumed)
        world.consume(call, 50)
    assert max(unread[1000:]) <= max(unread[:1000])


def test_a_worker_without_work_makes_the_feeder_hurry() -> None:
    world = ready(1)
    world.submit(None, LAZY)
    assert [each.hungry for each in world.actions if isinstance(each, actions.Read)] == [True]


def test_a_cancelled_call_is_over_at_once() -> None:
    world = ready(2)
    call = world.submit(1000)
    world.workers[0].run(0, stay=True)
    world.cancel(call)
    assert actions.Finish(1) in world.actions
    assert world.scheduler.idle


def test_what_nobody_wants_is_taken_back() -> None:
    world = ready(1)
    call = world.submit(1000, cost=1e-4)
    worker = world.workers[0]
    world.work(worker)
    worker.run(0, stay=True)
    held = sum(batch.size for batch in worker.batches)
    world.cancel(call)
    assert held > 2
    assert sum(batch.size for batch in worker.batches) == 1


def test_an_outcome_that_comes_after_its_call_was_cancelled_goes_nowhere() -> None:
    world = ready(1)
    call = world.submit(1)
    world.cancel(call)
    world.work(world.workers[0])
    assert world.actions == []


def test_closing_lets_running_calls_end_and_then_all_workers() -> None:
    world = ready(2)
    call = world.submit(3)
    world.close()
    while call.open:
        assert len(world.workers) == 2
        world.work(next(worker for worker in world.workers.values() if worker.batches))
    assert not world.workers


def test_closing_waits_for_an_input_that_is_still_read() -> None:
    world = ready(2)
    call = world.submit(None, LAZY)
    world.close()
    assert len(world.workers) == 2
    world.feed(call, 1)
    world.drain()
    assert call.delivered == call.fed


def test_a_worker_that_runs_for_nobody_is_retired_after_closing() -> None:
    world = ready(1)
    call = world.submit(1)
    worker = world.workers[0]
    worker.run(0, stay=True)
    world.cancel(call)
    world.close()
    assert world.workers
    world.work(worker)
    assert not world.workers


def test_a_worker_that_joins_after_the_end_is_retired() -> None:
    world = World(1)
    world.close()
    world.join(world.workers[0])
    assert world.actions == [actions.Retire(0)]


def test_a_report_of_what_was_never_sent_is_a_fault_that_shows_the_history() -> None:
    world = ready(1)
    world.submit(1)
    with pytest.raises(InternalError) as caught:
        world.scheduler.handle(events.Finished(0, 77, 1, 0.0), world.now)
    assert "Submitted(call=1, length=1" in str(caught.value)
    assert "batch=77" in str(caught.value)


def test_a_history_can_be_replayed() -> None:
    names = {name: getattr(events, name) for name in dir(events)} | {"TaskOptions": TaskOptions}
    told: list[tuple[str, float]] = []
    scheduler, decided = Scheduler(), []
    for event, now in [
        (events.Opened(2), 1.0),
        (events.Joined(0), 1.1),
        (events.Joined(1), 1.1),
        (events.Submitted(1, 5, TaskOptions()), 1.2),
        (events.Finished(1, 1, 1, 1e-6), 1.3),
        (events.Died(0, 2, 0, True), 1.4),
    ]:
        decided += scheduler.handle(event, now)
        told.append((scheduler.history[-1], now))
    replayed, again = Scheduler(), []
    for text, now in told:
        again += replayed.handle(eval(text, names), now)
    assert again == decided
    assert actions.Lose(1, 1, 0) in again


def test_a_history_does_not_grow_for_ever() -> None:
    scheduler = Scheduler()
    for number in range(3 * HISTORY):
        scheduler.handle(events.Submitted(number, 0, TaskOptions()), 0.0)
    assert len(scheduler.history) == HISTORY


@pytest.mark.parametrize("options", [TaskOptions(), TaskOptions(ordered=False), LAZY], ids=["map", "unordered", "lazy"])
def test_a_million_items_cost_a_few_hundred_events(options: TaskOptions) -> None:
    world = ready(2)
    total = 1_000_000
    call = world.submit(None if options.lazy else total, options, cost=1e-6)
    while call.open:
        if options.lazy and call.length is None:
            world.feed(call, total - call.fed)
            if call.fed == total:
                world.exhaust(call)
        for worker in list(world.workers.values()):
            world.work(worker)
        world.consume(call, total)
    assert call.delivered == total
    assert world.events < 1500


def test_a_single_item_is_wanted_while_a_worker_is_idle() -> None:
    world = ready(2)
    call = world.submit(None, TaskOptions(ordered=False, alike=False), cost=1e-5)
    for expected in (True, False, False):
        world.feed(call, 1)
        assert world.scheduler.wants(call.number) is expected
    world.work(holder(world, 0))  # the third one takes its place
    assert not world.scheduler.wants(call.number)


def test_a_long_item_is_wanted_as_long_as_a_worker_has_room_for_a_second_one() -> None:
    world = ready(1)
    call = world.submit(None, TaskOptions(ordered=False, alike=False), cost=1e-3)
    world.feed(call, 2)
    world.work(holder(world, 0))
    assert world.scheduler.wants(call.number)
    world.feed(call, 1)
    assert not world.scheduler.wants(call.number)


def test_the_worker_that_ended_last_is_the_next_to_work() -> None:
    world = ready(3)
    for item in range(5):
        world.submit(1)
        assert [w.number for w in world.workers.values() if w.batches] == [2], item
        world.work(world.workers[2])
