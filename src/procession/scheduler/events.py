"""What can happen to a pool: the scheduler's input.

Knows: facts about calls, batches and workers, each in the past tense; none is about a single item of many.
Must not know: where they come from.
"""

from __future__ import annotations

from dataclasses import dataclass

from procession.model.task import TaskOptions


@dataclass(slots=True)
class Opened:
    """The pool was made and wants this many workers."""

    workers: int


@dataclass(slots=True)
class Joined:
    """A worker is ready for its first batch."""

    worker: int


@dataclass(slots=True)
class Submitted:
    """A caller handed over a function and inputs; `length` is None while nobody knows how many will come."""

    call: int
    length: int | None
    options: TaskOptions


@dataclass(slots=True)
class Fed:
    """`count` more inputs of a call are at hand."""

    call: int
    count: int


@dataclass(slots=True)
class Exhausted:
    """A call's input has ended; what was fed is all."""

    call: int


@dataclass(slots=True)
class Weighed:
    """The inputs of a call were pickled: so many bytes each, in the mean."""

    call: int
    bytes_per_item: float


@dataclass(slots=True)
class Finished:
    """The next `count` items of a batch have ended; together they took `seconds`."""

    worker: int
    batch: int
    count: int
    seconds: float


@dataclass(slots=True)
class Returned:
    """What could be taken back from a worker: for each batch the number of groups that it will never start."""

    worker: int
    groups: dict[int, int]


@dataclass(slots=True)
class Died:
    """A worker is gone.

    `batch` and `position` name the item (counted from the batch's first) that it was running, or had just finished
    and not sent (`running` False). No batch: it was idle.
    """

    worker: int
    batch: int | None = None
    position: int = 0
    running: bool = True


@dataclass(slots=True)
class Refused:
    """The system would not start this worker, and would not start another in its place."""

    worker: int


@dataclass(slots=True)
class Consumed:
    """The caller has taken `count` more outcomes of a lazy call."""

    call: int
    count: int


@dataclass(slots=True)
class Cancelled:
    """Nobody wants the rest of this call."""

    call: int


@dataclass(slots=True)
class Closed:
    """No further call will be submitted."""


@dataclass(slots=True)
class Ticked:
    """The time that `next_deadline` named has come."""


Event = (
    Opened
    | Joined
    | Submitted
    | Fed
    | Exhausted
    | Weighed
    | Finished
    | Returned
    | Died
    | Refused
    | Consumed
    | Cancelled
    | Closed
    | Ticked
)
