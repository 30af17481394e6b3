"""`multiprocessing.queues`: queues that the death of any process leaves in order.

Knows: the standard library's classes, and what of ours does their work.
Must not know: how that works.

A message is in memory that all processes share when `put` returns: no thread feeds a pipe. So a process may end at once
after `put`, and nothing is lost; there is nothing to join.
"""

from __future__ import annotations

import multiprocessing.queues as standard
import pickle
import select
import threading
from collections.abc import Callable
from queue import Empty as Empty
from queue import Full as Full
from typing import Any, Generic, TypeVar

from procession.shared import letters, mailbox

T = TypeVar("T")

__all__ = ["JoinableQueue", "Queue", "SimpleQueue"]  # as the standard library's


class _End:
    """An end of a queue, as those look for it who wait for several things at once.

    `multiprocessing.connection.wait([queue._reader])` is a known idiom, and the standard library's pools read there.
    """

    def __init__(self, held: mailbox.Mailbox) -> None:
        self._mailbox = held
        self.closed = False

    def fileno(self) -> int:
        """A descriptor that is readable while there are messages."""
        return self._mailbox.show()

    def poll(self, timeout: float | None = 0.0) -> bool:
        """True if there is a message within so many seconds (None: wait for one)."""
        self._check()
        if not timeout and timeout is not None:
            return self._mailbox.count() > 0
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        return bool(poll.poll(None if timeout is None else max(0, round(timeout * 1000))))

    def recv(self) -> Any:
        """Take the next message."""
        self._check()
        message = self._mailbox.get(True, None)
        assert message is not None
        return letters.read(*message)

    def send(self, obj: object) -> None:
        """Add a message."""
        self._check()
        self._mailbox.put(*letters.write(obj), True, None)

    def close(self) -> None:
        """Nothing is read or written here any more."""
        self.closed = True

    def _check(self) -> None:
        if self.closed:
            raise OSError("handle is closed")


class _Held:
    """What our queues have in common."""

    def _hold(self, held: mailbox.Mailbox) -> None:
        self._mailbox = held
        self._maxsize = held.most
        self._reader, self._writer = _End(held), _End(held)
        self._closed = False

    def __getstate__(self) -> Any:
        return self._mailbox

    def __setstate__(self, state: Any) -> None:
        self._hold(state)


class Queue(_Held, standard.Queue, Generic[T]):  # type: ignore[type-arg]
    """A queue of messages between processes.

    A message is delivered whole to one consumer, or not at all. A process that is killed holds up nobody.

    Args:
        maxsize: Messages that there may be at once. 0: as many as there is memory for.
        reliable: A message is its consumer's until he says `task_done()`; if he ends without, another gets it.

    Source: multiprocessing.Queue.
    """

    _rule = mailbox.LOSE
    # Tells that the oldest message that this process has taken is done; ValueError: there is none. Only a reliable
    # queue has it: programs look whether a queue does.
    task_done: Callable[[], None]
    _on_queue_feeder_error: Callable[[Exception, Any], None]  # what is done with a message that cannot be pickled

    def __init__(self, maxsize: int = 0, *, ctx: Any = None, reliable: bool = False) -> None:
        self._hold(mailbox.create(max(0, maxsize), mailbox.GIVE if reliable else self._rule))

    def put(self, obj: T, block: bool = True, timeout: float | None = None) -> None:
        """Add a message.

        What cannot be pickled is reported on standard error and left out, as in the standard library.

        Args:
            obj: Anything that can be pickled; it is pickled now.
            block: Wait for room.
            timeout: Seconds to wait. None: for ever.

        Raises:
            Full: There was no room.
            ValueError: The queue was closed here.
            OSError: There is no memory for it.
        """
        if self._closed:
            raise ValueError(f"Queue {self!r} is closed")
        if type(obj) in letters.PLAIN:  # a call less
            data, kind = pickle.dumps(obj, 5), 0
        else:
            try:
                data, kind = letters.write(obj)
            except Exception as error:
                self._on_queue_feeder_error(error, obj)
                return
        if not self._mailbox.put(data, kind, block, timeout):
            raise Full

    def get(self, block: bool = True, timeout: float | None = None) -> T:
        """Take the next message.

        Args:
            block: Wait for one.
            timeout: Seconds to wait. None: for ever.

        Raises:
            Empty: There was none.
            ValueError: The queue was closed here.
            BaseException: What rebuilding it raised.
        """
        if self._closed:
            raise ValueError(f"Queue {self!r} is closed")
        try:
            message = self._mailbox.get(block, timeout)
            if message is None:
                raise Empty
            data, kind = message
            value: T = letters.read(data, kind) if kind else pickle.loads(data)
        except BaseException as error:
            if not isinstance(error, Exception):  # that of Ctrl-C
                self._mailbox.give_up()
            raise
        return value

    def put_nowait(self, obj: T) -> None:
        """As `put` that does not wait."""
        self.put(obj, False)

    def get_nowait(self) -> T:
        """As `get` that does not wait."""
        return self.get(False)

    def qsize(self) -> int:
        """How many messages there are."""
        return self._mailbox.count()

    def empty(self) -> bool:
        """True if there is no message."""
        if self._closed and self._mailbox.used():
            raise OSError("handle is closed")
        return not self._mailbox.count()

    def full(self) -> bool:
        """True if there are as many as there may be."""
        return self._mailbox.full()

    def _hold(self, held: mailbox.Mailbox) -> None:
        super()._hold(held)
        if held.reliable:
            self.task_done = self._task_done

    def _task_done(self) -> None:
        if not self._mailbox.done():
            raise ValueError("task_done() called too many times")

    def close(self) -> None:
        """Neither add nor take messages here any more."""
        self._closed = True

    def join_thread(self) -> None:
        """Return at once: no thread has anything left to send."""
        assert self._closed, f"Queue {self!r} not closed"

    def cancel_join_thread(self) -> None:
        """Do nothing: no thread has anything left to send."""


class JoinableQueue(Queue[T], standard.JoinableQueue):  # type: ignore[type-arg]
    """A queue that can be waited for until all of its messages are done.

    What a killed consumer had taken counts as done; with `reliable=True` another consumer gets it.

    Source: multiprocessing.JoinableQueue.
    """

    _rule = mailbox.NOTE

    def task_done(self) -> None:
        """Tell that the oldest message that this process has taken is done.

        Raises:
            ValueError: There is none.
        """
        self._task_done()

    def join(self) -> None:
        """Wait until `task_done` was called for each message."""
        self._mailbox.join()


class SimpleQueue(_Held, standard.SimpleQueue, Generic[T]):  # type: ignore[type-arg]
    """A queue without the trimmings.

    Source: multiprocessing.SimpleQueue.
    """

    def __init__(self, *, ctx: Any = None) -> None:
        self._hold(mailbox.create(0, mailbox.LOSE))

    def put(self, obj: T) -> None:
        """Add a message.

        Raises:
            BaseException: What pickling it raised.
            OSError: There is no memory for it.
        """
        self._writer.send(obj)

    def get(self) -> T:
        """Wait for the next message and take it.

        Raises:
            BaseException: What rebuilding it raised.
        """
        value: T = self._reader.recv()
        return value

    def empty(self) -> bool:
        """True if there is no message.

        Raises:
            OSError: The queue was closed here.
        """
        return not self._reader.poll()

    def close(self) -> None:
        """Neither add nor take messages here any more."""
        self._reader.close()
        self._writer.close()

    @property
    def _rlock(self) -> Any:  # the standard library's Pool takes it when it ends
        return threading.Lock()


def __getattr__(name: str) -> Any:
    return getattr(standard, name)
