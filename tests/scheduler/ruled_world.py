"""The scheduler's world where calls have policies: what fails, is tried again, is stopped, is looked at, is ended.

Knows: what was promised for each option; what an engine does with the actions that are about it.
Must not know: how the scheduler decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from procession.model.policy import Policy
from procession.model.task import TaskOptions
from procession.scheduler import actions, events
from tests.scheduler.actors import ENDED, FREE, HELD, FakeCall, FakeWorker
from tests.scheduler.world import World

FAILING, LATER = 10, 11  # states of items: an error was told, its next attempt has not come
LATE_SECONDS = 0.003  # after which an item that is over its limit must have been found
NO_POLICY = Policy()

Key = tuple[int, int]  # call and item


class RuledWorld(World):
    """As `World`; calls may have a `Policy`."""

    patience = 400  # looks and pauses take a round each

    def __init__(self, *args: Any, **options: Any) -> None:
        self.ranks: dict[int, Callable[[int], float]] = {}
        self.halted: dict[int, str] = {}
        self.killing: set[int] = set()
        self.unwanted: set[Key] = set()
        self.cancelled: set[Key] = set()  # those that ended because of that
        self.begun: dict[int, float] = {}  # by worker: when what it runs began
        self.doomed: dict[int, bool | None] = {}  # workers that were ended, and whether that is worth another attempt
        self.errors: Counter[Key] = Counter()
        self.deaths: Counter[Key] = Counter()
        self.skipped: Counter[int] = Counter()
        self.failed: Counter[int] = Counter()
        self.warned: set[tuple[int, int, int]] = set()
        self.sends: dict[int, list[tuple[float, int]]] = {}
        self.since: dict[int, float] = {}  # when calls were submitted
        super().__init__(*args, **options)

    @staticmethod
    def policy(call: FakeCall) -> Policy:
        """What holds for a call."""
        return call.options.policy or NO_POLICY

    @property
    def starving(self) -> list[int]:
        """What is capped may wait while a worker is idle."""
        return [each for each in super().starving if self.policy(self.calls[each]).max_per_second is None]

    def happen(self, event: events.Event) -> None:
        """As in any world; who was ended has died of that."""
        if isinstance(event, events.Died) and event.worker in self.doomed:
            event.worth = self.doomed.pop(event.worker)
        super().happen(event)

    # Callers and feeders.

    def submit_ruled(
        self, length: int | None, options: TaskOptions, cost: float, rank: Callable[[int], float] | None = None
    ) -> FakeCall:
        """A caller hands over a call with a policy."""
        number = len(self.calls) + 1
        call = self.calls[number] = FakeCall(number, options, length, cost)
        self.since[number] = self.now
        self.sends[number] = []
        if rank is not None:
            self.ranks[number] = rank
        call.feed(length or 0)
        ranks = None if rank is None else [rank(index) for index in range(length or 0)]
        self.happen(events.Submitted(number, length, options, None, 0.0, ranks))
        return call

    def _tell(self, call: FakeCall, rest: bool = False) -> None:
        count = call.unsaid if rest else call.unsaid - call.unsaid % (call.options.chunksize or 1)
        if count and call.open:
            call.unsaid -= count
            call.feed(count)
            rank = self.ranks.get(call.number)
            ranks = None if rank is None else [rank(index) for index in range(call.fed - count, call.fed)]
            self.happen(events.Fed(call.number, count, ranks))

    def feed_late(self, call: FakeCall) -> None:
        """A feeder had read one more when its call was halted."""
        assert call.length is not None
        call.length += 1
        call.unsaid += 1
        self._tell(call, rest=True)

    def stop(self, call: FakeCall, now: bool) -> None:
        """Somebody wants nothing more of a call to begin."""
        self.halted.setdefault(call.number, "stopped")
        if now:
            self.killing.add(call.number)
        self.happen(events.Stopped(call.number, "stopped", now))

    def drop(self, call: FakeCall, index: int) -> None:
        """Nobody wants an item."""
        self.unwanted.add((call.number, index))
        call.broken.add(index // (call.options.chunksize or 1))
        self.happen(events.Dropped(call.number, index))

    # Workers.

    def run(self, worker: FakeWorker, count: int, stay: bool) -> None:
        """A worker ends some items, and may be in the midst of the next one."""
        assert worker.number not in self.doomed
        if count or not worker.running:
            self.begun[worker.number] = self.now
        worker.run(count, stay)

    def work(self, worker: FakeWorker) -> None:
        """A worker ends its batch, or dies if it was ended."""
        if worker.number in self.doomed:
            self.die(worker)
        elif worker.number in self.workers:
            super().work(worker)

    def report_failing(self, worker: FakeWorker, count: int | None, fails: set[int], worth: bool) -> None:
        """As `report`; of the items those have failed whose places are among `fails`."""
        batch = next((batch for batch in worker.batches if batch.ran > batch.sent), None)
        if batch is None:
            return
        call, start = batch.call, batch.start + batch.sent
        if call.options.policy is None and call.number not in self.halted:
            self.report(worker, count)
            return
        count = min(count or batch.size, batch.ran - batch.sent)
        batch.sent += count
        if batch.sent == batch.size:
            worker.batches.remove(batch)
            worker.idle_since = self.now
        failed = {offset: worth for offset in range(count) if offset in fails} if call.options.policy else {}
        if call.open:
            call.suspects.difference_update(range(start, start + count))
            edges = [-1, *sorted(failed), count]
            for before, after in pairwise(edges):
                if before + 1 < after:
                    call.move(start + before + 1, start + after, HELD, ENDED)
                    call.chunks[start + before + 1] = start + after
            for offset in failed:
                call.move(start + offset, start + offset + 1, HELD, FAILING)
                self.errors[call.number, start + offset] += 1
        each = [call.cost] * count if self.policy(call).time_share else None
        self.happen(events.Finished(worker.number, batch.number, count, count * call.cost, failed, each))
        assert not call.open or FAILING not in call.state, "nobody said what becomes of an error"

    # What is done.

    def _do_send(self, action: actions.Send) -> None:
        call = self.calls[action.call]
        assert call.number not in self.halted, "something began after a halt"
        span = range(action.start, action.stop)
        assert not any((call.number, index) in self.unwanted for index in span), "what nobody wants was sent"
        for index in span:
            if call.state[index] == LATER:
                call.state[index] = FREE
        self._check_rank(call, span)
        self.sends.setdefault(call.number, []).append((self.now, len(span)))
        super()._do_send(action)

    @staticmethod
    def _check_chunk(call: FakeCall, action: actions.Send) -> None:
        """Where items go by themselves (again, in the order of their ranks, at a rate) a chunk is no promise."""
        if call.options.policy is None and not call.broken:
            World._check_chunk(call, action)
        elif call.options.chunksize is not None:
            assert action.stop - action.start <= call.options.chunksize
            assert action.group in (0, action.stop - action.start)

    def _check_rank(self, call: FakeCall, span: range) -> None:
        rank = self.ranks.get(call.number)
        if rank is None or span.start in call.suspects:
            return
        waiting = [i for i, state in enumerate(call.state) if state == FREE and i not in call.suspects]
        best = max(map(rank, waiting))
        assert all(rank(index) == best for index in span), "one of a lower priority went before"
        assert span.start == min(index for index in waiting if rank(index) == best)

    def _again(self, call: FakeCall, index: int) -> int:
        return LATER if self.policy(call).backoff else FREE

    def _do_retry(self, action: actions.Retry) -> None:
        call = self.calls[action.call]
        key = call.number, action.index
        assert self.errors[key] <= self.policy(call).retries, "tried more often than was allowed"
        assert call.number not in self.halted and key not in self.unwanted
        call.move(action.index, action.index + 1, FAILING, self._again(call, action.index))

    def _do_fail(self, action: actions.Fail) -> None:
        call = self.calls[action.call]
        call.move(action.index, action.index + 1, FAILING, ENDED)
        call.chunks[action.index] = action.index + 1
        self.failed[call.number] += 1

    def _do_lose(self, action: actions.Lose) -> None:
        call = self.calls[action.call]
        key = call.number, action.index
        if not action.again:
            super()._do_lose(action)
            self.failed[call.number] += key not in self.unwanted
            return
        assert call.number not in self.halted and key not in self.unwanted
        self._losses.append(key)
        if self._last_worth is None:
            self.deaths[key] += 1
            assert self.deaths[key] <= self.policy(call).retry_deaths
            call.suspects.add(action.index)
        else:
            assert self._last_worth, "what was ended by force was tried again"
            self.errors[key] += 1
            assert self.errors[key] <= self.policy(call).retries
        call.move(action.index, action.index + 1, FREE, self._again(call, action.index))

    _last_worth: bool | None = None

    def die(self, worker: FakeWorker, stale: int = 0, orphaned: bool = False) -> None:
        """As in any world."""
        self._last_worth = self.doomed.get(worker.number)
        super().die(worker, stale, orphaned)

    def _do_skip(self, action: actions.Skip) -> None:
        call = self.calls[action.call]
        for index in range(action.start, action.stop):
            assert call.state[index] in (FREE, LATER)
            assert call.number in self.halted or (call.number, index) in self.unwanted, "a wanted item was skipped"
            call.state[index] = ENDED
            call.suspects.discard(index)
        call.chunks[action.start] = action.stop
        self.skipped[call.number] += action.stop - action.start

    def _do_halt(self, action: actions.Halt) -> None:
        call = self.calls[action.call]
        self.halted.setdefault(call.number, action.reason)
        policy = self.policy(call)
        over = policy.total_time_limit and self.now >= self.since[call.number] + policy.total_time_limit
        if over or any(rule.now for rule in policy.halts):
            self.killing.add(call.number)
        if not action.quiet:
            ended = call.ended - self.skipped[call.number]
            unrun = sum(key[0] == call.number for key in self.cancelled)
            met = any(rule.met(ended - unrun, self.failed[call.number]) for rule in policy.halts)
            assert over or met, f"halted for no reason: {action.reason}"
        if call.options.lazy and call.open:
            call.limit = 0
            self.exhaust(call)

    def _do_inspect(self, action: actions.Inspect) -> None:
        worker = self.workers.get(action.worker)
        if worker is None or worker.number in self.doomed:
            return
        batch = worker.current() if worker.running else None
        if batch is None:
            self.happen(events.Seen(worker.number))
        else:
            self.happen(events.Seen(worker.number, batch.number, batch.ran, self.begun[worker.number]))

    def _do_interrupt(self, action: actions.Interrupt) -> None:
        what = action.worker, action.batch, action.position
        assert what not in self.warned, "a soft limit was felt twice"
        self.warned.add(what)
        assert self.now - self.begun[action.worker] >= action.limit

    def _do_kill(self, action: actions.Kill) -> None:
        worker = self.workers.get(action.worker)
        batch = None if worker is None or not worker.running else worker.current()
        if worker is None or batch is None or worker.number in self.doomed:
            return
        assert (batch.number, batch.ran) == (action.batch, action.position)
        key = batch.call.number, batch.start + batch.ran
        if action.limit is None:
            assert key in self.unwanted or batch.call.number in self.killing
            if key in self.unwanted:
                self.cancelled.add(key)
            self.doomed[worker.number] = False
        else:
            assert self.now - self.begun[worker.number] >= action.limit
            self.doomed[worker.number] = self.policy(batch.call).retries > 0

    # Time.

    def pass_time(self, seconds: float) -> None:
        """Time passes, and the engine wakes whenever it wanted to."""
        until = self.now + seconds
        while (due := self.scheduler.next_deadline()) is not None and due <= until:
            self.tick()
        self.now = max(self.now, until)
        self.check_limits()

    def check_limits(self) -> None:
        """What is over its limit has been found, and a call that is over its own halts."""
        for worker in self.workers.values():
            batch = worker.current() if worker.running else None
            if batch is None or worker.number in self.doomed or not batch.call.open:
                continue
            age, policy = self.now - self.begun[worker.number], self.policy(batch.call)
            if policy.time_limit:
                assert age <= policy.time_limit + LATE_SECONDS, f"an item runs for {age} s"
            if policy.soft_time_limit and age > policy.soft_time_limit + LATE_SECONDS:
                assert (worker.number, batch.number, batch.ran) in self.warned, "a soft limit was not felt"
            shared = batch.call.options.together and batch.size > 1
            if age > LATE_SECONDS and not shared:
                assert batch.call.number not in self.killing, "what was stopped runs on"
        for call in self.open_calls:
            total = self.policy(call).total_time_limit
            if total and self.now > self.since[call.number] + total:
                assert call.number in self.halted

    def check_rates(self) -> None:
        """No second had more begins than was allowed, but for what may begin together."""
        for call in self.calls.values():
            most = self.policy(call).max_per_second
            if most is None:
                continue
            sends = self.sends[call.number]
            for at, (begin, _) in enumerate(sends):
                count = sum(size for time, size in sends[at:] if time < begin + 1.0)
                assert count <= most + max(1, int(most * 0.01)) + 1e-6
