"""The rules of one call, and what has come of them so far.

Knows: its policy; which of its items wait for their next attempt, in which order items go, what nobody wants.
Must not know: workers, other calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush

from procession.model.policy import Policy
from procession.scheduler.limits import Limits
from procession.scheduler.rate import Rate
from procession.scheduler.retries import Retries

Span = tuple[int, int]


class Ranked:
    """Items that wait in the order of their priorities; those of one priority in the order of the input."""

    def __init__(self) -> None:
        self._ranks: dict[int, float] = {}  # of all that have not ended
        self._heap: list[tuple[float, int]] = []

    def __len__(self) -> int:
        return len(self._heap)

    def __contains__(self, index: int) -> bool:
        return any(each[1] == index for each in self._heap)

    def add(self, start: int, ranks: Sequence[float]) -> None:
        """Take in items that stand side by side, with their priorities."""
        for index, rank in enumerate(ranks, start):
            self._ranks[index] = -rank
            heappush(self._heap, (-rank, index))

    def put_back(self, start: int, stop: int) -> None:
        """Take in items that were taken."""
        for index in range(start, stop):
            heappush(self._heap, (self._ranks[index], index))

    def take(self, size: int) -> Span:
        """Take the first, and of those behind it as many as stand beside it in the input, up to `size`."""
        rank, start = heappop(self._heap)
        stop = start + 1
        while stop - start < size and self._heap and self._heap[0] == (rank, stop):
            heappop(self._heap)
            stop += 1
        return start, stop

    def ended(self, start: int, stop: int) -> None:
        """Forget items that have ended."""
        for index in range(start, stop):
            self._ranks.pop(index, None)

    def drain(self) -> list[Span]:
        """Take all."""
        indexes = sorted(index for _, index in self._heap)
        self._heap.clear()
        return [(index, index + 1) for index in indexes]

    def extract(self, unwanted: set[int]) -> list[Span]:
        """Take those that nobody wants."""
        found = [each for each in self._heap if each[1] in unwanted]
        if found:
            self._heap = [each for each in self._heap if each[1] not in unwanted]
            heapify(self._heap)
        return [(index, index + 1) for _, index in found]


class Rules:
    """What one call keeps to.

    Args:
        policy: Its choice.
        now: When it was submitted.
    """

    def __init__(self, policy: Policy, now: float) -> None:
        self.halts = policy.halts
        self.total = policy.total_time_limit
        self.until = None if self.total is None else now + self.total
        self.retries = Retries(policy.retries, policy.retry_deaths, policy.backoff)
        self.limits = Limits(policy) if policy.limited else None
        self.rate = Rate(policy.max_per_second) if policy.max_per_second else None
        self.ranked = Ranked() if policy.priority is not None else None
        self.failed = 0
        self.unrun = 0  # items that have ended because nobody wanted them: they count as nothing
        self.halted: str | None = None  # why nothing more of it begins
        self.killing = False  # what runs of it is ended, too
        self.unwanted: set[int] = set()  # items that were cancelled and have not ended
        self.future: set[int] = set()  # items that were cancelled before they were read
        self.later: list[tuple[float, int, bool]] = []  # when an item is tried again, and whether alone

    @property
    def deadline(self) -> float | None:
        """When it is to be looked at, whatever happens."""
        first = self.later[0][0] if self.later else None
        if self.until is None:
            return first
        return self.until if first is None else min(first, self.until)

    def wait(self, due: float, index: int, alone: bool) -> None:
        """Let an item wait for its next attempt."""
        heappush(self.later, (due, index, alone))

    def due(self, now: float) -> list[tuple[int, bool]]:
        """Take the items whose next attempt has come, and whether they go alone."""
        found = []
        while self.later and self.later[0][0] <= now:
            _, index, alone = heappop(self.later)
            found.append((index, alone))
        return found

    def drain_later(self, unwanted: set[int] | None = None) -> list[Span]:
        """Take those that wait for their next attempt; `unwanted`: only these."""
        found = [index for _, index, _ in self.later if unwanted is None or index in unwanted]
        self.later = [each for each in self.later if unwanted is not None and each[1] not in unwanted]
        heapify(self.later)
        return [(index, index + 1) for index in found]

    def ended(self, start: int, stop: int) -> None:
        """Note that items have ended."""
        self.retries.forget(start, stop)
        if self.ranked is not None:
            self.ranked.ended(start, stop)
        if self.unwanted:
            self.unwanted.difference_update(range(start, stop))
