"""The keeper: sees to it that calls with a policy keep to it.

Knows: the rules of each such call, when each worker that runs one of its items is to be looked at.
Must not know: clocks, processes, errors.

How it works: a time limit is kept by looks. A worker is looked at when the first item that it was given could have run
too long; from when its present item began follows the next look. So nothing is asked of the workers in between, and an
item that is over its limit is found when that has passed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from procession.model.light import Any
from procession.model.policy import Policy
from procession.scheduler import actions, events
from procession.scheduler.dispatch import Dispatch
from procession.scheduler.roster import Roster
from procession.scheduler.rules import Rules
from procession.scheduler.states import Batch, Call, Worker

HURRY_SECONDS = 0.002  # between two looks at a worker that is about to begin what nobody wants
AGAIN_SECONDS = 0.1  # after which a worker that was to be ended is looked at once more
LEAST_SECONDS = 0.001  # between two looks at a worker, however short the limit
CANCELLED = "it was cancelled"

End = Callable[[Call, int, int], "list[actions.Action]"]


class Keeper:
    """Keeps the rules of calls.

    Args:
        calls: All calls.
        roster: The workers.
        dispatch: Hands out what waits.
        end: Notes that items have ended.
        finish: Finishes a call all of whose items have ended.
    """

    def __init__(
        self,
        calls: Mapping[int, Call],
        roster: Roster,
        dispatch: Dispatch,
        end: End,
        finish: Callable[[Call], list[actions.Action]],
    ) -> None:
        self._calls = calls
        self._roster = roster
        self._dispatch = dispatch
        self._end = end
        self._finish = finish
        self._ruled: dict[int, Call] = {}
        self._looks: dict[int, float] = {}  # when a worker is to be looked at
        self._blind: set[int] = set()  # workers that run something whose limit nobody knows yet
        self._warned: dict[int, tuple[int, int]] = {}  # the last batch and position that felt its soft limit, by worker
        self.handlers: dict[type, Callable[[Any, Call | None, float], list[actions.Action]]] = {
            events.Stopped: self._stopped,
            events.Dropped: self._dropped,
            events.Seen: self._seen,
        }

    def enter(self, call: Call, policy: Policy, ranks: Any, now: float) -> None:
        """Take a call under its rules."""
        call.rules = Rules(policy, now)
        self._ruled[call.number] = call
        self.fed(call, 0, call.fed, ranks)

    def fed(self, call: Call, start: int, count: int, ranks: Any) -> None:
        """Sort inputs that are at hand."""
        rules = call.rules
        if rules is None or not count:
            return
        if rules.ranked is not None:
            rules.ranked.add(start, ranks)
            call.unsent = call.fed
        if rules.future:
            rules.unwanted.update(index for index in rules.future if index < call.fed)
            rules.future -= rules.unwanted
        if rules.halted is not None and call.length is not None:
            call.length += count  # they were read when it was halted

    @property
    def deadline(self) -> float | None:
        """When `tick` is due."""
        found = [
            rules.deadline for call in self._ruled.values() if (rules := call.rules) and rules.deadline is not None
        ]
        return min([*found, *self._looks.values()], default=None)

    def tick(self, now: float) -> list[actions.Action]:
        """Do what is due."""
        out: list[actions.Action] = []
        for call in list(self._ruled.values()):
            rules = call.rules
            assert rules is not None
            for index, alone in rules.due(now):
                self._put_back(call, index, alone)
            if rules.until is not None and now >= rules.until:
                rules.until = None
                if rules.halted is None:
                    out += self._halt(call, f"total_time_limit={rules.total:g} seconds have passed", True, False, now)
        for number in [number for number, due in self._looks.items() if due <= now]:
            del self._looks[number]
            if self._roster.get(number) is not None:
                out.append(actions.Inspect(number))
        return out

    def _put_back(self, call: Call, index: int, alone: bool) -> None:
        if alone:
            call.alone.append(index)
        else:
            call.give_back(index, index + 1)
        self._dispatch.enter(call)

    def settle(self) -> list[actions.Action]:
        """After each event: let nothing wait that nobody wants."""
        out: list[actions.Action] = []
        for call in list(self._ruled.values()):
            rules = call.rules
            if call.number not in self._calls:
                del self._ruled[call.number]
                continue
            if rules is None or (rules.halted is None and not rules.unwanted):
                continue
            spans = call.drain() if rules.halted is not None else call.extract(rules.unwanted)
            for start, stop in spans:
                rules.unrun += stop - start
                out.append(actions.Skip(call.number, start, stop, rules.halted or CANCELLED))
                out += self._ended(call, start, stop)
            if call.complete:
                out += self._finish(call)
                self._ruled.pop(call.number)
        if not self._ruled:  # nobody is to be looked at
            self._looks.clear()
            self._blind.clear()
            self._warned.clear()
        return out

    # Batches come and go.

    def handed_out(self, out: list[actions.Action], now: float) -> None:
        """Note what workers were given."""
        for action in out:
            if not isinstance(action, actions.Send):
                continue
            call = self._ruled.get(action.call)
            limits = None if call is None or call.rules is None else call.rules.limits
            if limits is not None:
                self._look(action.worker, limits.first, now, now)
                if limits.unknown:
                    self._blind.add(action.worker)

    def _look(self, worker: int, limit: float | None, since: float, now: float) -> None:
        """Look when an item that began then is over its limit, or before, if that was due before."""
        if limit is not None:
            due = max(since + limit, now + LEAST_SECONDS)
            self._looks[worker] = min(due, self._looks.get(worker, due))

    def finished(self, call: Call, start: int, event: events.Finished, now: float) -> list[actions.Action]:
        """Note that the items from `start` on have ended; some of them may be tried again."""
        rules = call.rules
        assert rules is not None
        if rules.limits is not None and event.durations and rules.limits.measured(list(event.durations)):
            self._looks.update(dict.fromkeys(self._blind, now))
            self._blind.clear()
        out: list[actions.Action] = []
        begin = start
        for offset in sorted(event.failed or ()):
            index = start + offset
            worth = (event.failed or {})[offset] and rules.halted is None and index not in rules.unwanted
            pause = rules.retries.pause(index, False) if worth else None
            if begin < index:
                out += self._ended(call, begin, index)
            begin = index + 1
            if pause is None:
                rules.failed += 1
                out += [actions.Fail(call.number, index), *self._ended(call, index, index + 1)]
            else:
                out.append(actions.Retry(call.number, index))
                self._again(call, index, pause, False, now)
        if begin < start + event.count:
            out += self._ended(call, begin, start + event.count)
        return self._then_halt(call, out, now)

    def lost(self, call: Call, index: int, event: events.Died, now: float) -> list[actions.Action]:
        """Note that an item ended with its worker."""
        self._looks.pop(event.worker, None)
        self._warned.pop(event.worker, None)
        self._blind.discard(event.worker)
        rules = call.rules
        assert rules is not None
        worth = event.worth is not False and rules.halted is None and index not in rules.unwanted
        pause = rules.retries.pause(index, event.worth is None) if worth else None
        if pause is not None:
            self._again(call, index, pause, event.worth is None, now)
            return [actions.Lose(call.number, index, event.worker, True)]
        if index in rules.unwanted:
            rules.unrun += 1
        else:
            rules.failed += 1
        out = [actions.Lose(call.number, index, event.worker), *self._ended(call, index, index + 1)]
        return self._then_halt(call, out, now)

    def _again(self, call: Call, index: int, pause: float, alone: bool, now: float) -> None:
        assert call.rules is not None
        if pause:
            call.rules.wait(now + pause, index, alone)
        else:
            self._put_back(call, index, alone)

    def _ended(self, call: Call, start: int, stop: int) -> list[actions.Action]:
        assert call.rules is not None
        call.rules.ended(start, stop)
        return self._end(call, start, stop)

    # Calls that are stopped.

    def _then_halt(self, call: Call, out: list[actions.Action], now: float) -> list[actions.Action]:
        rules = call.rules
        assert rules is not None
        if rules.halted is not None or call.number not in self._calls:
            return out
        ended = call.ended - rules.unrun
        for rule in rules.halts:
            if rule.met(ended, rules.failed):
                reason = f"{rules.failed} of {ended} items that have ended failed ({rule.text})"
                return out + self._halt(call, reason, rule.now, False, now)
        return out

    def _halt(self, call: Call, reason: str, killing: bool, quiet: bool, now: float) -> list[actions.Action]:
        rules = call.rules
        assert rules is not None
        rules.halted = rules.halted or reason
        rules.killing = rules.killing or killing
        holders = [each for each in self._roster if any(batch.call == call.number for batch in each.batches)]
        out = [self._dispatch.relieve(each) for each in holders if each.owed > 1 and not each.squeezed]
        if killing:
            self._looks.update((each.number, now) for each in holders)
        return [actions.Halt(call.number, reason, quiet), *out]

    def _stopped(self, event: events.Stopped, call: Call | None, now: float) -> list[actions.Action]:
        if call is None or call.rules is None or (call.rules.halted is not None and call.rules.killing >= event.now):
            return []
        return self._halt(call, event.reason, event.now, event.quiet, now)

    def _dropped(self, event: events.Dropped, call: Call | None, now: float) -> list[actions.Action]:
        if call is None or call.rules is None:
            return []
        if event.index >= call.fed:  # not read yet
            call.rules.future.add(event.index)
            return []
        holder = self._holder(call, event.index)
        if holder is None and not call.waits(event.index):
            return []  # it has ended
        call.rules.unwanted.add(event.index)
        if holder is None:
            return []
        self._look(holder.number, 0.0, now, now)
        return [self._dispatch.relieve(holder)] if holder.owed > 1 and not holder.squeezed else []

    def _holder(self, call: Call, index: int) -> Worker | None:
        for worker in self._roster:
            for batch in worker.batches:
                if batch.call == call.number and batch.start + batch.done <= index < batch.stop:
                    return worker
        return None

    # Looks.

    def _seen(self, event: events.Seen, _: Call | None, now: float) -> list[actions.Action]:
        worker = self._roster.get(event.worker)
        if worker is None or not worker.batches:
            return []
        batch = next((each for each in worker.batches if each.number == event.batch), None)
        call = None if batch is None else self._ruled.get(batch.call)
        if batch is None or call is None:
            self._look_later(worker, now)
            return []
        return self._judge(worker, batch, call, event, now)

    def _judge(self, worker: Worker, batch: Batch, call: Call, event: events.Seen, now: float) -> list[actions.Action]:
        rules = call.rules
        assert rules is not None
        what = (worker.number, batch.number, event.position)
        out: list[actions.Action] = []
        unwanted = batch.start + event.position in rules.unwanted and not _shared(batch)
        if rules.killing or unwanted:
            self._looks[worker.number] = now + AGAIN_SECONDS
            return [actions.Kill(*what, event.since, None, rules.halted if rules.killing else CANCELLED)]
        if rules.limits is not None:
            hard, soft, age = rules.limits.hard, rules.limits.soft, now - event.since
            if hard is not None and age >= hard:
                self._looks[worker.number] = now + AGAIN_SECONDS
                return [actions.Kill(*what, event.since, hard, None)]
            if soft is not None and age >= soft:
                if self._warned.get(worker.number) != what[1:]:
                    self._warned[worker.number] = what[1:]
                    out.append(actions.Interrupt(*what, soft))
                self._look(worker.number, soft, now, now)  # the next item may begin at any moment
            else:
                self._look(worker.number, soft, event.since, now)
            self._look(worker.number, hard, event.since, now)
            if rules.limits.unknown:
                self._blind.add(worker.number)
        self._look_later(worker, now, batch)
        return out

    def _look_later(self, worker: Worker, now: float, running: Batch | None = None) -> None:
        """Look again when what it has beside the item that it runs could have begun, and be due."""
        for batch in worker.batches:
            call = self._ruled.get(batch.call)
            rules = None if call is None else call.rules
            if rules is None:
                continue
            unwanted = not _shared(batch) and any(
                batch.start + batch.done <= index < batch.stop for index in rules.unwanted
            )
            if rules.killing or unwanted:
                self._look(worker.number, HURRY_SECONDS, now, now)
            elif rules.limits is not None and batch is not running:
                self._look(worker.number, rules.limits.first, now, now)
                if rules.limits.unknown:
                    self._blind.add(worker.number)


def _shared(batch: Batch) -> bool:
    """True if one call runs several items, so that none of them can be ended by itself."""
    return batch.together and batch.stop - batch.start > 1
