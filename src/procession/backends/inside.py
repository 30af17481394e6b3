"""Workers inside of this process: what threads and the caller's own thread have in common.

Knows: how items are run on the objects themselves, when their outcomes are told, how a group is claimed.
Must not know: in which thread that happens.

How it works: nothing is pickled. A worker has a queue of portions; a batch of several groups has tickets, as in
`worker/loop.py`, but in a deque with a lock.
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
from procession.backends.calling import caller, end_forked, failure, quits, weight
from procession.launcher import host
from procession.model.light import Any
from procession.model.settings import Settings
from procession.model.task import Style
from procession.wire import exceptions
from procession.wire.codec import TICKET_MASK, Results
from procession.wire.functions import NOTHING, Packed
from procession.worker.coroutines import Coroutines

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
        self.coroutines = Coroutines()
        self.portions: SimpleQueue[Portion | None] = SimpleQueue()  # None: nothing more will come
        self._tickets: deque[int] = deque()
        self._ticket: int | None = None  # one that was taken for a later batch
        self._claimed = False  # it runs a group that it has claimed
        self._whole = 0  # portions in its hands that are its own from the start
        self._lock = threading.Lock()  # of the tickets, and of who has them

    @property
    def ended(self) -> bool:
        """True if it has ended, or was given up."""
        return self.closed

    def fileno(self) -> int:
        """It is heard at no descriptor."""
        return -1

    def give(self, portion: Portion) -> None:
        """Put a portion into its queue."""
        with self._lock:
            if portion.group:
                self._tickets.extend([portion.batch & TICKET_MASK] * -(-len(portion.items) // portion.group))
            else:
                self._whole += 1
        self.portions.put(portion)

    def take_back(self) -> dict[int, int]:
        """Take the tickets that it has not taken yet: how many there are of each.

        One that has nothing to run keeps its first group. It is about to claim it, but may have to wait for the
        interpreter: meanwhile its work would be given to another, taken back from that, and so on without end.
        """
        found: Counter[int] = Counter()
        with self._lock:
            kept = 0 if self._claimed or self._whole or self._ticket is not None else 1
            while len(self._tickets) > kept:
                found[self._tickets.pop()] += 1
        return dict(found)

    def claim(self, batch: int) -> bool:
        """Claim the next group of a batch; False if it was taken back."""
        with self._lock:
            if self._ticket is None and self._tickets:
                self._ticket = self._tickets.popleft()
            if self._ticket != batch & TICKET_MASK:
                return False
            self._ticket = None
            self._claimed = True
            return True

    def rest(self, whole: bool) -> None:
        """Note that it has run all that it had claimed; `whole`: a portion that was its own from the start."""
        with self._lock:
            self._claimed = False
            self._whole -= whole


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

    def running(self, link: Worker) -> None:
        """Nobody counts here."""

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
        if portion.style in (Style.BATCH, Style.COLUMNS):
            return self._run_together()
        batch, group = portion.batch, portion.group
        call = caller(portion, link.coroutines)
        last = len(portion.items) - 1
        since = now = perf_counter()
        for position, item in enumerate(portion.items):
            if group and position % group == 0 and not link.claim(batch):
                break
            if link.stopping:
                break
            self._run_one(call, item)
            if position == last or group and position % group == group - 1:
                link.rest(not group)  # before that is told: more may come for it then, and be taken back
            before, now = now, perf_counter()
            self._seconds += now - before
            if portion.timed:
                self._durations.append(now - before)
            if now - before >= AT_ONCE_SECONDS or now - since >= GATHER_SECONDS:
                self._flush()
                since = now = perf_counter()
        self._flush()

    def _run_together(self) -> None:
        """Run a function of many items: one call for all."""
        from procession.worker import together

        link, portion = self._link, self._portion
        if link.stopping or (portion.group and not link.claim(portion.batch)):
            return
        assert portion.function is not None
        begin = perf_counter()
        function = link.coroutines.plain(together.unwrapped(portion.function.value))
        self._values, failures = together.run(function, portion.style, portion.items)
        self._seconds = perf_counter() - begin
        self._durations = [self._seconds / len(portion.items)] * len(portion.items)
        error = next(iter(failures.values()), None)
        end_forked(self._home, error)
        if error is not None and (exceptions.interrupts(error) or quits(error)):
            self.interrupt = error
        self._failures = {place: failure(each) for place, each in failures.items()}
        link.rest(not portion.group)
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
