"""The worker's loop: take a batch, run its items, send their outcomes.

Knows: one channel, the counter slot, the tickets, the functions that were sent here.
Must not know: how this process was born, and what the parent does with outcomes.

How it works: items run in steps. A step starts at one item and doubles while it takes little time, so that the
clock is read once per step and yet a long item is noticed and its result sent at once. A batch of several groups
claims each group by reading a ticket; the parent takes back a group by reading its ticket first. The kernel gives
each ticket to one side only, so no lock is needed.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from time import perf_counter

from procession.model.light import Any, NoReturn
from procession.model.task import Style
from procession.wire import codec, functions
from procession.wire.channel import CHANNEL_LOST, WorkerChannel
from procession.wire.counter import BATCH, NOTHING, POSITION
from procession.wire.exceptions import Encoded, encode
from procession.wire.frames import Body, Kind
from procession.wire.store import LARGE, Parcel, Store
from procession.worker import forked, identity, inherited, look
from procession.worker.care import Care
from procession.worker.coroutines import Coroutines
from procession.worker.modules import MODULES
from procession.worker.parcels import Parcels
from procession.worker.steps import Load, Prepared, Step, encode_failure, failing, step_for

STEP_ITEMS = 64  # bounds how many finished outcomes a sudden long item can hold up
STEP_SECONDS = 0.00005  # a step of less is doubled: reading the clock (40 ns) stays below 1 %
AT_ONCE_SECONDS = 0.0002  # an item that took so long is worth a message of its own (10 to 20 µs on each side)
GATHER_SECONDS = 0.001  # shorter ones wait so long at the most


class Loop:
    """Runs batches until the parent says that no more will come.

    Args:
        channel: To the parent.
        tickets: Descriptor of the pipe with the tickets, non-blocking.
        counter: This worker's slot.
        care: What is done around the items.
        file: Descriptor of the shared file.
    """

    def __init__(self, channel: WorkerChannel, tickets: int, counter: memoryview, care: Care, file: int) -> None:
        self.care = care
        self.store = Store(file, 0, 0)  # until more is known
        self._file = file
        self.step = self._plain_step  # what runs a step of the batch
        self._channel = channel
        self._tickets = tickets
        self._counter = counter
        self._ticket: int | None = None  # one that was read for a later batch
        self._packed: dict[int, bytes | Parcel] = {}  # functions that no item has asked for yet
        self._opened: dict[int, list[memoryview]] = {}  # the large buffers of those of them that could not be rebuilt
        self._functions: dict[int, Callable[..., Any]] = {}
        self._coroutines = Coroutines()
        self._broken: Encoded | None = None  # what went wrong with the last definitions
        self._home = os.getpid()
        os.register_at_fork(after_in_child=self._forked)

    def begin(self) -> bool:
        """Do what comes before the first batch; False if the initializer failed or the parent is gone."""
        while (received := self._hear()) is not None:
            kind, body = received
            if kind == Kind.LOOK:
                if not self._look(body):
                    return False
            elif kind == Kind.DEFINE:
                self._define(body)
            elif kind == Kind.BEGIN:
                return self._initialize(body)
        return False

    def _look(self, body: Body) -> bool:
        try:
            look.put_on(codec.load(body))
        except BaseException as error:  # a main module that runs once more may raise anything
            self._say(Kind.BROKEN, codec.dump(encode_failure(error)))
            return False
        return True

    def _initialize(self, body: Body) -> bool:
        try:
            if self._broken is not None:
                raise Prepared(self._broken)
            place, size, number, share = codec.BEGIN_HEAD.unpack_from(body)
            begin = codec.BEGIN_HEAD.size + size
            chosen = codec.load(memoryview(body)[codec.BEGIN_HEAD.size : begin])
            self.store = Store(self._file, number + 1, share)
            self.care.begin(place, chosen)
            first = codec.load(memoryview(body)[begin:]) if len(body) > begin else None
            inherited.close()  # what was rebuilt of them has its own
            if first is not None:
                self.care.run_first(first)
        except BaseException as error:
            self._leave_if_forked(error)
            identity.flush_queues()  # this process is ended when its error is heard of
            self._say(Kind.BROKEN, codec.dump(encode_failure(error)))
            return False
        self._leave_if_forked(None)
        MODULES.note()
        self._say(Kind.READY, b"%d" % os.getpid())
        return True

    def run(self) -> None:
        """Serve until the channel ends."""
        while (received := self._hear()) is not None:
            kind, body = received
            if kind == Kind.BATCH:
                self._run_batch(body)
            elif kind == Kind.FUNCTION:
                self._learn(body)
            elif kind == Kind.DEFINE:
                self._define(body)
            received = body = None  # type: ignore[assignment]  # nothing of the last task stays alive while we wait
        self._coroutines.close()

    def _forked(self) -> None:
        # The child of a task shares our channel and counter. It must never speak: if the task returns there, the
        # next store into the counter fails, which leads out of the loop.
        self._channel.abandon()
        self._counter.release()
        self.care.forked()
        self._tickets = -1

    def _leave_if_forked(self, error: BaseException | None) -> None:
        """End the child of a task as a child ends that has nothing more to do, or that raised an error."""
        if os.getpid() == self._home:
            return
        status = 0
        if error is not None and not forked.is_ours(error):
            status = forked.end_by(error)
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (AttributeError, OSError, ValueError):
                pass  # closed, or none: nothing is left to be written
        os._exit(status)

    # What came before a batch.

    def _learn(self, body: Body) -> None:
        number, forgotten, large = codec.FUNCTION_HEAD.unpack_from(body)
        data = bytes(body[codec.FUNCTION_HEAD.size :])
        self._packed[number] = codec.load(data) if large else data
        self._functions.pop(forgotten, None)
        self._opened.pop(forgotten, None)
        never_used = self._packed.pop(forgotten, None)
        if type(never_used) is tuple:
            self.store.refuse(never_used)

    def _function(self, number: int) -> Callable[..., Any]:
        function = self._functions.get(number)
        if function is None:
            # Rebuilding may run users' code and is part of the item: it fails or dies with it.
            packed: Any = self._packed[number]
            if type(packed) is tuple:  # opened once, since rebuilding may fail, and for each item anew
                data, self._opened[number] = self.store.open(packed)
                packed = self._packed[number] = bytes(data)
            rebuilt = pickle.loads(packed, buffers=self._opened.get(number))
            function = self._functions[number] = self._coroutines.plain(rebuilt)
            del self._packed[number]
            self._opened.pop(number, None)
        return function

    def _define(self, body: Body) -> None:
        try:
            functions.install(bytes(body))
        except BaseException as error:
            self._broken = encode(error)

    # A batch.

    def _run_batch(self, body: Body) -> None:
        batch, number, count, group, style, flags, call, start = codec.BATCH_HEAD.unpack_from(body)
        self.care.current.begin_batch(call, start)
        care = self.care.step_for(bool(flags & codec.TIMED), bool(flags & codec.LIMITED))
        self.step = care or self._plain_step
        self._counter[POSITION] = 0  # rebuilding the function is part of the first item
        self._counter[BATCH] = batch
        MODULES.mend()
        items = codec.load(memoryview(body)[codec.BATCH_HEAD.size :])
        del body
        parcels = Parcels(self.store, items, style) if flags & codec.PARCELS else None
        load = None if flags & codec.WHOLE else codec.load if parcels is None else parcels.loads
        step = step_for(style, load)
        function: Callable[..., Any] = self._function
        run = Run
        if self._broken is not None:
            step, self._broken = failing(self._broken), None
        elif style != Style.APPLY:
            try:
                function = self._function(number)
                if style in (Style.BATCH, Style.COLUMNS):
                    run, step, function = self._together(style, step, function, load)
            except BaseException as error:
                step = failing(encode(error))
        self._counter[POSITION] = NOTHING
        run(self, batch, step, function, iter(items), flags).run(count, group)
        if parcels is not None:
            parcels.refuse_unopened()
        self._counter[BATCH] = 0

    def _together(
        self, style: int, step: Step, function: Callable[..., Any], load: Load | None
    ) -> tuple[type[Run], Step, Callable[..., Any]]:
        """Choose how a function of many items runs: one call for all; or one for each, where each gets care."""
        from procession.worker import together

        function = self._coroutines.plain(together.unwrapped(function))
        if self.step != self._plain_step:
            return Run, step, together.alone(function)
        return TogetherRun, together.step(style, load), function

    def claim(self, batch: int) -> bool:
        """Claim the next group of a batch; False if the parent has taken it back."""
        ticket = self._ticket
        if ticket is None:
            try:
                (ticket,) = codec.TICKET.unpack(os.read(self._tickets, codec.TICKET.size))
            except BlockingIOError:
                return False
            except (OSError, codec.NoTicket):  # a task closed the descriptor
                self._leave()
        mine = ticket == batch & codec.TICKET_MASK
        self._ticket = None if mine else ticket
        return mine

    def _plain_step(self, step: Step, position: int, items: Iterator[Any], function: Any, values: list[Any]) -> None:
        """Run a step, or the part of it up to the first error."""
        step(position, items, function, self._counter, values)

    def send(self, body: bytes) -> None:
        """Send a frame with results; before it, that this worker has grown too large, so that it gets nothing more."""
        if self.care.weight is not None and self.care.weight.outgrown(len(body)):
            self._say(Kind.OUTGROWN, b"")
        self._say(Kind.RESULTS, body)

    def _say(self, kind: Kind, body: bytes) -> None:
        self._leave_if_forked(None)
        if len(body) >= LARGE and (wrapped := self.store.wrap(kind, body, codec.PARENT)) is not None:
            kind, body = Kind.STORED, wrapped
        records = self.care.records
        try:
            if records is None:
                self._channel.send(kind, body)
            else:
                with records.lock:
                    records.flush_locked()  # what an item has logged comes before its outcome
                    self._channel.send(kind, body)
        except OSError:  # a task closed the descriptor, or the parent is gone
            self._leave()

    def _hear(self) -> tuple[int, Body] | None:
        try:
            received = self._channel.receive()
        except OSError:  # as above
            self._leave()
        if received is not None and received[0] == Kind.STORED:
            return self.store.unwrap(received[1])
        return received

    def _leave(self) -> NoReturn:
        """End without the channel. What ran last has ended; any item since the last message may be at fault."""
        self._leave_if_forked(None)
        position = self._counter[POSITION]
        if position >= 0:
            self._counter[POSITION] = ~position
        os._exit(CHANNEL_LOST)

    def rest(self, position: int) -> None:
        """Note that the item at `position` has ended and none runs."""
        try:
            self._counter[POSITION] = ~position
        except ValueError:
            self._leave_if_forked(None)
            raise
        MODULES.mend()  # for pickling what has ended

    def check(self, error: BaseException) -> None:
        """Make sure that an error can be told: end this process if it is a child that a task forked."""
        self._leave_if_forked(error)
        MODULES.mend()


class Run:
    """One batch on its way: what has ended and was not sent, and how long the next step is."""

    def __init__(
        self, loop: Loop, batch: int, step: Step, function: Callable[..., Any], items: Iterator[Any], flags: int
    ) -> None:
        self._loop = loop
        self._batch = batch
        self._step = step
        self._function = function
        self._items = items
        self._timed = bool(flags & codec.TIMED)
        self._values: list[Any] = []
        self._failures: dict[int, Encoded] = {}
        self._durations: list[float] | None = [] if self._timed else None
        self._seconds = 0.0
        self._size = 1

    def run(self, count: int, group: int) -> None:
        """Run up to `count` items, claiming each `group` (0: all are ours)."""
        position = 0
        since = now = perf_counter()
        while position < count:
            end = count
            if group:
                if position % group == 0 and not self._loop.claim(self._batch):
                    break
                end = min(count, position - position % group + group)
            stop = min(position + self._size, end)
            self._advance(position, stop)
            before, now = now, perf_counter()
            took = now - before
            self._note(took, stop - position)
            lengthy = took >= AT_ONCE_SECONDS * (stop - position)
            position = stop
            if lengthy or now - since >= GATHER_SECONDS:
                self._flush(position)
                since = now = perf_counter()
        self._flush(position)

    def _note(self, took: float, items: int) -> None:
        self._seconds += took
        if self._durations is not None:
            self._durations.append(took)
        elif took < STEP_SECONDS:
            self._size = min(self._size * 2, STEP_ITEMS)
        elif took > 2 * STEP_SECONDS:
            self._size = max(1, int(items * STEP_SECONDS / took))

    def _advance(self, position: int, stop: int) -> None:
        """Run the items from `position` to `stop`, whatever they raise."""
        values, first = self._values, len(self._values) - position
        while position < stop:
            try:
                self._loop.step(self._step, position, islice(self._items, stop - position), self._function, values)
                position = stop
            except BaseException as error:
                self._loop.check(error)
                self._failures[len(values)] = encode_failure(error)
                values.append(None)
                position = len(values) - first

    def _flush(self, position: int) -> None:
        """Send what has ended."""
        if not self._values:
            return
        self._loop.rest(position - 1)
        values, self._values = self._values, []
        failures, self._failures = self._failures, {}
        durations, self._durations = self._durations, [] if self._timed else None
        texts = self._loop.care.take_texts()
        body = codec.encode_results(self._batch, self._seconds, values, failures, durations, texts, self._loop.store)
        self._seconds = 0.0
        del values, failures  # the weight is that of what stays
        self._loop.send(body)


class TogetherRun(Run):
    """One batch on its way, all of which is run by one call."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._size = sys.maxsize

    def _note(self, took: float, items: int) -> None:
        self._seconds += took
        if self._durations is not None:
            self._durations += [took / items] * items

    def _advance(self, position: int, stop: int) -> None:
        items, out = islice(self._items, stop - position), []  # type: ignore[var-annotated]
        self._loop.step(self._step, position, items, self._function, out)
        values, failures = out
        for place, error in failures.items():
            self._loop.check(error)
            self._failures[len(self._values) + place] = encode_failure(error)
        self._values += values
