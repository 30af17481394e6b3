"""What is to be done: the scheduler's output, carried out by the engine in this order.

Knows: orders about calls, batches and workers, each in the imperative.
Must not know: how they are carried out.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Recruit:
    """Start one more worker, under this number."""

    worker: int


@dataclass(slots=True)
class Retire:
    """Let a worker end politely: it gets nothing more and owes nothing."""

    worker: int


@dataclass(slots=True)
class Send:
    """Give items `start` to `stop` of a call to a worker.

    A group is what the worker claims at once and what can be taken back while unclaimed; `group` 0 means that the
    whole batch is its worker's from the start.
    """

    worker: int
    batch: int
    call: int
    start: int
    stop: int
    group: int


@dataclass(slots=True)
class TakeBack:
    """Take from a worker all that it has not claimed, and report it as `events.Returned` before anything else."""

    worker: int


@dataclass(slots=True)
class Read:
    """The input of a lazy call may be read up to this many items in all; `hungry`: a worker waits for them."""

    call: int
    limit: int
    hungry: bool


@dataclass(slots=True)
class Deliver:
    """The outcomes that begin at this item are the caller's."""

    call: int
    start: int


@dataclass(slots=True)
class Lose:
    """This item ended with its worker: record `WorkerDied` for it."""

    call: int
    index: int
    worker: int


@dataclass(slots=True)
class Finish:
    """Every item of this call has its outcome, or nobody wants them."""

    call: int


@dataclass(slots=True)
class Abort:
    """Workers die before they are ready, again and again, or none can be started: the pool cannot work."""


Action = Recruit | Retire | Send | TakeBack | Read | Deliver | Lose | Finish | Abort
