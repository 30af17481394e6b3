"""The staff: how many workers there should be, who is recruited and who retires.

Knows: the roster, how many are wanted, how long one may be idle.
Must not know: calls and batches; how much work waits it is told as a number.

How it works: who gets nothing more (its quota is used up, or there are too many) no longer counts, so its successor is
recruited while it is still at work. The roster sees to it that no more than the wanted number are at work at once.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from procession.scheduler import actions
from procession.scheduler.roster import Roster
from procession.scheduler.states import Worker


class Staff:
    """Keeps the number of workers right.

    Args:
        roster: The workers.
        idle_timeout: Seconds after which an idle worker retires until there is more to do; None: never.
    """

    def __init__(self, roster: Roster, idle_timeout: float | None) -> None:
        self._roster = roster
        self._idle_timeout = idle_timeout
        self.timed = idle_timeout is not None
        self._refused = 0  # successors that could not be started beside those who leave: tried again when these have
        self._surplus: dict[int, Worker] = {}  # of those who leave, the ones that may yet stay: they were too many

    @property
    def settled(self) -> bool:
        """True if nobody is to be recruited nor to retire, but at the end; as nearly always."""
        return not self.timed and self._roster.steady

    @property
    def deadline(self) -> float | None:
        """When the next worker has been idle for too long, if ever."""
        if self._idle_timeout is None:
            return None
        first = next(iter(self._roster.idle.values()), None)  # they stand in the order in which they became idle
        return None if first is None else first.progress + self._idle_timeout

    @property
    def _missing(self) -> int:
        """How many more there could be; less than 0: so many are too many."""
        return self._roster.wanted - self._roster.staying

    def resize(self, workers: int) -> list[Worker]:
        """Want another number of workers; return those that are at work and get nothing more."""
        roster = self._roster
        roster.wanted = workers
        roster.resting = max(0, min(roster.resting, self._missing))
        self._refused = max(0, min(self._refused, self._missing - len(self._surplus)))  # no more are wanted
        others = [each for each in roster if not each.leaving and (each.batches or not each.ready)]
        others.sort(key=lambda each: (each.ready, each.owed))
        chosen = others[: max(0, -self._missing - len(roster.idle))]  # the idle ones retire before all others
        for worker in chosen:
            self._surplus[worker.number] = worker
            roster.leave(worker)
        return [worker for worker in chosen if worker.batches]

    def outgrow(self, worker: int) -> Worker | None:
        """Let a worker get nothing more, and have a successor."""
        found = self._roster.get(worker)
        self._surplus.pop(worker, None)  # it may not stay, whatever number is wanted
        if found is not None and not found.leaving:
            self._roster.leave(found)
        return found

    def remove(self, worker: int) -> Worker | None:
        """Forget a worker that has ended."""
        self._surplus.pop(worker, None)
        return self._roster.remove(worker)

    def refuse(self) -> bool:
        """Note that the system did not start a worker that was removed; False if none can be hoped for."""
        roster = self._roster
        if self._missing <= len(self._surplus):  # it was too many, or one of those stays in its place
            pass
        elif len(roster.leaving) - len(self._surplus) > self._refused:
            self._refused += 1
        else:
            roster.wanted -= 1
            roster.resting = min(roster.resting, roster.wanted)
        return roster.wanted > 0

    def settle(self, now: float, waiting: Callable[[], int], more: bool, over: bool) -> list[actions.Action]:
        """Recruit and retire.

        Args:
            waiting: Counts the batches that wait for a worker.
            more: Others may come; else nobody is recruited but for those.
            over: Nothing is left to be done, and nothing will come.
        """
        roster = self._roster
        going = list(roster.done.values())
        for worker in going:
            self.remove(worker.number)
        idle = list(roster.idle.values()) if over else self._dispensable(now)
        for worker in idle:
            roster.remove(worker.number)
        recruits = [] if over else self._recruits(waiting, more)
        return [*recruits, *(actions.Retire(worker.number) for worker in going + idle)]

    def _dispensable(self, now: float) -> list[Worker]:
        """Those of the idle that retire: where there are too many, and those that have been idle for too long."""
        idle = iter(self._roster.idle.values())
        chosen = list(islice(idle, max(0, len(self._surplus) - self._missing)))
        if self._idle_timeout is not None:
            for worker in idle:
                if worker.progress + self._idle_timeout > now:
                    break
                self._roster.resting += 1
                chosen.append(worker)
        return chosen

    def _recruits(self, waiting: Callable[[], int], more: bool) -> list[actions.Action]:
        roster = self._roster
        while self._surplus and self._missing > 0:
            roster.leave(self._surplus.popitem()[1], False)
        self._refused = min(self._refused, len(roster.leaving) - len(self._surplus))
        missing = self._missing - self._refused
        if missing <= 0:
            return []
        count = max(0, missing - roster.resting)
        if roster.resting or not more:
            unborn = roster.unborn
            needed = max(0, waiting() - unborn)
            if not more:
                count = min(count, needed)
            roused = max(0, min(needed, roster.most - roster.busy - unborn) - count)
            roused = min(roused, roster.resting)
            roster.resting -= roused
            count += roused
        return [actions.Recruit(roster.add().number) for _ in range(count)]
