"""What can happen to a pool: the scheduler's input.

Knows: facts about calls, batches and workers, each in the past tense; none is about a single item of many.
Must not know: where they come from.
"""

from __future__ import annotations

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
    `bytes_per_item` is a first guess at what an input weighs; 0: what it weighs does not matter.
    """

    __slots__ = ("call", "length", "options", "function", "bytes_per_item")

    def __init__(
        self,
        call: int,
        length: int | None,
        options: TaskOptions,
        function: int | None = None,
        bytes_per_item: float = 0.0,
    ) -> None:
        self.call = call
        self.length = length
        self.options = options
        self.function = function
        self.bytes_per_item = bytes_per_item


class Fed(Record):
    """`count` more inputs of a call are at hand."""

    __slots__ = ("call", "count")

    def __init__(self, call: int, count: int) -> None:
        self.call = call
        self.count = count


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
    """The next `count` items of a batch have ended; together they took `seconds`."""

    __slots__ = ("worker", "batch", "count", "seconds")

    def __init__(self, worker: int, batch: int, count: int, seconds: float) -> None:
        self.worker = worker
        self.batch = batch
        self.count = count
        self.seconds = seconds


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
    nothing about itself.
    """

    __slots__ = ("worker", "batch", "position", "running", "orphaned")

    def __init__(
        self, worker: int, batch: int | None = None, position: int = 0, running: bool = True, orphaned: bool = False
    ) -> None:
        self.worker = worker
        self.batch = batch
        self.position = position
        self.running = running
        self.orphaned = orphaned


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
    | Recalled
    | Closed
    | Ticked
)
