"""The seam between an engine and its workers: portions go down, news comes up.

Knows: the words that both sides use, and what a backend must be able to do.
Must not know: any kind of worker.

How it works: an engine has one backend. It recruits workers, sends them portions, takes back what they have not begun,
and lets them end. News comes up in one of two ways. Either a descriptor can be read which the backend has put on
watch: then the engine asks `hear` or `hear_all` (processes). Or threads of the backend's tell it by what `listen` gave
them (threads, serial; whatever calls back).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from procession.model.light import Any, Protocol
from procession.wire.codec import Results
from procession.wire.functions import Packed
from procession.wire.store import Store


class Function:
    """A function as it travels: a number, and how it looks pickled; or, where nothing travels, itself as `value`."""

    __slots__ = ("number", "outcome_bytes", "packed", "value")

    def __init__(self, number: int, packed: Packed, value: Any = None) -> None:
        self.number = number
        self.packed = packed
        self.value = value
        self.outcome_bytes: float | None = None  # what its last outcomes took, each


class Portion:
    """A batch with all that its worker must be told.

    Where its style is APPLY, each item has a `function`, its pickled arguments as `data` and the `names` of the main
    module that they need; or it is None: nobody wants it.
    """

    __slots__ = ("batch", "call", "function", "group", "items", "limited", "size", "start", "style", "timed")

    def __init__(self, batch: int, function: Function | None, items: Any, style: int, group: int, timed: bool) -> None:
        self.call = 0  # its number
        self.start = 0  # the index of the first item
        self.batch = batch
        self.function = function
        self.items = items
        self.style = style
        self.group = group
        self.timed = timed
        self.limited = False  # it matters since when an item runs
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


class Outgrown:
    """A worker holds more memory after an item than it may; it goes on until it is retired."""

    __slots__ = ("worker",)

    def __init__(self, worker: int) -> None:
        self.worker = worker


class Logged:
    """A worker has logged something; it comes before the outcomes of its items."""

    __slots__ = ("body", "worker")

    def __init__(self, worker: int, body: bytes | bytearray | memoryview) -> None:
        self.worker = worker
        self.body = body


class Gone:
    """A worker is gone; `batch` and `position` name the item that it was running (or had just run), if any."""

    __slots__ = ("batch", "exitcode", "hint", "oom", "orphaned", "pid", "position", "running", "worker")

    def __init__(self, worker: int, pid: int, exitcode: int | None, hint: str | None, oom: bool | None = None) -> None:
        self.worker = worker
        self.pid = pid
        self.exitcode = exitcode
        self.hint = hint
        self.oom = oom  # the kernel killed it for want of memory; None: nobody can say
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


News = Ready | Broken | Ended | Outgrown | Logged | Gone | Refused


class Watch(Protocol):
    """Whom a backend tells which descriptors matter."""

    def watch(self, descriptor: int, writing: bool) -> None:
        """Wait for this descriptor too; `writing`: also until it can be written to."""

    def unwatch(self, descriptor: int) -> None:
        """Wait for it no longer."""


class Link(Protocol):
    """One worker, as an engine knows it."""

    number: int
    pid: int  # of the process that it lives in; 0: not known yet
    exitcode: int | None
    borrowed: bool  # not the engine's thread hears it: a caller does, or (for ever) it tells its news by itself
    closed: bool  # nothing more can come from it

    @property
    def ended(self) -> bool:
        """True if it is known to have ended."""

    @property
    def blocked(self) -> bool:
        """True if what was sent to it has not gone out whole."""

    def fileno(self) -> int:
        """The descriptor at which it is heard."""


class Backend(Protocol):
    """Where workers are. An engine calls all of this under its lock, but for `hear` and `listen`.

    A worker is named by the scheduler's number for it. `link` is one of `links`.
    """

    ends: bool  # what a worker runs can be ended
    changed: threading.Condition  # a worker has begun or ended
    place: Callable[[int], int]  # what a worker calls itself, from 0: the engine knows

    @property
    def store(self) -> Store | None:
        """Where large buffers go; None: nothing travels."""

    @property
    def links(self) -> Mapping[int, Any]:
        """The workers that live or are being started (each a `Link`); the engine ends when none is left."""

    def listen(self, tell: Callable[[Sequence[News]], None], later: Callable[[Callable[[], None]], None]) -> None:
        """Learn whom to tell of news.

        Args:
            tell: Takes in news in the calling thread; it must hold no lock.
            later: Lets the engine's thread do something; needs no lock.
        """

    def cores(self) -> float:
        """How many workers can be at work at once; more of them only share."""

    def begin_with(self, initializer: Any, initargs: tuple[Any, ...]) -> None:
        """Choose what every worker runs first.

        Raises:
            BaseException: What pickling it raised.
        """

    def pack(self, value: object) -> Packed:
        """Make a value travel that plain pickle cannot.

        Raises:
            BaseException: What pickling it raised.
        """

    # Workers come and go.

    def resize(self, workers: int) -> None:
        """Learn that so many are wanted from now on; `recruit` and `retire` follow."""

    def recruit(self, worker: int) -> None:
        """Start a worker; it tells `Ready`, `Broken` or `Refused`.

        Raises:
            ProcessionError: It cannot be started.
        """

    def put_off(self) -> list[int]:
        """Workers whose `recruit` had no effect yet, and that may start now."""

    def retire(self, worker: int, end_by: float) -> None:
        """Let an idle worker end; one that still lives at `end_by` (monotonic seconds) is given up."""

    def stop(self, end_by: float) -> None:
        """Let all workers end, whatever they run; may come again."""

    def next_deadline(self) -> float | None:
        """When `kill_late` is due, if ever."""

    def kill_late(self, now: float) -> list[int]:
        """Give up those that should have ended; return the process ids of those that were killed."""

    def pid(self, worker: int) -> int:
        """The process that a worker lives in; 0 if it is not known."""

    def signal(self, link: Any, number: int) -> None:
        """Send a signal to a worker and to what its task has started.

        Raises:
            RuntimeError: It takes none.
        """

    def end(self, link: Any, batch: int, position: int | None, since: float | None = None) -> bool | None:
        """End a worker at once, if it runs this item of a batch (None: any of it), and what its task has started.

        Args:
            since: When that item began, where that is known.

        Returns:
            True if that was so; None if it runs another one or none; False if no worker here can be ended.
        """

    def running(self, link: Any) -> tuple[int, int] | None:
        """The batch and the position in it of the item that a worker runs; None: none, or nobody can say."""

    def since(self, link: Any) -> tuple[int, int, float] | None:
        """The same, with the time when that item began (monotonic seconds; of batches that are `limited`)."""

    def interrupt(self, link: Any, batch: int, position: int, limit: float) -> None:
        """Raise `SoftTimeLimitExceeded` in an item, if it still runs."""

    # Batches.

    def send(self, worker: int, portion: Portion) -> dict[int, BaseException]:
        """Give a worker a portion; return the errors of the items that cannot be sent, by position."""

    def take_back(self, worker: int) -> dict[int, int]:
        """Take back what a worker has not claimed: groups by the number of their batch, cut to a ticket."""

    # News that comes by descriptors.

    @property
    def descriptor(self) -> int:
        """Where that is heard which concerns all workers, as births and deaths; -1: nowhere."""

    def hear_all(self) -> list[News]:
        """Read what there is at `descriptor`."""

    def link_at(self, descriptor: int) -> Any:
        """The link of the worker that is heard at a descriptor; None if there is none."""

    def hear(self, link: Any, wait: bool = False) -> list[News]:
        """Read once what a worker says; `wait`: until it says something."""

    def watch(self, link: Any) -> None:
        """Let the engine's thread hear a worker."""

    def unwatch(self, link: Any) -> None:
        """Let a caller hear it instead."""

    # The end.

    def close(self) -> None:
        """Give everything back; no worker is left, but after a fault of our own."""

    def abandon(self) -> None:
        """In a forked child: close our copies, and nothing else."""
