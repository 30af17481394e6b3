"""Workers that are processes on this machine.

Knows: nurseries, channels, tickets, counters; what each worker was already sent.
Must not know: calls, order, what an outcome is worth.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence

from procession.backends.base import Broken, Ended, Function, Gone, News, Portion, Ready, Refused, Watch
from procession.launcher import child, nursery
from procession.launcher.start_methods import Method, preparation
from procession.model.errors import InputNotPicklable, StartFailed
from procession.model.light import Any
from procession.model.task import Style
from procession.wire import codec, exceptions
from procession.wire.channel import CHANNEL_LOST, Channel, ChannelClosed
from procession.wire.counter import Counters
from procession.wire.frames import Kind
from procession.wire.functions import NO_NAMES, Packed, Shipper
from procession.worker import look, nesting

KEPT_FUNCTIONS = 64  # functions that a worker remembers
NURSERIES_LIMIT = 3  # nurseries in a row that ended before a worker was ready: more would only repeat it
GONE_SECONDS = 1.0  # how long a worker may take to vanish after SIGKILL before we go on without having seen it
NEVER = b""  # an item that could not be pickled: rebuilding this fails, and the parent knows why


class Link:
    """The parent's end of one worker."""

    __slots__ = (
        "borrowed", "channel", "closed", "defined", "end_by", "exitcode", "functions", "mute", "number", "pid",
        "retired", "slot", "tickets", "tickets_in", "why",
    )  # fmt: skip

    def __init__(self, number: int, channel: Channel, tickets: int, tickets_in: int, slot: int) -> None:
        self.number = number
        self.channel = channel
        self.tickets = tickets  # we take back here
        self.tickets_in = tickets_in  # we hand out here
        self.slot = slot
        self.pid = 0
        self.exitcode: int | None = None
        self.why: str | None = None  # it ended without an exit code that is known, and this is why
        self.closed = False  # the channel has ended
        self.mute = False  # it lived on without its channel
        self.retired = False
        self.end_by: float | None = None  # when it is killed, if it was told to end
        self.borrowed = False  # a caller reads this channel, not the engine's thread
        self.functions: OrderedDict[int, None] = OrderedDict()
        self.defined: dict[str, int] = {}


