"""What is to be done: the scheduler's output, carried out by the engine in this order.

Knows: orders about calls, batches and workers, each in the imperative.
Must not know: how they are carried out.
"""

from __future__ import annotations

from procession.model.light import Record


class Recruit(Record):
    """Start one more worker, under this number."""

    __slots__ = ("worker",)

    def __init__(self, worker: int) -> None:
        self.worker = worker


class Retire(Record):
    """Let a worker end politely: it gets nothing more and owes nothing."""

    __slots__ = ("worker",)

    def __init__(self, worker: int) -> None:
        self.worker = worker


class Send(Record):
    """Give items `start` to `stop` of a call to a worker.

    A group is what the worker claims at once and what can be taken back while unclaimed; `group` 0 means that the
    whole batch is its worker's from the start.
    """

    __slots__ = ("worker", "batch", "call", "start", "stop", "group")

    def __init__(self, worker: int, batch: int, call: int, start: int, stop: int, group: int) -> None:
        self.worker = worker
        self.batch = batch
        self.call = call
        self.start = start
        self.stop = stop
        self.group = group


class TakeBack(Record):
    """Take from a worker all that it has not claimed, and report it as `events.Returned` before anything else."""

    __slots__ = ("worker",)

    def __init__(self, worker: int) -> None:
        self.worker = worker


class Read(Record):
    """The input of a lazy call may be read up to this many items in all; `hungry`: a worker waits for them."""

    __slots__ = ("call", "limit", "hungry")

    def __init__(self, call: int, limit: int, hungry: bool) -> None:
        self.call = call
        self.limit = limit
        self.hungry = hungry


class Deliver(Record):
    """The outcomes that begin at this item are the caller's."""

    __slots__ = ("call", "start")

    def __init__(self, call: int, start: int) -> None:
        self.call = call
        self.start = start


class Lose(Record):
    """This item ended with its worker: record `WorkerDied` for it; `again`: as an attempt, another one follows."""

    __slots__ = ("call", "index", "worker", "again")

    def __init__(self, call: int, index: int, worker: int, again: bool = False) -> None:
        self.call = call
        self.index = index
        self.worker = worker
        self.again = again


class Retry(Record):
    """This item, which has failed, will be sent once more: keep the attempt, and the item."""

    __slots__ = ("call", "index")

    def __init__(self, call: int, index: int) -> None:
        self.call = call
        self.index = index


class Fail(Record):
    """This item has failed for good: record its error."""

    __slots__ = ("call", "index")

    def __init__(self, call: int, index: int) -> None:
        self.call = call
        self.index = index


class Skip(Record):
    """Items `start` to `stop` of a call will not be run: record why."""

    __slots__ = ("call", "start", "stop", "reason")

    def __init__(self, call: int, start: int, stop: int, reason: str) -> None:
        self.call = call
        self.start = start
        self.stop = stop
        self.reason = reason


class Halt(Record):
    """Read no more of this call's input, tell of all that was read, and of its end; `quiet`: that is no error of the
    call."""

    __slots__ = ("call", "reason", "quiet")

    def __init__(self, call: int, reason: str, quiet: bool) -> None:
        self.call = call
        self.reason = reason
        self.quiet = quiet


class Inspect(Record):
    """Look what a worker runs, and since when; report it as `events.Seen`."""

    __slots__ = ("worker",)

    def __init__(self, worker: int) -> None:
        self.worker = worker


class Interrupt(Record):
    """Let the soft limit be felt by the item that a worker was seen to run, if it still does."""

    __slots__ = ("worker", "batch", "position", "limit")

    def __init__(self, worker: int, batch: int, position: int, limit: float) -> None:
        self.worker = worker
        self.batch = batch
        self.position = position
        self.limit = limit


class Kill(Record):
    """End a worker if it still runs the item that it was seen to run; `limit`: the seconds that this had, or `reason`:
    why nobody wants it."""

    __slots__ = ("worker", "batch", "position", "since", "limit", "reason")

    def __init__(
        self, worker: int, batch: int, position: int, since: float, limit: float | None, reason: str | None
    ) -> None:
        self.worker = worker
        self.batch = batch
        self.position = position
        self.since = since
        self.limit = limit
        self.reason = reason


class Finish(Record):
    """Every item of this call has its outcome, or nobody wants them."""

    __slots__ = ("call",)

    def __init__(self, call: int) -> None:
        self.call = call


class Abort(Record):
    """Workers die before they are ready, again and again, or none can be started: the pool cannot work."""

    __slots__ = ()


Action = (
    Recruit
    | Retire
    | Send
    | TakeBack
    | Read
    | Deliver
    | Lose
    | Retry
    | Fail
    | Skip
    | Halt
    | Inspect
    | Interrupt
    | Kill
    | Finish
    | Abort
)
