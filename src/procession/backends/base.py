"""The seam between an engine and its workers: portions go down, news comes up.

Knows: the words that both sides use.
Must not know: any kind of worker.
"""

from __future__ import annotations

from procession.model.light import Any, Protocol
from procession.wire.codec import Results
from procession.wire.functions import Packed


class Function:
    """A function as it travels: a number, and how it looks pickled."""

    __slots__ = ("number", "outcome_bytes", "packed")

    def __init__(self, number: int, packed: Packed) -> None:
        self.number = number
        self.packed = packed
        self.outcome_bytes: float | None = None  # what its last outcomes took, each


class Portion:
    """A batch with all that its worker must be told.

    Where its style is APPLY, each item has a `function`, its pickled arguments as `data` and the `names` of the main
    module that they need; or it is None: nobody wants it.
    """

    __slots__ = ("batch", "function", "group", "items", "size", "style", "timed")

    def __init__(self, batch: int, function: Function | None, items: Any, style: int, group: int, timed: bool) -> None:
        self.batch = batch
        self.function = function
        self.items = items
        self.style = style
        self.group = group
        self.timed = timed
        self.size = 0  # bytes; known when it has been sent


class Ready:
    """A worker has run its initializer."""

    __slots__ = ("worker",)

    def __init__(self, worker: int) -> None:
        self.worker = worker


class Broken:
    """A worker's initializer failed."""

    __slots__ = ("error", "worker")

    def __init__(self, worker: int, error: BaseException) -> None:
        self.worker = worker
        self.error = error


class Ended:
    """The next `count` items of a batch ended."""

    __slots__ = ("batch", "count", "results", "seconds", "size", "worker")

    def __init__(self, worker: int, batch: int, count: int, seconds: float, results: Results, size: int = 0) -> None:
        self.worker = worker
        self.batch = batch
        self.count = count
        self.seconds = seconds
        self.results = results
        self.size = size  # bytes


class Gone:
    """A worker is gone; `batch` and `position` name the item that it was running (or had just run), if any."""

    __slots__ = ("batch", "exitcode", "hint", "orphaned", "pid", "position", "running", "worker")

    def __init__(self, worker: int, pid: int, exitcode: int | None, hint: str | None) -> None:
        self.worker = worker
        self.pid = pid
        self.exitcode = exitcode
        self.hint = hint
        self.orphaned = False  # the nursery was killed, not this worker
        self.batch: int | None = None
        self.position = 0
        self.running = True


class Refused:
    """The system would not start a worker."""

    __slots__ = ("error", "worker")

    def __init__(self, worker: int, error: BaseException) -> None:
        self.worker = worker
        self.error = error


News = Ready | Broken | Ended | Gone | Refused


class Watch(Protocol):
    """Whom a backend tells which descriptors matter."""

    def watch(self, descriptor: int, writing: bool) -> None:
        """Wait for this descriptor too; `writing`: also until it can be written to."""

    def unwatch(self, descriptor: int) -> None:
        """Wait for it no longer."""
