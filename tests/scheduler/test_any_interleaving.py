"""Whatever happens, and in whatever order, every promise of the scheduler holds (tests/scheduler/world.py checks them).

`PROCESSION_STORM=5000` runs so many examples instead of the usual ones.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from procession.model.task import TaskOptions
from procession.scheduler import events
from tests.scheduler.actors import FakeWorker
from tests.scheduler.world import World

EXAMPLES = int(os.environ.get("PROCESSION_STORM", 300))
STEPS = 60

pytestmark = pytest.mark.limit(600 + EXAMPLES / 5)  # a failure is made smaller for up to 300 s before it is shown

picks = st.integers(0, 11)  # which of the candidates
counts = st.one_of(st.integers(1, 6), st.integers(1, 3000))
lengths = st.one_of(st.integers(0, 12), st.integers(13, 4000))
costs = st.sampled_from([0.0, 1e-6, 2e-5, 4e-4, 3e-3, 0.05])


class Interleaving(RuleBasedStateMachine):
    """Everything that can happen to a pool, at random."""

    world: World

    @initialize(
        workers=st.integers(1, 4),
        quota=st.sampled_from([None, None, 1, 3, 4]),
        nested=st.booleans(),
        ready=st.sampled_from([True, True, False]),
        idle_timeout=st.sampled_from([None, None, 1e-4, 0.5]),
    )
    def open(self, workers: int, quota: int | None, nested: bool, ready: bool, idle_timeout: float | None) -> None:
        self.world = World(workers, quota, nested, idle_timeout=idle_timeout)
        if ready:
            self.world.join_all()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.drain()

    # Callers.

    @precondition(lambda self: not self.world.closed and len(self.world.open_calls) < 4)
    @rule(
        length=lengths,
        kind=st.sampled_from(["known", "fed", "lazy", "lazy"]),
        chunksize=st.sampled_from([None, None, None, 1, 3, 50]),
        ordered=st.booleans(),
        alike=st.booleans(),
        together=st.sampled_from([False, False, True]),
        cost=costs,
        function=st.sampled_from([None, 1, 2]),
    )
    def submit(
        self,
        length: int,
        kind: str,
        chunksize: int | None,
        ordered: bool,
        alike: bool,
        together: bool,
        cost: float,
        function: int | None,
    ) -> None:
        chunksize = None if kind == "fed" else chunksize
        options = TaskOptions(chunksize, ordered, lazy=kind == "lazy", alike=alike, together=together)
        self.world.submit(length if kind == "known" else None, options, cost, function)

    @precondition(lambda self: any(map(self.world.room, self.world.open_calls)))
    @rule(pick=picks, count=counts, tell=st.booleans())
    def feed(self, pick: int, count: int, tell: bool) -> None:
        calls = [call for call in self.world.open_calls if self.world.room(call)]
        self.world.feed(calls[pick % len(calls)], count, tell)

    @precondition(lambda self: any(call.length is None for call in self.world.open_calls))
    @rule(pick=picks)
    def exhaust(self, pick: int) -> None:
        calls = [call for call in self.world.open_calls if call.length is None]
        self.world.exhaust(calls[pick % len(calls)])

    @precondition(lambda self: any(call.delivered > call.consumed for call in self.world.open_calls))
    @rule(pick=picks, count=counts)
    def consume(self, pick: int, count: int) -> None:
        calls = [call for call in self.world.open_calls if call.delivered > call.consumed]
        self.world.consume(calls[pick % len(calls)], count)

    @precondition(lambda self: self.world.open_calls)
    @rule(pick=picks, size=st.sampled_from([10.0, 1e4, 1e7]))
    def weigh(self, pick: int, size: float) -> None:
        calls = self.world.open_calls
        self.world.happen(events.Weighed(calls[pick % len(calls)].number, size))

    @precondition(lambda self: self.world.open_calls)
    @rule(pick=picks, sure=st.integers(0, 3))
    def cancel(self, pick: int, sure: int) -> None:
        calls = self.world.open_calls
        if not sure:
            self.world.cancel(calls[pick % len(calls)])

    @precondition(lambda self: not self.world.closed)
    @rule(sure=st.integers(0, 5))
    def close(self, sure: int) -> None:
        if not sure:
            self.world.close()

    # Workers.

    def busy(self) -> list[FakeWorker]:
        return [worker for worker in self.world.workers.values() if worker.batches]

    def new(self) -> list[FakeWorker]:
        return [worker for worker in self.world.workers.values() if not worker.ready]

    @precondition(lambda self: self.new())
    @rule(pick=picks)
    def join(self, pick: int) -> None:
        self.world.join(self.new()[pick % len(self.new())])

    @precondition(lambda self: self.busy())
    @rule(pick=picks, count=st.one_of(st.just(0), counts), stay=st.booleans())
    def run(self, pick: int, count: int, stay: bool) -> None:
        self.busy()[pick % len(self.busy())].run(count, stay)

    @precondition(lambda self: any(worker.unsent for worker in self.busy()))
    @rule(pick=picks, count=st.one_of(st.none(), counts), seconds=st.one_of(st.none(), costs))
    def report(self, pick: int, count: int | None, seconds: float | None) -> None:
        workers = [worker for worker in self.busy() if worker.unsent]
        self.world.report(workers[pick % len(workers)], count, seconds)

    @precondition(lambda self: self.busy())
    @rule(pick=picks, times=st.integers(1, 4))
    def work(self, pick: int, times: int) -> None:
        for each in range(times):
            if self.busy():
                self.world.work(self.busy()[(pick + each) % len(self.busy())])

    @precondition(lambda self: self.busy())
    @rule(
        pick=picks,
        count=st.one_of(st.none(), st.integers(0, 5)),
        stay=st.booleans(),
        stale=st.integers(0, 2),
        orphaned=st.sampled_from([False, False, False, True]),
    )
    def die(self, pick: int, count: int | None, stay: bool, stale: int, orphaned: bool) -> None:
        worker = self.busy()[pick % len(self.busy())]
        if count is not None:
            worker.run(count, stay)
        self.world.die(worker, stale, orphaned)

    @precondition(lambda self: any(worker.ready and not worker.batches for worker in self.world.workers.values()))
    @rule(pick=picks, stale=st.integers(0, 2))
    def die_idle(self, pick: int, stale: int) -> None:
        workers = [worker for worker in self.world.workers.values() if worker.ready and not worker.batches]
        self.world.die(workers[pick % len(workers)], stale)

    @precondition(lambda self: self.new() and self.world.stillborn < 2)
    @rule(pick=picks, orphaned=st.booleans())
    def die_unborn(self, pick: int, orphaned: bool) -> None:
        self.world.die(self.new()[pick % len(self.new())], orphaned=orphaned)

    @precondition(lambda self: self.world.wanted > 1)
    @rule(kind=st.integers(0, 9), pick=picks)
    def refuse(self, kind: int, pick: int) -> None:
        if kind == 0:
            self.world.refusals = 1
        elif kind == 1 and self.new():
            self.world.refuse(self.new()[pick % len(self.new())])

    @precondition(lambda self: self.world.workers)
    @rule(pick=picks)
    def recall(self, pick: int) -> None:
        numbers = sorted(self.world.workers)
        self.world.happen(events.Recalled(numbers[pick % len(numbers)]))

    @precondition(lambda self: not self.world.closed)
    @rule(workers=st.integers(1, 5), sure=st.integers(0, 2))
    def resize(self, workers: int, sure: int) -> None:
        if not sure:
            self.world.resize(workers)

    @precondition(lambda self: self.busy())
    @rule(pick=picks, sure=st.integers(0, 2))
    def outgrow(self, pick: int, sure: int) -> None:
        if not sure:
            self.world.outgrow(self.busy()[pick % len(self.busy())])

    @rule(items=st.sampled_from([0, 0, 1, 1, 2, 3, 100]))
    def admit(self, items: int) -> None:
        self.world.admit(items)

    # Time.

    @rule(seconds=st.sampled_from([1e-5, 1e-4, 1e-3, 0.01, 1.0]))
    def wait(self, seconds: float) -> None:
        self.world.now += seconds

    @precondition(lambda self: self.world.scheduler.next_deadline() is not None)
    @rule()
    def tick(self) -> None:
        self.world.tick()


TestInterleaving = Interleaving.TestCase
TestInterleaving.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
