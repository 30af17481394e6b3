"""Batch sizes: how many items travel together, by how long they were measured to take.

Knows: durations, sizes in bytes, what is left to hand out.
Must not know: which worker gets them.
"""

from __future__ import annotations

from math import sqrt

BATCH_SECONDS = 0.004  # work in one batch: a message costs 0.05 to 0.1 ms on both sides together
TOGETHER_SECONDS = 0.25  # work in one call of a function that takes many items: what it costs before the first counts
BATCH_ITEMS = 16384  # a longer batch gains less than 2 %
LAZY_ITEMS = 8192  # bounds what a lazy call holds in memory: some 4 MB of numbers with 2 workers
UNLIKE_ITEMS = 512  # each has a ticket of its own: those of two batches fit into the smallest pipe, a page
BATCH_BYTES = 1 << 20  # of pickled inputs, or of their outcomes: bounds what a lazy call holds in memory
GROWTH = 16  # a batch is at most this many times what was measured: one fast item proves little
MESSAGE_SECONDS = 0.0001  # what a message costs the parent, with its answer
GROUP_SECONDS = 0.00005  # work that a worker claims at once: a hundred times what a claim costs (0.5 µs)
GROUP_ITEMS = 64  # bounds how many items one sudden slow item can hold up
GROUPS = 8  # a batch is cut into at least so many, however fast its items were before
PREFETCH_SECONDS = 0.02  # longer items gain nothing from a second batch that waits in the worker
KEPT_PACES = 64  # functions that are remembered
FADING = 0.9  # so fast the proof of a long batch pales: the short ones at a call's end say nothing against it
MEMORY = 0.5  # weight that older measurements keep at each new one


def most_items(bytes_per_item: float) -> int:
    """Say how many items of this weight travel together at the most."""
    return max(1, min(BATCH_ITEMS, int(BATCH_BYTES / bytes_per_item))) if bytes_per_item else BATCH_ITEMS


class Pace:
    """The measured duration of one call's items, and the batch size that follows from it.

    Args:
        one_function: All items run the same function, so that their durations can be relied on to some degree.
    """

    def __init__(self, one_function: bool = True) -> None:
        self._message = MESSAGE_SECONDS if one_function else 0.0
        self._seconds = 0.0
        self._items = 0.0
        self._proved = 0.0  # items that were measured together
        self._last = 1  # size of the last batch handed out

    @property
    def known(self) -> bool:
        """True once an item has been measured."""
        return self._items > 0

    @property
    def item_seconds(self) -> float:
        """The expected duration of one item, in seconds."""
        return self._seconds / self._items if self._items else 0.0

    @property
    def prefetch(self) -> bool:
        """True if a worker should hold a second batch while it runs the first."""
        return self.known and self.item_seconds <= PREFETCH_SECONDS

    @property
    def usual_size(self) -> int:
        """The size of the last batch handed out."""
        return self._last

    def measured(self, items: int, seconds: float) -> None:
        """Note that `items` took `seconds` together."""
        self._seconds = self._seconds * MEMORY + seconds
        self._items = self._items * MEMORY + items
        self._proved = max(self._proved * FADING, items)

    def next_size(
        self,
        waiting: int,
        most: int,
        idle: int,
        places: int,
        more_may_come: bool,
        seconds: float = BATCH_SECONDS,
    ) -> int:
        """Say how many of `waiting` items the next batch takes, `most` at the most, to last for so many seconds.

        `idle` workers have nothing, `places` batches may be handed out now: each should get its share.
        """
        if not self.known:
            return 1
        each = max(self.item_seconds, 1e-9)
        size = min(int(seconds / each), int(self._proved * GROWTH), LAZY_ITEMS if more_may_come else most, most)
        if idle > 1 or not more_may_come:
            share = -(-waiting // (idle if idle > 1 else max(places, 1)))
            size = min(size, max(share, int(self._worth(waiting * each) / each)))
        self._last = size = max(1, min(size, waiting))
        return size

    def _worth(self, work: float) -> float:
        """Say how many seconds of so much work one worker should have at least.

        With `n` workers at it, the last has ended after `n` messages and its share, which is the least for
        `n = sqrt(work / message)`. To wake more of them takes longer than it saves.
        """
        return sqrt(work * self._message)

    def group_size(self, batch: int) -> int:
        """Say how many items of a batch its worker claims at once."""
        if not self.known:
            return 1
        most = min(GROUP_ITEMS, max(1, batch // GROUPS))
        return max(1, min(int(GROUP_SECONDS / max(self.item_seconds, 1e-9)), most))


class Paces:
    """What was measured of each function, so that its next call need not start from one item."""

    def __init__(self) -> None:
        self._known: dict[int, Pace] = {}

    def of(self, function: int | None) -> Pace:
        """The pace of a function (a number), or a new one."""
        if function is None:
            return Pace(one_function=False)
        pace = self._known.pop(function, None) or Pace()
        self._known[function] = pace
        if len(self._known) > KEPT_PACES:
            del self._known[next(iter(self._known))]
        return pace
