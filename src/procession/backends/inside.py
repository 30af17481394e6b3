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
from collections.abc import Callable
from queue import SimpleQueue

from procession.backends.base import Broken, Gone, News, Portion, Ready
from procession.backends.calling import end_forked, failure, weight
from procession.backends.inside_care import Care
from procession.backends.inside_run import Run, Tell
from procession.launcher import host
from procession.model.light import Any
from procession.model.settings import Settings
from procession.wire import exceptions
from procession.wire.codec import TICKET_MASK
from procession.wire.functions import NOTHING, Packed
from procession.wire.store import Store

Later = Callable[[Callable[[], None]], None]


class Worker:
    """One worker of this process; to the engine it is a `Link`."""

    borrowed = True  # it tells its news by itself
    blocked = False  # what it is sent has arrived

    def __init__(self, number: int, name: str, care: Care) -> None:
        self.number = number
        self.name = name
        self.care = care
        self.pid = os.getpid()
        self.exitcode: int | None = None
        self.closed = False
        self.begun = False  # its initializer was called
        self.stopping = False  # it is to begin nothing more
        self.end_by: float | None = None  # when it is given up, if it was told to end
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

    ends = False
    descriptor = -1  # nothing is heard at one
    store: Store | None = None  # nothing travels

    def __init__(self, settings: Settings, lock: threading.RLock) -> None:
        self.changed = threading.Condition(lock)
        self.links: dict[int, Worker] = {}
        self.place: Callable[[int], int] = lambda worker: worker
        self.users: set[int] = set()  # threads that run users' code now and must not wait for this pool
        self._title = settings.title
        self._pid = os.getpid()
        self._settings = settings
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
        """It stands in the settings."""

    def pack(self, value: object) -> Packed:
        """Nothing travels."""
        return NOTHING

    # Workers come and go.

    def resize(self, workers: int) -> None:
        """Any number will do."""

    def recruit(self, worker: int) -> None:
        """Start a worker."""
        raise NotImplementedError

    def make(self, worker: int) -> Worker:
        """Make a worker."""
        link = Worker(worker, f"{self._title}-{worker + 1}", Care(self._settings, self.place(worker)))
        self.links[worker] = link
        return link

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
            RuntimeError: It was not told to end anyway.
        """
        if not link.stopping:
            raise RuntimeError(f"worker {link.name} lives in this process and cannot be killed by itself")

    def end(self, link: Worker, batch: int, position: int | None, since: float | None = None) -> bool:
        """Nothing ends what runs here."""
        return False

    def since(self, link: Worker) -> tuple[int, int, float] | None:
        """Nobody measures it: no limit could be kept."""
        return None

    def interrupt(self, link: Worker, batch: int, position: int, limit: float) -> None:
        """Nothing is raised in what runs here."""

    def running(self, link: Worker) -> tuple[int, int] | None:
        """The batch and the position in it of the item that a worker runs; None if it runs none."""
        return link.care.running

    def begin(self, link: Worker) -> bool:
        """Run the initializer; False if it failed."""
        link.begun = True
        try:
            link.care.begin()
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
