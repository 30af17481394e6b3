"""What the scheduler remembers: calls, batches and workers.

An item's steps, as spans of item numbers:

    not read -> waiting -> sent -> ended -> delivered
                   ^         |
                   +---------+   taken back, or its worker died before it was started

Knows: numbers only.
Must not know: inputs, values, processes.
"""

from __future__ import annotations

from collections import deque

from procession.model.light import TYPE_CHECKING, Record
from procession.model.task import TaskOptions
from procession.scheduler.batching import Pace
from procession.scheduler.ordering import Reorder

if TYPE_CHECKING:
    from procession.scheduler.rules import Rules


class Batch(Record):
    """Items `start` to `stop` of a call, in the hands of one worker; `done` of them have ended."""

    __slots__ = ("number", "call", "start", "stop", "group", "chosen", "together", "suspect", "done")

    def __init__(
        self,
        number: int,
        call: int,
        start: int,
        stop: int,
        group: int,
        chosen: bool = False,
        together: bool = False,
        suspect: bool = False,
    ) -> None:
        self.number = number
        self.call = call
        self.start = start
        self.stop = stop
        self.group = group
        self.chosen = chosen  # its size was the caller's choice: it counts as one
        self.together = together  # one call of the function runs it all
        self.suspect = suspect  # its one item may have ended a worker
        self.done = 0

    @property
    def left(self) -> int:
        """Items that have not ended."""
        return self.stop - self.start - self.done

    def items_without(self, groups: int) -> int:
        """Items that are left when the last `groups` groups are taken off."""
        whole = -(-(self.stop - self.start) // self.group)
        return (whole - groups) * self.group


class Worker(Record):
    """One worker: what it owes, oldest first."""

    __slots__ = ("number", "place", "ready", "leaving", "used", "progress", "squeezed", "stale", "owed", "batches")

    def __init__(self, number: int, place: int = 0) -> None:
        self.number = number
        self.place = place  # what it calls itself: from 0, and less than there are workers
        self.ready = False
        self.leaving = False  # it gets nothing more; what it has it ends
        self.used = 0  # items (or chunks, where the caller chose them) that it was given
        self.progress = 0.0  # when it last reported, was given something to start with, or had nothing left
        self.squeezed = False  # what it had not claimed was taken back, and nothing was sent since
        # Tickets were taken from it, and it may still look for them when it comes to their batch; it has passed it when
        # it reports a batch of this number or a later one. 0: nothing of that kind lies before it.
        self.stale = 0
        self.owed = 0  # items that it has and that have not ended
        self.batches: list[Batch] = []

    @property
    def behind(self) -> int:
        """Items that wait behind the group which it runs, or will claim at once."""
        first = self.batches[0]
        return self.owed - min(first.left, first.group - first.done % first.group)


class Call(Record):
    """One call: how far its items are."""

    __slots__ = (
        "number", "options", "length", "fed", "unsent", "ended", "consumed", "limit", "queued", "back", "alone", "pace",
        "bytes_per_item", "order", "rules",
    )  # fmt: skip

    def __init__(
        self, number: int, options: TaskOptions, length: int | None, pace: Pace, bytes_per_item: float = 0.0
    ) -> None:
        self.number = number
        self.options = options
        self.length = length  # None while nobody knows
        self.fed = length or 0  # inputs at hand so far
        self.unsent = 0  # the first item that was never sent
        self.ended = 0
        self.consumed = 0
        self.limit = 0  # how far its input may be read
        self.queued = False  # it has its turn at handing out
        self.back: deque[tuple[int, int]] = deque()  # spans to be sent once more
        self.alone: deque[int] = deque()  # items one of which is suspected of a death
        self.pace = pace
        self.bytes_per_item = bytes_per_item  # of an input or of its outcome, the heavier one
        self.order = Reorder()
        self.rules: Rules | None = None  # where it has a policy

    @property
    def waiting(self) -> int:
        """Items that could be sent now."""
        fresh = self.fed - self.unsent
        if self.rules is not None and self.rules.ranked is not None:
            return len(self.rules.ranked) + len(self.alone)
        if self.back or self.alone:
            return fresh + sum(stop - start for start, stop in self.back) + len(self.alone)
        return fresh

    @property
    def reading(self) -> bool:
        """True while its input has not come to its end."""
        return self.options.lazy and self.length is None

    @property
    def complete(self) -> bool:
        """True if every item has ended."""
        return self.length is not None and self.ended >= self.length

    def give_back(self, start: int, stop: int) -> None:
        """Note that a span which was sent, or part of it, must be sent once more, before all that was not sent yet."""
        if start >= stop:
            return
        if self.rules is not None and self.rules.ranked is not None:
            self.rules.ranked.put_back(start, stop)
        else:
            self.back.append((start, stop))

    def take(self, size: int) -> tuple[int, int]:
        """Take up to `size` waiting items that stand side by side, the returned ones first."""
        if self.alone:
            index = self.alone.popleft()
            return index, index + 1
        if self.rules is not None and self.rules.ranked is not None:
            return self.rules.ranked.take(size)
        if self.back:
            start, stop = self.back.popleft()
            if stop - start > size:
                self.back.appendleft((start + size, stop))
                stop = start + size
            return start, stop
        start = self.unsent
        self.unsent = min(self.fed, start + size)
        return start, self.unsent

    def waits(self, index: int) -> bool:
        """True if an item waits to be sent, or to be tried again."""
        rules = self.rules
        if rules is not None and any(each[1] == index for each in rules.later):
            return True
        if rules is not None and rules.ranked is not None:
            return index in rules.ranked or index in self.alone
        return index >= self.unsent or index in self.alone or any(start <= index < stop for start, stop in self.back)

    def drain(self) -> list[tuple[int, int]]:
        """Take all that waits, also for its next attempt."""
        spans = [(index, index + 1) for index in self.alone]
        self.alone.clear()
        if self.rules is not None:
            spans += self.rules.drain_later()
            spans += [] if self.rules.ranked is None else self.rules.ranked.drain()
        spans += [*self.back, (self.unsent, self.fed)]
        self.back.clear()
        self.unsent = self.fed
        return sorted(span for span in spans if span[0] < span[1])

    def extract(self, unwanted: set[int]) -> list[tuple[int, int]]:
        """Take the items of those that wait which nobody wants."""
        spans = [(index, index + 1) for index in self.alone if index in unwanted]
        if spans:
            self.alone = deque(index for index in self.alone if index not in unwanted)
        if self.rules is not None:
            spans += self.rules.drain_later(unwanted)
            spans += [] if self.rules.ranked is None else self.rules.ranked.extract(unwanted)
        waiting = [*self.back, (self.unsent, self.fed)]
        self.back.clear()
        self.unsent = self.fed
        for start, stop in waiting:
            for index in sorted(each for each in unwanted if start <= each < stop):
                spans.append((index, index + 1))
                self.give_back(start, index)
                start = index + 1
            self.give_back(start, stop)
        return sorted(spans)
