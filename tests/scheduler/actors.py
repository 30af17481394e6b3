"""Who lives in the scheduler's world: calls with their items, workers with their batches, as numbers.

Knows: what a worker does with a batch, what a call remembers of its items.
Must not know: the scheduler. An item is a byte in its call's `state`: a check of a thousand items is one comparison.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from procession.model.task import TaskOptions

FREE, HELD, ENDED, DELIVERED = range(4)  # an item's state


@dataclass(eq=False)
class FakeCall:
    """One call, as its caller and its feeder see it."""

    number: int
    options: TaskOptions
    length: int | None
    cost: float = 0.0  # seconds that one item takes
    function: int | None = None  # calls of the same function are alike
    fed: int = 0
    unsaid: int = 0  # inputs that its feeder has read and not told of
    read_out: bool = False  # its input has ended
    limit: int = 0
    sent: int = 0  # beyond the highest item that was ever sent
    largest: int = 1  # items in the largest batch
    delivered: int = 0
    consumed: int = 0
    next: int = 0  # the item that an ordered caller gets next
    open: bool = True
    state: bytearray = field(default_factory=bytearray)
    chunks: dict[int, int] = field(default_factory=dict)  # ended, not delivered: start -> stop
    lost: set[int] = field(default_factory=set)
    suspects: set[int] = field(default_factory=set)  # one of these ended its worker; which is not known
    broken: set[int] = field(default_factory=set)  # chunks of a chosen size that a death cut

    def feed(self, count: int) -> None:
        """Add inputs."""
        self.fed += count
        self.state.extend(bytes(count))

    def move(self, start: int, stop: int, old: int, new: int) -> None:
        """Change the state of a span, which must all be in the old one."""
        assert 0 <= start < stop <= self.fed, f"items {start} to {stop} of call {self.number}, which has {self.fed}"
        there = self.state[start:stop]
        assert there == bytes([old]) * (stop - start), f"call {self.number}, items {start} to {stop}: {there!r}"
        self.state[start:stop] = bytes([new]) * (stop - start)

    @property
    def ended(self) -> int:
        """Items that have an outcome."""
        return self.delivered + sum(stop - start for start, stop in self.chunks.items())

    @property
    def open_ended(self) -> bool:
        """True for a call that takes single items until the pool closes; it never finishes by itself."""
        return self.length is None and not self.options.lazy

    @property
    def settled(self) -> bool:
        """True if the call wants nothing now and will want nothing after the pool was closed."""
        return not self.open or (self.open_ended and self.delivered == self.fed)


@dataclass(eq=False)
class FakeBatch:
    """A frame in a worker's hands. Counts are of items, from the batch's first."""

    number: int
    call: FakeCall
    start: int
    size: int
    group: int
    claimed: int
    ran: int = 0
    sent: int = 0


@dataclass(eq=False)
class FakeWorker:
    """A worker: it runs its batches in the order of their coming and claims them group by group."""

    number: int
    ready: bool = False
    used: int = 0  # items, or chunks of a chosen size, that it got and kept
    parting: bool = False  # it got all that its quota allows
    idle_since: float = 0.0
    running: bool = False
    batches: list[FakeBatch] = field(default_factory=list)
    last: tuple[int, int] | None = None  # batch and position of the item that it ended last

    def current(self) -> FakeBatch | None:
        """The batch whose next item it runs, or would start now; claims a group where it must."""
        for batch in self.batches:
            if batch.ran < batch.claimed:
                return batch
            if batch.claimed < batch.size:
                batch.claimed = min(batch.size, batch.claimed + batch.group)
                return batch
        return None

    def run(self, count: int, stay: bool = False) -> None:
        """End up to `count` items; with `stay`, start one more and stay inside it."""
        while count > 0 and (batch := self.current()) is not None:
            step = batch.claimed - batch.ran
            if not batch.call.options.together:
                step = min(count, step)
            batch.ran += step
            count -= step
            self.running = False
            self.last = (batch.number, batch.ran - 1)
        if stay and self.current() is not None:
            self.running = True

    @property
    def waiting(self) -> int:
        """The items that it has not claimed and cannot claim at once."""
        rest = [batch.size - batch.claimed for batch in self.batches]
        if any(batch.ran < batch.claimed for batch in self.batches) or not any(rest):
            return sum(rest)
        first = next(batch for batch in self.batches if batch.claimed < batch.size)
        return sum(rest) - min(first.group, first.size - first.claimed)

    @property
    def unsent(self) -> list[tuple[FakeCall, int]]:
        """The items that it has ended and not reported."""
        return [(b.call, b.start + i) for b in self.batches for i in range(b.sent, b.ran)]


class Outlook:
    """The workers as the scheduler counts them: with every action that it gave, carried out or not.

    Args:
        quota: Items, or chunks of a chosen size, after which a worker gets nothing more.
    """

    def __init__(self, quota: int | None) -> None:
        self._quota = quota
        self._used: dict[int, int] = {}
        self._leaving: set[int] = set()

    def recruit(self, worker: int) -> None:
        """One comes."""
        self._used[worker] = 0

    def remove(self, worker: int) -> None:
        """One is gone, or goes."""
        self._used.pop(worker, None)
        self._leaving.discard(worker)

    def leave(self, worker: int) -> None:
        """One gets nothing more, whatever its quota says."""
        self._leaving.add(worker)

    def use(self, worker: int, count: int) -> None:
        """One gets something; less than 0: it was spared that."""
        self._used[worker] += count
        if self._used[worker] == self._quota:
            self._leaving.add(worker)

    @property
    def leaving(self) -> int:
        """How many get nothing more."""
        return len(self._leaving)

    @property
    def staying(self) -> int:
        """How many there are beside those."""
        return len(self._used) - len(self._leaving)
