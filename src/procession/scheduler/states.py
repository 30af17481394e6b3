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
from dataclasses import dataclass, field

from procession.model.task import TaskOptions
from procession.scheduler.batching import Pace
from procession.scheduler.ordering import Reorder


@dataclass(slots=True, eq=False)
class Batch:
    """Items `start` to `stop` of a call, in the hands of one worker; `done` of them have ended."""

    number: int
    call: int
    start: int
    stop: int
    group: int
    chosen: bool = False  # its size was the caller's choice: it counts as one
    suspect: bool = False  # its one item may have ended a worker
    done: int = 0

    @property
    def left(self) -> int:
        """Items that have not ended."""
        return self.stop - self.start - self.done

    def items_without(self, groups: int) -> int:
        """Items that are left when the last `groups` groups are taken off."""
        whole = -(-(self.stop - self.start) // self.group)
        return (whole - groups) * self.group


@dataclass(slots=True, eq=False)
class Worker:
    """One worker: what it owes, oldest first."""

    number: int
    ready: bool = False
    used: int = 0  # items (or chunks, where the caller chose them) that it was given
    progress: float = 0.0  # when it last reported or was given something to start with
    squeezed: bool = False  # what it had not claimed was taken back, and nothing was sent since
    batches: deque[Batch] = field(default_factory=deque)

    @property
    def idle(self) -> bool:
        """True if it could start at once."""
        return self.ready and not self.batches

    @property
    def owed(self) -> int:
        """Items that it has and that have not ended."""
        return sum(batch.left for batch in self.batches)


@dataclass(slots=True, eq=False)
class Call:
    """One call: how far its items are."""

    number: int
    options: TaskOptions
    length: int | None
    fed: int = 0  # inputs at hand so far
    unsent: int = 0  # the first item that was never sent
    ended: int = 0
    consumed: int = 0
    limit: int = 0  # how far its input may be read
    queued: bool = False  # it has its turn at handing out
    back: deque[tuple[int, int]] = field(default_factory=deque)  # spans to be sent once more
    alone: deque[int] = field(default_factory=deque)  # items one of which is suspected of a death
    pace: Pace = field(default_factory=Pace)
    order: Reorder = field(default_factory=Reorder)

    @property
    def waiting(self) -> int:
        """Items that could be sent now."""
        back = sum(stop - start for start, stop in self.back) if self.back else 0
        return self.fed - self.unsent + back + len(self.alone)

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
        if start < stop:
            self.back.append((start, stop))

    def take(self, size: int) -> tuple[int, int]:
        """Take up to `size` waiting items that stand side by side, the returned ones first."""
        if self.alone:
            index = self.alone.popleft()
            return index, index + 1
        if self.back:
            start, stop = self.back.popleft()
            if stop - start > size:
                self.back.appendleft((start + size, stop))
                stop = start + size
            return start, stop
        start = self.unsent
        self.unsent = min(self.fed, start + size)
        return start, self.unsent
