"""Workers inside of this process: what threads and the caller's own thread have in common.

Knows: how the items of a portion are run on the objects themselves, when their outcomes are told, how a group is claimed.
Must not know: in which thread that happens.

How it works: nothing is pickled. A worker has a queue of portions; a batch of several groups has tickets, as in
`worker/loop.py`, but in a deque: `popleft` gives each of them to one side only.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from time import perf_counter

from procession.backends.base import Broken, Ended, Gone, News, Portion, Ready
from procession.launcher import host
from procession.model.light import Any
from procession.model.settings import Settings
from procession.model.task import Style
from procession.wire import exceptions
from procession.wire.codec import TICKET_MASK, Results
from procession.wire.functions import NOTHING, Packed

OURS = "procession.backends."  # frames of these modules are left out of the tracebacks of tasks
AT_ONCE_SECONDS = 0.0002  # an item that took so long is told at once, as in worker/loop.py
GATHER_SECONDS = 0.001  # shorter ones wait so long at the most

Tell = Callable[[Sequence[News]], None]
Later = Callable[[Callable[[], None]], None]


class Worker:
    """One worker of this process; to the engine it is a `Link`."""

    borrowed = True  # it tells its news by itself
    blocked = False  # what it is sent has arrived

    def __init__(self, number: int, name: str) -> None:
        self.number = number
        self.name = name
        self.pid = os.getpid()
        self.exitcode: int | None = None
        self.closed = False
        self.begun = False  # its initializer was called
        self.stopping = False  # it is to begin nothing more
        self.end_by: float | None = None  # when it is given up, if it was told to end
        self.portions: SimpleQueue[Portion | None] = SimpleQueue()  # None: nothing more will come
        self.tickets: deque[int] = deque()
        self._ticket: int | None = None  # one that was taken for a later batch

    @property
    def ended(self) -> bool:
        """True if it has ended, or was given up."""
        return self.closed

    def fileno(self) -> int:
        """It is heard at no descriptor."""
        return -1

    def give(self, portion: Portion) -> None:
        """Put a portion into its queue."""
        if portion.group:
            self.tickets.extend([portion.batch & TICKET_MASK] * -(-len(portion.items) // portion.group))
        self.portions.put(portion)

    def take_back(self) -> dict[int, int]:
        """Take the tickets that it has not taken yet: how many there are of each."""
        found: Counter[int] = Counter()
        while self.tickets:
            try:
                found[self.tickets.popleft()] += 1
            except IndexError:  # it was faster
                break
        return dict(found)

    def claim(self, batch: int) -> bool:
        """Claim the next group of a batch; False if it was taken back."""
        if self._ticket is None:
            try:
                self._ticket = self.tickets.popleft()
            except IndexError:
                return False
        if self._ticket != batch & TICKET_MASK:
            return False
        self._ticket = None
        return True


class Inside:
    """A backend whose workers live in this process; which thread they run in is a matter of its kinds.

    Args:
        settings: How many, and how they live.
        lock: The engine's.
    """

    descriptor = -1  # nothing is heard at one

    def __init__(self, settings: Settings, lock: threading.RLock) -> None:
        self.changed = threading.Condition(lock)
        self.links: dict[int, Worker] = {}
        self.users: set[int] = set()  # threads that run users' code now and must not wait for this pool
        self._title = settings.title
        self._pid = os.getpid()
        self._initializer: Any = None
        self._initargs: tuple[Any, ...] = ()
        self._tell: Tell = lambda news: None
        self._later: Later = lambda step: None

    def listen(self, tell: Tell, later: Later) -> None:
        """Learn whom to tell of news."""
        self._tell, self._later = tell, later

    def cores(self) -> float:
        """How many workers run Python code at once: one, but for a Python without a global lock."""
        locked = getattr(sys, "_is_gil_enabled", lambda: True)()
        return 1.0 if locked else host.cores()

    def begin_with(self, initializer: Any, initargs: tuple[Any, ...]) -> None:
        """Choose what every worker runs first."""
        self._initializer, self._initargs = initializer, initargs

    def pack(self, value: object) -> Packed:
        """Nothing travels."""
        return NOTHING

    # Workers come and go.

    def resize(self, workers: int) -> None:
        """Any number will do."""

    def recruit(self, worker: int) -> None:
        """Start a worker."""
        raise NotImplementedError

    def retire(self, worker: int, end_by: float) -> None:
        """Let an idle worker end."""
        raise NotImplementedError

    def stop(self, end_by: float) -> None:
        """Let all workers end."""
        raise NotImplementedError

    def put_off(self) -> list[int]:
        """None is put off."""
        return []

    def next_deadline(self) -> float | None:
        """When `kill_late` is due, if ever."""
        return min((link.end_by for link in self.links.values() if link.end_by is not None), default=None)

    def kill_late(self, now: float) -> list[int]:
        """Give up those that should have ended: what they run goes on, and nobody hears of it."""
        for link in [each for each in self.links.values() if each.end_by is not None and each.end_by <= now]:
            self.drop(link)
        return []

    def drop(self, link: Worker) -> Gone:
        """Under the engine's lock: forget a worker that has ended, or is given up."""
        link.closed = link.stopping = True
        self.links.pop(link.number, None)
        self.changed.notify_all()
        return Gone(link.number, link.pid, link.exitcode, None)

    def pid(self, worker: int) -> int:
        """This process."""
        return self._pid

    def signal(self, link: Worker, number: int) -> None:
        """Refuse: a signal would end this process.

        Raises:
            RuntimeError: Always.
        """
        raise RuntimeError(f"worker {link.name} lives in this process and cannot be killed by itself")

    def end(self, link: Worker, batch: int, position: int | None) -> bool:
        """Nothing ends what runs here."""
        return False

    def begin(self, link: Worker) -> bool:
        """Run the initializer; False if it failed."""
        link.begun = True
        try:
            if self._initializer is not None:
                self._initializer(*self._initargs)
        except BaseException as error:
            end_forked(self._pid, error)
            self._tell([Broken(link.number, failure(error))])
            if exceptions.interrupts(error):
                raise
            return False
        end_forked(self._pid, None)
        self._tell([Ready(link.number)])
        return True

    # Batches.

    def send(self, worker: int, portion: Portion) -> dict[int, BaseException]:
        """Give a worker a portion."""
        link = self.links.get(worker)
        if link is not None:
            portion.size = weight(portion.items[0]) * len(portion.items)
            link.give(portion)
        return {}

    def take_back(self, worker: int) -> dict[int, int]:
        """Take back what a worker has not claimed: groups by the number of their batch, cut to a ticket."""
        link = self.links.get(worker)
        return {} if link is None else link.take_back()

    def run(self, link: Worker, portion: Portion) -> BaseException | None:
        """Run a portion in the calling thread; return Ctrl-C, if that broke it off."""
        run = Run(link, portion, self._tell, self._pid)
        run.run()
        return run.interrupt

    # Nobody is heard at a descriptor.

    def hear_all(self) -> list[News]:
        """Nothing."""
        return []

    def link_at(self, descriptor: int) -> None:
        """Nobody."""

    def hear(self, link: Worker, wait: bool = False) -> list[News]:
        """Nothing."""
        return []

    def watch(self, link: Worker) -> None:
        """There is no descriptor to watch."""

    def unwatch(self, link: Worker) -> None:
        """As above."""

    # The end.

    def close(self) -> None:
        """Forget all workers; there are none but after a fault of our own."""
        for link in list(self.links.values()):
            self.drop(link)

    def abandon(self) -> None:
        """In a forked child: none of the threads exists here."""
        self.links.clear()


