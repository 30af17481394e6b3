"""What can happen to a pool: the scheduler's input.

Knows: facts about calls, batches and workers, each in the past tense; none is about a single item of many.
Must not know: where they come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from procession.model.light import Record
from procession.model.task import TaskOptions


class Opened(Record):
    """The pool was made and wants this many workers; `on_demand`: each when there is work that no idle one takes."""

    __slots__ = ("workers", "on_demand")

    def __init__(self, workers: int, on_demand: bool = False) -> None:
        self.workers = workers
        self.on_demand = on_demand


class Resized(Record):
    """The pool wants this many workers from now on."""

    __slots__ = ("workers",)

    def __init__(self, workers: int) -> None:
        self.workers = workers


class Joined(Record):
    """A worker is ready for its first batch."""

    __slots__ = ("worker",)

    def __init__(self, worker: int) -> None:
        self.worker = worker


class Submitted(Record):
    """A caller handed over a function and inputs.

    `length` is None while nobody knows how many will come; calls of the same `function` (a number) take alike.
    `bytes_per_item` is a first guess at what an input weighs; 0: what it weighs does not matter. `ranks`: the
    priorities of all inputs, where the call has any.
    """

    __slots__ = ("call", "length", "options", "function", "bytes_per_item", "ranks")

    def __init__(
        self,
        call: int,
        length: int | None,
        options: TaskOptions,
        function: int | None = None,
        bytes_per_item: float = 0.0,
        ranks: Sequence[float] | None = None,
    ) -> None:
        self.call = call
        self.length = length
        self.options = options
        self.function = function
        self.bytes_per_item = bytes_per_item
        self.ranks = ranks


class Fed(Record):
    """`count` more inputs of a call are at hand; `ranks`: their priorities, where the call has any."""

    __slots__ = ("call", "count", "ranks")

    def __init__(self, call: int, count: int, ranks: Sequence[float] | None = None) -> None:
        self.call = call
        self.count = count
        self.ranks = ranks


class Exhausted(Record):
    """A call's input has ended; what was fed is all."""

    __slots__ = ("call",)

    def __init__(self, call: int) -> None:
        self.call = call


class Weighed(Record):
    """The inputs of a call, or their outcomes, were pickled: so many bytes each, in the mean. Nothing is due for it."""

    __slots__ = ("call", "bytes_per_item")

    def __init__(self, call: int, bytes_per_item: float) -> None:
        self.call = call
        self.bytes_per_item = bytes_per_item


class Finished(Record):
    """The next `count` items of a batch have ended; together they took `seconds`.

    Of a call with a policy: `failed` says which of them raised an error (counted from the first of these), and whether
    that is worth another attempt; `durations`: how long each of them took.
    """

    __slots__ = ("worker", "batch", "count", "seconds", "failed", "durations")

    def __init__(
        self,
        worker: int,
        batch: int,
        count: int,
        seconds: float,
        failed: Mapping[int, bool] | None = None,
        durations: Sequence[float] | None = None,
    ) -> None:
        self.worker = worker
        self.batch = batch
        self.count = count
        self.seconds = seconds
        self.failed = failed
        self.durations = durations


class Outgrown(Record):
    """A worker has grown too large: it shall have a successor."""

    __slots__ = ("worker",)

    def __init__(self, worker: int) -> None:
        self.worker = worker


class Admitted(Record):
    """There is memory for so many items at once, until more is known; one always runs."""

    __slots__ = ("items",)

    def __init__(self, items: int) -> None:
        self.items = items


class Returned(Record):
    """What could be taken back from a worker: for each batch the number of groups that it will never start."""

    __slots__ = ("worker", "groups")

    def __init__(self, worker: int, groups: dict[int, int]) -> None:
        self.worker = worker
        self.groups = groups


class Died(Record):
    """A worker is gone.

    `batch` and `position` name the item (counted from the batch's first) that it was running, or had just finished
    and not sent (`running` False). No batch: it was idle. `orphaned`: it ended because its nursery did, which says
    nothing about itself. `worth`: it was ended by a limit of its item, and whether that is worth another attempt; None:
    it died.
    """

    __slots__ = ("worker", "batch", "position", "running", "orphaned", "worth")

    def __init__(
        self,
        worker: int,
        batch: int | None = None,
        position: int = 0,
        running: bool = True,
        orphaned: bool = False,
        worth: bool | None = None,
    ) -> None:
        self.worker = worker
        self.batch = batch
        self.position = position
        self.running = running
        self.orphaned = orphaned
        self.worth = worth


class Refused(Record):
    """The system would not start this worker, and would not start another in its place."""

    __slots__ = ("worker",)

    def __init__(self, worker: int) -> None:
        self.worker = worker


class Consumed(Record):
    """The caller has taken `count` more outcomes of a lazy call."""

    __slots__ = ("call", "count")

    def __init__(self, call: int, count: int) -> None:
        self.call = call
        self.count = count


class Cancelled(Record):
    """Nobody wants the rest of this call."""

    __slots__ = ("call",)

    def __init__(self, call: int) -> None:
        self.call = call


class Stopped(Record):
    """Somebody wants nothing more of a call to begin; `now`: what runs of it shall end, too. `quiet`: that is no error
    of the call."""

    __slots__ = ("call", "reason", "now", "quiet")

    def __init__(self, call: int, reason: str, now: bool = False, quiet: bool = True) -> None:
        self.call = call
        self.reason = reason
        self.now = now
        self.quiet = quiet


class Dropped(Record):
    """Nobody wants this item of a call any more."""

    __slots__ = ("call", "index")

    def __init__(self, call: int, index: int) -> None:
        self.call = call
        self.index = index


class Seen(Record):
    """A worker was looked at: it runs the item at this position of a batch since then. Batch 0: none."""

    __slots__ = ("worker", "batch", "position", "since")

    def __init__(self, worker: int, batch: int = 0, position: int = 0, since: float = 0.0) -> None:
        self.worker = worker
        self.batch = batch
        self.position = position
        self.since = since


class Recalled(Record):
    """Somebody wants back what a worker has not begun."""

    __slots__ = ("worker",)

    def __init__(self, worker: int) -> None:
        self.worker = worker


class Closed(Record):
    """No further call will be submitted."""

    __slots__ = ()


class Ticked(Record):
    """The time that `next_deadline` named has come."""

    __slots__ = ()


Event = (
    Opened
    | Resized
    | Joined
    | Submitted
    | Fed
    | Exhausted
    | Weighed
    | Finished
    | Outgrown
    | Admitted
    | Returned
    | Died
    | Refused
    | Consumed
    | Cancelled
    | Stopped
    | Dropped
    | Seen
    | Recalled
    | Closed
    | Ticked
)