class Processes:
    """Starts, feeds and hears worker processes.

    Args:
        method: How they are born.
        preload: Modules that a clean nursery imports before it forks them.
        slots: How many may live at once.
        watch: Who waits for descriptors.
        lock: The engine's; `read` takes it where it changes more than one channel.
        title: How they are named, e.g. `ForkPoolWorker`.
        workers: How many the pool wants.

    Raises:
        StartFailed: The system refused the nursery.
    """

    def __init__(
        self, method: Method, preload: Sequence[str], slots: int, watch: Watch, lock: threading.RLock, title: str, workers: int
    ) -> None:
        self._method = method
        self._preload = preload
        self._watch = watch
        self._lock = lock
        self.changed = threading.Condition(lock)  # a worker has begun or ended: for those who wait for just that
        self._title = title
        self._workers = workers * nesting.outer_workers()
        self._beginning = b""
        self._beginning_names: frozenset[str] = frozenset()
        self.links: dict[int, Link] = {}
        self._by_descriptor: dict[int, Link] = {}
        self._nurseries_lost = 0  # since a worker was ready
        baseline = method.main_baseline()
        self._look = None if method.snapshot else codec.dump(look.take(preparation(method)))
        self._nursery = child.connect(method, preload)
        try:
            self.shipper = Shipper(baseline)
            self._counters = Counters(slots)
            self._watch.watch(self._nursery.fileno(), False)
        except OSError as error:
            self._nursery.close()
            raise child.start_failed(error) from error
        except BaseException:
            self._nursery.close()
            raise

    def begin_with(self, initializer: Any, initargs: tuple[Any, ...]) -> None:
        """Choose what every worker runs first.

        Raises:
            BaseException: What pickling it raised.
        """
        if initializer is not None:
            packed = self.shipper.pack((initializer, initargs))
            self._beginning, self._beginning_names = packed.data, packed.names

    # Workers come and go.

    def recruit(self, worker: int) -> None:
        """Ask the nursery for a worker.

        Raises:
            StartFailed: The system refused descriptors.
        """
        try:
            out, err = _standard_descriptors()
            link, theirs = self._open(worker)
        except OSError as error:
            raise child.start_failed(error) from error
        self.links[worker] = link
        self._by_descriptor[link.channel.fileno()] = link
        descriptors = [theirs.fileno(), link.tickets, self._counters.descriptor, out, err]
        self._watch.watch(link.channel.fileno(), False)
        try:
            with theirs:
                name = f"{self._title}-{worker + 1}"
                self._nursery.start(worker, self._method, descriptors, (link.slot, name, os.getpid(), self._workers))
            if self._look is not None:
                link.channel.send(Kind.LOOK, self._look)
            self._define(link, self._beginning_names)
            self._post(link, Kind.BEGIN, self._beginning)
        except (child.NurseryLost, ChannelClosed):
            pass  # the channel has ended: that is heard of like any other death
        except StartFailed:
            self._drop(link)
            raise

    def _open(self, worker: int) -> tuple[Link, socket.socket]:
        ours, theirs = socket.socketpair()
        try:
            tickets, tickets_in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            ours.close()
            theirs.close()
            raise
        return Link(worker, Channel(ours), tickets, tickets_in, self._counters.take()), theirs

    def retire(self, worker: int, end_by: float) -> None:
        """Let an idle worker end; one that still lives at `end_by` (monotonic seconds) is killed."""
        link = self.links.get(worker)
        if link is not None:
            link.retired = True
            link.end_by = end_by
            link.channel.end()

    def next_deadline(self) -> float | None:
        """When `kill_late` is due, if ever."""
        return min((link.end_by for link in self.links.values() if link.end_by is not None), default=None)

    def kill_late(self, now: float) -> None:
        """Kill those that should have ended."""
        for link in self.links.values():
            if link.end_by is not None and link.end_by <= now:
                self.signal(link, signal.SIGKILL)
                link.end_by = None

    def pid(self, worker: int) -> int:
        """The process id of a worker, 0 if it is not known."""
        link = self.links.get(worker)
        return 0 if link is None else link.pid

    def signal(self, link: Link, number: int) -> None:
        """Send a signal to a worker and all that its tasks have started."""
        if link.pid and link.exitcode is None:
            nursery.signal_group(link.pid, number)

    @property
    def nursery_descriptor(self) -> int:
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

    def _understand(self, link: Link, kind: int, body: bytes | bytearray) -> News:
        if kind == Kind.RESULTS:
            batch, count, seconds, flags = codec.RESULTS_HEAD.unpack_from(body)
            results = codec.decode_results(flags, memoryview(body)[codec.RESULTS_HEAD.size :])
            return Ended(link.number, batch, count, seconds, results)
        if kind == Kind.READY:
            self._nurseries_lost = 0
            link.pid = int(body)  # the nursery says so, too, but on another channel, and maybe later
            return Ready(link.number)
        return Broken(link.number, exceptions.decode(codec.load(body)))

    # Deaths.

    def _channel_ended(self, link: Link) -> list[News]:
        if not link.closed:
            link.closed = True
            self._watch.unwatch(link.channel.fileno())
            if not link.retired:
                # It is dying, or it could never be heard again.
                link.mute = not child.is_exiting(link.pid)
                self.signal(link, signal.SIGKILL)
        return [self._bury(link)] if link.exitcode is not None or link.why else []

    def hear_nursery(self) -> list[News]:
        """Read what the nursery reports; under the engine's lock."""
        try:
            reports = self._nursery.reports()
        except child.NurseryLost:
            return self._nursery_lost()
        news: list[News] = []
        for kind, number, value in reports:
            link = self.links.get(number)
            if link is None:
                continue
            if kind == nursery.STARTED:
                link.pid = value
                if link.closed:  # its channel ended before its number was known
                    self.signal(link, signal.SIGKILL)
            elif kind == nursery.EXITED:
                link.exitcode = value
                news += self._last_words(link)
            else:
                self._drop(link)
                news.append(Refused(number, os.strerror(value)))
        self.changed.notify_all()
        return news

    def _last_words(self, link: Link) -> list[News]:
        """Read all that a dead worker has sent; then it is gone."""
        if link.borrowed:
            link.channel.hang_up()  # the caller that reads it comes to the end and goes on here
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
        gone = Gone(link.number, link.pid, link.exitcode, self._hint(link))
        gone.orphaned = link.why is not None
        state = self._counters.read(link.slot)
        if state is not None:
            gone.batch, gone.position, gone.running = state
            gone.running &= not link.mute  # else the channel may have been closed by an item before this one
        self._drop(link)
        return gone

    def _hint(self, link: Link) -> str | None:
        if link.mute or link.exitcode == CHANNEL_LOST:
            return "it closed the descriptors of its worker, or became another program"
        if link.exitcode == -signal.SIGKILL:
            return "out of memory, or killed from outside?"
        return link.why

    def _drop(self, link: Link) -> None:
        descriptor = link.channel.fileno()
        if not link.closed:
            self._watch.unwatch(descriptor)
            link.closed = True
        self._by_descriptor.pop(descriptor, None)
        self.links.pop(link.number, None)
        self.changed.notify_all()
        link.channel.close()
        os.close(link.tickets)
        os.close(link.tickets_in)
        self._counters.give_back(link.slot)

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
            self._nursery = child.connect(self._method, self._preload)
        except StartFailed as error:
            return [Broken(-1, error)]
        self.shipper = Shipper(baseline)
        self._watch.watch(self._nursery.fileno(), False)
        return []

    # Batches.

    def send(self, worker: int, portion: Portion) -> dict[int, BaseException]:
        """Write a portion to a worker's channel, with the functions and the globals that it lacks."""
        link = self.links.get(worker)
        if link is None:  # it is gone, and the engine will hear so next
            return {}
        errors: dict[int, BaseException] = {}
        flags, out, functions, names = self._encode(portion, errors)
        try:
            try:
                self._define(link, names)
                self._teach(link, functions)
            except InputNotPicklable as error:
                flags, out = 0, [(None, NEVER) if portion.style == Style.APPLY else NEVER] * len(portion.items)
                errors = dict.fromkeys(range(len(out)), error)
            self._send_batch(link, portion, flags, out)
        except ChannelClosed:
            pass  # it is dead: what it was given comes back when that is heard of
        return errors

    def _encode(
        self, portion: Portion, errors: dict[int, BaseException]
    ) -> tuple[int, Any, list[Function], frozenset[str]]:
        """Pickle the items; return flags, what to send, the functions and the names of the main module they need."""
        if portion.style == Style.APPLY:
            wanted = [item for item in portion.items if item is not None]
            out = [(None, b"") if item is None else (item[0].number, item[1].data) for item in portion.items]
            names = NO_NAMES.union(*(item[1].names for item in wanted), *(item[0].packed.names for item in wanted))
            return 0, out, [item[0] for item in wanted], names
        function = portion.function
        assert function is not None
        if codec.plain(portion.items):
            return codec.WHOLE, portion.items, [function], function.packed.names
        packed = [self._pack(item, offset, errors) for offset, item in enumerate(portion.items)]
        names = function.packed.names.union(*(each.names for each in packed))
        return 0, [each.data for each in packed], [function], names

    def _pack(self, item: Any, offset: int, errors: dict[int, BaseException]) -> Packed:
        try:
            return self.shipper.pack(item)
        except BaseException as error:  # a user's __reduce__ may raise anything, also SystemExit
            if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
                raise  # Ctrl-C
            errors[offset] = exceptions.harmless(error, "raised while the item was pickled")
            return Packed(NEVER, NO_NAMES)

    def _define(self, link: Link, names: frozenset[str]) -> None:
        definitions = self.shipper.definitions(names, link.defined)
        if definitions is not None:
            self._post(link, Kind.DEFINE, definitions)

    def _teach(self, link: Link, functions: Sequence[Function]) -> None:
        """Send the functions that a worker does not know yet, and let it forget old ones."""
        needed = {function.number for function in functions}
        for function in functions:
            number = function.number
            if number in link.functions:
                link.functions.move_to_end(number)
                continue
            forgotten = -1
            if len(link.functions) >= KEPT_FUNCTIONS:
                forgotten = next((old for old in link.functions if old not in needed), -1)
                link.functions.pop(forgotten, None)
            link.functions[number] = None
            self._post(link, Kind.FUNCTION, codec.FUNCTION_HEAD.pack(number, forgotten) + function.packed.data)

    def _send_batch(self, link: Link, portion: Portion, flags: int, out: Any) -> None:
        count = len(portion.items)
        if portion.timed:
            flags |= codec.TIMED
        number = portion.function.number if portion.function is not None else 0
        head = codec.BATCH_HEAD.pack(portion.batch, number, count, portion.group, portion.style, flags)
        if portion.group:
            tickets = -(-count // portion.group)
            os.write(link.tickets_in, bytes((portion.batch & 0xFF,)) * tickets)
        self._post(link, Kind.BATCH, head + codec.dump(out))

    def _post(self, link: Link, kind: int, body: bytes) -> None:
        was_blocked = link.channel.blocked
        link.channel.send(kind, body)
        if link.channel.blocked and not was_blocked and not link.borrowed:
            self._watch.watch(link.channel.fileno(), True)

    def close(self) -> None:
        """Give everything back, when no worker is left."""
        self._watch.unwatch(self._nursery.fileno())
        self._nursery.close()
        self._counters.close()

    def abandon(self) -> None:
        """In a forked child: close our copies, and nothing else."""
        self._nursery.abandon()
        for link in self.links.values():
            link.channel.close()
            os.close(link.tickets)
            os.close(link.tickets_in)
        self.links.clear()
        self._counters.close()

    def take_back(self, worker: int) -> dict[int, int]:
        """Read the tickets that the worker has not read yet; the lowest byte of a batch number tells whose they are."""
        link = self.links.get(worker)
        if link is None:
            return {}
        try:
            tickets = os.read(link.tickets, 1 << 16)
        except BlockingIOError:
            return {}
        return dict(Counter(tickets))


def _standard_descriptors() -> tuple[int, int]:
    """Where workers print: where this process does now, or nowhere."""
    out = [1, 2]
    for place, descriptor in enumerate(out):
        try:
            os.fstat(descriptor)
        except OSError:
            out[place] = NOWHERE.descriptor()
    return out[0], out[1]


class _Nowhere:
    """A descriptor of the null device, opened when it is first needed."""

    def __init__(self) -> None:
        self._descriptor = -1

    def descriptor(self) -> int:
        if self._descriptor < 0:
            self._descriptor = os.open(os.devnull, os.O_WRONLY)
        return self._descriptor


NOWHERE = _Nowhere()
