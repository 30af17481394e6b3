"""Workers that are processes on this machine.

Knows: nurseries, channels, tickets, counters; what each worker was already sent.
Must not know: calls, order, what an outcome is worth.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Sequence

from procession.backends import printing
from procession.backends.base import Broken, Gone, News, Portion, Ready, Refused, Watch
from procession.backends.beginning import Beginning
from procession.backends.causes import Causes
from procession.backends.hearing import understood
from procession.backends.link import Link, open_link
from procession.backends.portions import Portions
from procession.backends.reach import Reach
from procession.backends.room import Room
from procession.launcher import child, host, nursery
from procession.launcher.start_methods import Method
from procession.model.errors import StartFailed
from procession.model.light import Any
from procession.model.settings import Settings
from procession.wire.channel import ChannelClosed
from procession.wire.frames import Body, Kind
from procession.wire.functions import Packed, Shipper
from procession.wire.store import Store
from procession.worker import nesting

NURSERIES_LIMIT = 3  # nurseries in a row that ended before a worker was ready: more would only repeat it
GONE_SECONDS = 1.0  # how long a worker may take to vanish after SIGKILL before we go on without having seen it


class Processes(Reach):
    """Starts, feeds and hears worker processes.

    Args:
        method: How they are born.
        settings: How many, and how they live.
        watch: Who waits for descriptors.
        lock: The engine's; `hear` takes it where it changes more than one channel.

    Raises:
        StartFailed: The system refused the nursery.
    """

    def __init__(self, method: Method, settings: Settings, watch: Watch, lock: threading.RLock) -> None:
        self._method = method
        self._watch = watch
        self._lock = lock
        self.place: Callable[[int], int] = lambda worker: worker
        self.changed = threading.Condition(lock)  # a worker has begun or ended: for those who wait for just that
        self._title = settings.title
        self._size = settings.workers
        self._workers = settings.workers * nesting.outer_workers()
        self.links: dict[int, Link] = {}
        self._by_descriptor: dict[int, Link] = {}
        self._nurseries_lost = 0  # since a worker was ready
        self._causes = Causes()
        baseline = method.main_baseline()
        self._beginning = Beginning(method, settings, self._workers)
        self._nursery = self._beginning.connect()
        try:
            self._counters = Room(settings.workers)
            self.store = Store(self._counters.descriptor, 0, self._counters.vast * self._beginning.shared // 2)
            self._portions = Portions(Shipper(baseline, self.store), watch, self.store)
            self._watch.watch(self._nursery.fileno(), False)
        except OSError as error:
            self._nursery.close()
            raise child.start_failed(error) from error
        except BaseException:
            self._nursery.close()
            raise

    def listen(self, tell: Callable[[Sequence[News]], None], later: Callable[[Callable[[], None]], None]) -> None:
        """All news of processes comes by descriptors."""

    def cores(self) -> float:
        """The CPUs that this process may use."""
        return host.cores()

    def begin_with(self, initializer: Any, initargs: tuple[Any, ...]) -> None:
        """Pickle what every worker runs first; the settings had it, since a snapshot has it in its memory.

        Raises:
            BaseException: What pickling it raised.
        """
        self._beginning.pack(self.shipper)

    # Workers come and go.

    def resize(self, workers: int) -> None:
        """Make room for so many."""
        self._size = workers
        self._workers = workers * nesting.outer_workers()
        self._counters.resize(workers)

    def recruit(self, worker: int) -> None:
        """Ask the nursery for a worker, or put it off (see `put_off`).

        Raises:
            StartFailed: The system refused descriptors.
            InputNotPicklable: A global that the initializer uses cannot be sent.
        """
        slot = self._counters.enter(worker)
        if slot is None:
            return
        try:
            out, err = printing.descriptors()
            link, theirs = open_link(worker, slot)
        except OSError as error:
            self._counters.give_back(slot)
            raise child.start_failed(error) from error
        try:
            definitions = self.shipper.definitions(self._beginning.names, link.defined)
        except BaseException:
            theirs.close()
            link.close()
            self._counters.give_back(slot)
            raise
        self.links[worker] = link
        self._by_descriptor[link.channel.fileno()] = link
        own = (theirs.fileno(), link.tickets, self._counters.descriptor, out, err)
        descriptors = [*own, *self._beginning.descriptors]
        self._watch.watch(link.channel.fileno(), False)
        try:
            with theirs:
                name = f"{self._title}-{worker + 1}"
                self._nursery.start(worker, self._method, descriptors, (link.slot, name, os.getpid(), self._workers))
            if self._beginning.look is not None:
                link.channel.send(Kind.LOOK, self._beginning.look)
            if definitions is not None:
                self._portions.post(link, Kind.DEFINE, definitions)
            share = self._counters.vast * self._beginning.shared // (2 * self._size)
            self._portions.post(link, Kind.BEGIN, self._beginning.body(self.place(worker), worker, share))
        except (child.NurseryLost, ChannelClosed):
            pass  # the channel has ended: that is heard of like any other death
        except StartFailed:
            self._drop(link)
            raise

    def put_off(self) -> list[int]:
        """Workers that were to start when too many others had not ended, and that may start now."""
        return self._counters.put_off()

    def retire(self, worker: int, end_by: float) -> None:
        """Let an idle worker end; one that still lives at `end_by` (monotonic seconds) is killed."""
        link = self.links.get(worker)
        if link is not None:
            link.retired = True
            link.end_by = end_by
            link.channel.end()
            self._counters.hurry(self.links.values())

    def stop(self, end_by: float) -> None:
        """Send SIGTERM to all workers and what their tasks have started; who still lives at `end_by` is killed."""
        for link in [each for each in self.links.values() if not each.doomed]:
            self.signal(link, signal.SIGTERM)
            self.signal(link, signal.SIGCONT)
            self.retire(link.number, end_by)

    def next_deadline(self) -> float | None:
        """When `kill_late` is due, if ever."""
        return min((link.end_by for link in self.links.values() if link.end_by is not None), default=None)

    def kill_late(self, now: float) -> list[int]:
        """Kill those that should have ended; return their process ids."""
        late = [link for link in self.links.values() if link.end_by is not None and link.end_by <= now]
        killed = [link.pid for link in late if link.pid and not link.doomed]
        for link in late:
            self.signal(link, signal.SIGKILL)
            link.end_by = None
            if link.borrowed and link.doomed:  # whoever read it was broken off: the engine's thread goes on
                link.borrowed = False
                self.watch(link)
            elif link.borrowed:
                link.end_by = now + GONE_SECONDS
            link.doomed = True  # the nursery may not have told its number yet
        return killed

    def pid(self, worker: int) -> int:
        """The process id of a worker, 0 if it is not known."""
        link = self.links.get(worker)
        return 0 if link is None else link.pid

    @property
    def descriptor(self) -> int:
        """Where the nursery is heard."""
        return self._nursery.fileno()

    def link_at(self, descriptor: int) -> Link | None:
        """Whose channel this descriptor is."""
        return self._by_descriptor.get(descriptor)

    def hear(self, link: Link, wait: bool = False) -> list[News]:
        """Read a worker's channel once; if it has ended, see to it that the worker has."""
        try:
            frames = link.channel.receive(wait)
            if link.channel.blocked:
                self._flush(link)
        except ChannelClosed:
            with self._lock:
                return self._channel_ended(link)
        return [] if frames is None else [self._understand(link, kind, body) for kind, body in frames]

    def _flush(self, link: Link) -> None:
        with self._lock:
            link.channel.flush()
            if not link.borrowed and not link.channel.blocked:
                self._watch.watch(link.channel.fileno(), False)

    def watch(self, link: Link) -> None:
        """Let the engine's thread read a worker's channel."""
        if not link.closed:
            self._watch.watch(link.channel.fileno(), link.channel.blocked)

    def unwatch(self, link: Link) -> None:
        """Let a caller read a worker's channel."""
        self._watch.unwatch(link.channel.fileno())

    def _understand(self, link: Link, kind: int, body: Body) -> News:
        news = understood(link, kind, body, self.store)
        if isinstance(news, Ready):
            self._nurseries_lost = 0
        return news

    # Deaths.

    def _channel_ended(self, link: Link) -> list[News]:
        if not link.closed:
            link.closed = True
            self._watch.unwatch(link.channel.fileno())
            if not link.retired:
                # It is dying, or it could never be heard again.
                link.mute = not child.is_exiting(link.pid)
                self.signal(link, signal.SIGKILL)
        return [self._bury(link)] if link.ended else []

    def hear_all(self) -> list[News]:
        """Read what the nursery reports; under the engine's lock."""
        try:
            reports = self._nursery.reports()
        except child.NurseryLost:
            return self._nursery_lost()
        news: list[News] = []
        for kind, number, value in reports:
            if number == nursery.NOBODY:
                news.append(Broken(-1, child.start_failed(OSError(value, os.strerror(value)))))
            link = self.links.get(number)
            if link is None:
                continue
            if kind == nursery.STARTED:
                link.pid = value
                if link.closed or link.doomed:  # it was to end before its number was known
                    self.signal(link, signal.SIGKILL)
            elif kind == nursery.EXITED:
                link.exitcode = value
                news += self._last_words(link)
            else:
                self._drop(link)
                news.append(Refused(number, child.start_failed(OSError(value, os.strerror(value)))))
        self.changed.notify_all()
        return news

    def _last_words(self, link: Link) -> list[News]:
        """Read all that a dead worker has sent; then it is gone."""
        if link.borrowed and not link.closed:
            link.channel.hang_up()  # the caller that reads it comes to the end, and buries it there
            return []
        news: list[News] = []
        while not link.closed:
            try:
                frames = link.channel.receive()
            except ChannelClosed:
                frames = None
            if frames is None:  # the end, or a child of a task holds the other end open
                link.closed = True
                self._watch.unwatch(link.channel.fileno())
            else:
                news += [self._understand(link, kind, body) for kind, body in frames]
        news.append(self._bury(link))
        return news

    def _bury(self, link: Link) -> Gone:
        gone = Gone(link.number, link.pid, link.exitcode, *self._causes.of(link))
        gone.orphaned = link.why is not None
        state = self._counters.read(link.slot)
        if state is not None:
            gone.batch, gone.position, gone.running = state
            gone.running &= not link.mute  # else the channel may have been closed by an item before this one
        self._drop(link)
        return gone

    def _drop(self, link: Link) -> None:
        descriptor = link.channel.fileno()
        if not link.closed:
            self._watch.unwatch(descriptor)
            link.closed = True
        self._by_descriptor.pop(descriptor, None)
        self.links.pop(link.number, None)
        self.changed.notify_all()
        link.close()
        self._counters.give_back(link.slot)
        self.store.bury(link, link.number + 1)

    def _nursery_lost(self) -> list[News]:
        """Nobody collects the workers any more: end them all, and find another nursery."""
        self._watch.unwatch(self._nursery.fileno())
        self._nursery.lost()
        links = list(self.links.values())
        for link in links:
            link.why = f"the nursery {self._nursery.pid} was killed, and its workers with it"
            self.signal(link, signal.SIGKILL)
        # What a worker still did after its last words were read would be done once more by another.
        child.wait_until_gone([link.pid for link in links if link.pid and link.exitcode is None], GONE_SECONDS)
        news = self._renew()
        for link in links:
            news += self._last_words(link)
        return news

    def _renew(self) -> list[News]:
        """Find another nursery; where there is none, no call can be served any more."""
        baseline = self._method.main_baseline()
        self._nurseries_lost += 1
        try:
            if self._nurseries_lost == NURSERIES_LIMIT:
                raise StartFailed(reason="the nursery ends before a worker is ready", hint="see its message above")
            self._nursery = self._beginning.connect()
        except StartFailed as error:
            return [Broken(-1, error)]
        self._portions.shipper = Shipper(baseline, self.store)
        self._watch.watch(self._nursery.fileno(), False)
        return []

    # Batches.

    def send(self, worker: int, portion: Portion) -> dict[int, BaseException]:
        """Give a worker a portion; return the errors of the items that cannot be sent, by position."""
        link = self.links.get(worker)
        if link is not None:
            try:
                return self._portions.send(link, portion)
            except ChannelClosed:
                pass  # it is dead: what it was given comes back when that is heard of
        return {}

    def take_back(self, worker: int) -> dict[int, int]:
        """Take back what a worker has not claimed: groups by the number of their batch, cut to a ticket."""
        link = self.links.get(worker)
        return {} if link is None else link.take_back()

    @property
    def shipper(self) -> Shipper:
        """Pickles for these workers."""
        return self._portions.shipper

    def pack(self, value: object) -> Packed:
        """Pickle a value for these workers' main module.

        Raises:
            BaseException: What pickling it raised.
        """
        return self.shipper.pack_main(value)

    def close(self) -> None:
        """Give everything back; no worker is left, but after a fault of our own."""
        for link in list(self.links.values()):
            self._drop(link)
        self._watch.unwatch(self._nursery.fileno())
        self._nursery.close()
        self._counters.close(keep=self.store.close())
        self._beginning.close()

    def abandon(self) -> None:
        """In a forked child: close our copies, and nothing else."""
        self._nursery.abandon()
        for link in self.links.values():
            link.close()
        self.links.clear()
        self.store.abandon()
        self._counters.close()
        self._beginning.close()
