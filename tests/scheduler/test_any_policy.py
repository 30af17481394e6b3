"""Whatever happens, and in whatever order, calls keep to their policies (tests/scheduler/ruled_world.py checks them).

`PROCESSION_STORM=5000` runs so many examples instead of the usual ones.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from procession.model.policy import Policy
from procession.model.task import TaskOptions
from tests.scheduler.actors import FakeWorker
from tests.scheduler.ruled_world import RuledWorld

EXAMPLES = int(os.environ.get("PROCESSION_STORM", 100))
STEPS = 60

pytestmark = pytest.mark.limit(600 + EXAMPLES / 5)

picks = st.integers(0, 11)
counts = st.one_of(st.integers(1, 6), st.integers(1, 300))
RANKS = {"up": lambda index: index, "few": lambda index: index * 7 % 3, "same": lambda index: 1.5}


@st.composite
def policies(draw: Any) -> dict[str, Any]:
    """Some options, most of them left out."""
    options: dict[str, Any] = {}
    choices = {
        "time_limit": [0.5, 2.0, "300%"],
        "soft_time_limit": [0.2, 0.4],
        "total_time_limit": [1.0, 5.0],
        "retries": [1, 3],
        "retry_deaths": [1, 2],
        "backoff": [0.01, 1.0],
        "halt": ["soon,fail=1", "now,fail=2", "soon,success=5", "now,done=40%", "soon,fail=30%"],
        "max_errors": [0, 4],
        "max_per_second": [3.0, 1000.0],
    }
    for name, values in choices.items():
        if draw(st.sampled_from([False, False, True])):
            options[name] = draw(st.sampled_from(values))
    return options


class Policies(RuleBasedStateMachine):
    """Everything that can happen to a pool whose calls have policies, at random."""

    world: RuledWorld

    @initialize(
        workers=st.integers(1, 4),
        quota=st.sampled_from([None, None, 1, 4]),
        idle_timeout=st.sampled_from([None, None, 0.5]),
    )
    def open(self, workers: int, quota: int | None, idle_timeout: float | None) -> None:
        self.world = RuledWorld(workers, quota, idle_timeout=idle_timeout)
        self.world.join_all()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.drain()
            self.world.check_rates()

    # Callers.

    @precondition(lambda self: not self.world.closed and len(self.world.open_calls) < 4)
    @rule(
        length=st.one_of(st.integers(1, 12), st.integers(13, 500)),
        lazy=st.booleans(),
        chunksize=st.sampled_from([None, None, None, 1, 7]),
        ordered=st.booleans(),
        together=st.sampled_from([False, False, False, True]),
        cost=st.sampled_from([1e-6, 4e-4, 0.05]),
        options=policies(),
        rank=st.sampled_from([None, None, "up", "few", "same"]),
        without=st.sampled_from([False, False, False, True]),
    )
    def submit(
        self,
        length: int,
        lazy: bool,
        chunksize: int | None,
        ordered: bool,
        together: bool,
        cost: float,
        options: dict[str, Any],
        rank: str | None,
        without: bool,
    ) -> None:
        task = TaskOptions(chunksize, ordered, lazy=lazy, together=together)
        if without:
            self.world.submit(None if lazy else length, task, cost)
            return
        if rank is not None:
            options["priority"] = RANKS[rank]
        task.policy = Policy(**options)
        if task.policy.limited and together:
            task.together = False  # the worker calls it for each item; here that is the same as another function
        self.world.submit_ruled(None if lazy else length, task, cost, RANKS[rank] if rank else None)

    @precondition(lambda self: any(map(self.world.room, self.world.open_calls)))
    @rule(pick=picks, count=counts, tell=st.booleans())
    def feed(self, pick: int, count: int, tell: bool) -> None:
        calls = [call for call in self.world.open_calls if self.world.room(call)]
        self.world.feed(calls[pick % len(calls)], count, tell)

    @precondition(lambda self: any(c.options.lazy and c.number in self.world.halted for c in self.world.open_calls))
    @rule(pick=picks)
    def feed_late(self, pick: int) -> None:
        calls = [c for c in self.world.open_calls if c.options.lazy and c.number in self.world.halted]
        self.world.feed_late(calls[pick % len(calls)])

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
    @rule(pick=picks, now=st.booleans(), sure=st.integers(0, 3))
    def stop(self, pick: int, now: bool, sure: int) -> None:
        calls = self.world.open_calls
        if not sure:
            self.world.stop(calls[pick % len(calls)], now)

    @precondition(lambda self: any(call.fed > call.ended or call.length is None for call in self.world.open_calls))
    @rule(pick=picks, where=st.integers(0, 600), ahead=st.integers(0, 2))
    def drop(self, pick: int, where: int, ahead: int) -> None:
        calls = [call for call in self.world.open_calls if call.fed > call.ended or call.length is None]
        call = calls[pick % len(calls)]
        open_items = [index for index, state in enumerate(call.state) if state not in (2, 3)]
        if not ahead and call.length is None:
            self.world.drop(call, call.fed + where % 3)
        elif open_items:
            self.world.drop(call, open_items[where % len(open_items)])

    @precondition(lambda self: self.world.open_calls)
    @rule(pick=picks, sure=st.integers(0, 5))
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

    def live(self) -> list[FakeWorker]:
        return [w for w in self.world.workers.values() if w.batches and w.number not in self.world.doomed]

    @precondition(lambda self: any(not worker.ready for worker in self.world.workers.values()))
    @rule()
    def join(self) -> None:
        self.world.join_all()

    @precondition(lambda self: self.live())
    @rule(pick=picks, count=st.one_of(st.just(0), counts), stay=st.booleans())
    def run(self, pick: int, count: int, stay: bool) -> None:
        self.world.run(self.live()[pick % len(self.live())], count, stay)

    @precondition(lambda self: any(worker.unsent for worker in self.live()))
    @rule(
        pick=picks,
        count=st.one_of(st.none(), counts),
        fails=st.one_of(st.just(set()), st.sets(st.integers(0, 5), max_size=3), st.just(set(range(40)))),
        worth=st.sampled_from([True, True, True, False]),
    )
    def report(self, pick: int, count: int | None, fails: set[int], worth: bool) -> None:
        workers = [worker for worker in self.live() if worker.unsent]
        self.world.report_failing(workers[pick % len(workers)], count, fails, worth)

    @precondition(lambda self: self.live())
    @rule(pick=picks, fails=st.sampled_from([set(), {0}, {0, 1, 2}, set(range(40))]))
    def work(self, pick: int, fails: set[int]) -> None:
        worker = self.live()[pick % len(self.live())]
        self.world.run(worker, 10**6, False)
        while worker.unsent:
            self.world.report_failing(worker, None, fails, True)

    @precondition(lambda self: self.live())
    @rule(
        pick=picks,
        count=st.one_of(st.none(), st.integers(0, 5)),
        stay=st.booleans(),
        orphaned=st.sampled_from([False, False, False, True]),
    )
    def die(self, pick: int, count: int | None, stay: bool, orphaned: bool) -> None:
        worker = self.live()[pick % len(self.live())]
        if count is not None:
            self.world.run(worker, count, stay)
        self.world.die(worker, 0, orphaned)

    @precondition(lambda self: self.world.doomed)
    @rule(pick=picks)
    def bury(self, pick: int) -> None:
        doomed = sorted(self.world.doomed)
        self.world.die(self.world.workers[doomed[pick % len(doomed)]])

    @precondition(lambda self: not self.world.closed)
    @rule(workers=st.integers(1, 5), sure=st.integers(0, 3))
    def resize(self, workers: int, sure: int) -> None:
        if not sure:
            self.world.resize(workers)

    # Time.

    @rule(seconds=st.sampled_from([0.001, 0.05, 0.3, 1.0]))
    def wait(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @precondition(lambda self: self.world.scheduler.next_deadline() is not None)
    @rule()
    def tick(self) -> None:
        self.world.tick()


TestPolicies = Policies.TestCase
TestPolicies.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