class Run:
    """One portion on its way: what has ended and was not told."""

    def __init__(self, link: Worker, portion: Portion, tell: Tell, home: int) -> None:
        self._link = link
        self._portion = portion
        self._tell = tell
        self._home = home
        self.interrupt: BaseException | None = None  # what broke it off: the rest is not run
        self._values: list[Any] = []
        self._failures: dict[int, BaseException] = {}
        self._durations: list[float] = []
        self._seconds = 0.0

    def run(self) -> None:
        """Run the items, claiming each group."""
        link, portion = self._link, self._portion
        batch, group = portion.batch, portion.group
        call = _caller(portion)
        since = now = perf_counter()
        for position, item in enumerate(portion.items):
            if group and position % group == 0 and not link.claim(batch):
                break
            if link.stopping:
                break
            self._run_one(call, item)
            before, now = now, perf_counter()
            self._seconds += now - before
            if portion.timed:
                self._durations.append(now - before)
            if now - before >= AT_ONCE_SECONDS or now - since >= GATHER_SECONDS:
                self._flush()
                since = now = perf_counter()
        self._flush()

    def _run_one(self, call: Callable[[Any], Any], item: Any) -> None:
        try:
            if self.interrupt is not None:
                raise self.interrupt
            value = call(item)
        except BaseException as error:
            end_forked(self._home, error)
            if exceptions.interrupts(error) or quits(error):
                self.interrupt = error
            self._failures[len(self._values)] = failure(error)
            value = None
        if os.getpid() != self._home:
            end_forked(self._home, None)
        self._values.append(value)

    def _flush(self) -> None:
        """Tell what has ended."""
        values, self._values = self._values, []
        failures, self._failures = self._failures, {}
        durations, self._durations = self._durations, []
        seconds, self._seconds = self._seconds, 0.0
        if values and not self._link.closed:
            results = Results(values, failures or None, durations if self._portion.timed else None)
            size = weight(values[-1]) * len(values)
            self._tell([Ended(self._link.number, self._portion.batch, len(values), seconds, results, size)])


def _caller(portion: Portion) -> Callable[[Any], Any]:
    """Make what is called with each item."""
    if portion.style == Style.APPLY:
        return _apply
    assert portion.function is not None
    function: Callable[..., Any] = portion.function.value
    return function if portion.style == Style.CALL else lambda item: function(*item)


def _apply(single: Any) -> Any:
    if single is None or single.function is None:  # nobody wants it
        return None
    function, args, kwds = single.call
    return function(*args, **kwds)


def weight(value: object) -> int:
    """Guess what a value keeps of memory, in bytes: what is read ahead of a slow caller is bounded by it."""
    try:
        return sys.getsizeof(value)
    except Exception:  # a class that answers nonsense
        return 0


def failure(error: BaseException) -> BaseException:
    """Give what the caller gets for what a task raised, without the frames of ours that lead to the task."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get("__name__", "").startswith(OURS):
        trace = trace.tb_next
    arrives = exceptions.as_it_arrives(error, OURS)
    if arrives is error:
        error.__traceback__ = trace
    return arrives


def quits(error: BaseException) -> bool:
    """True if somebody has left the debugger: that ends the call, not the item."""
    bdb = sys.modules.get("bdb")
    return bdb is not None and isinstance(error, bdb.BdbQuit)


def end_forked(home: int, error: BaseException | None) -> None:
    """End this process if it is a child that a task forked, as a child ends that has nothing more to do."""
    if os.getpid() == home:
        return
    status = 0
    if isinstance(error, SystemExit) and (error.code is None or isinstance(error.code, int)):
        status = (error.code or 0) & 0xFF
    elif error is not None:
        import traceback

        traceback.print_exception(error)
        status = 1
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass  # closed, or none: nothing is left to be written
    os._exit(status)
