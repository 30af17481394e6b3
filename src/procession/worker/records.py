"""Log records of a worker: they go to the parent, whose handlers write them.

Knows: `logging`; the channel, and that nothing may wait for it while an item runs.
Must not know: what the parent does with a record.

How it works: all handlers that a worker is born with (by fork, or because its main module has run once more) are the
parent's; they are put aside, and one of ours stands in their place. A record that a handler sees which the worker's
own code has added is not sent: who logs in the worker itself wants it there, and not twice. What the channel does not
take at once waits, up to a limit, until the outcome of its item is sent.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque

from procession.model.light import Any
from procession.wire import records
from procession.wire.channel import WorkerChannel
from procession.wire.frames import Kind

MOST_WAITING = 10_000  # records; some 4 MB of short ones
MOST_WAITING_BYTES = 1 << 23
FRAME_BYTES = 1 << 14  # the kernel takes so little in one piece or not at all


class Records:
    """What one worker has logged and its parent has not heard of.

    Args:
        channel: To the parent.
        name: The name of this process.
    """

    def __init__(self, channel: WorkerChannel, name: str) -> None:
        self._channel = channel
        self._name = name
        self._home = os.getpid()
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._dropped = 0
        # Whoever logs takes it only if it is free, so that neither a signal's handler nor a thread can wait for it.
        self.lock = threading.Lock()
        self._handler = _ToParent(self)
        self._put_aside: list[tuple[logging.Logger, list[logging.Handler]]] = []
        self._basic_config = logging.basicConfig

    # Handlers.

    def install(self, levels: records.Levels | None) -> None:
        """Take the place of the parent's handlers.

        Args:
            levels: What the parent has chosen; None: this process knows it, or nothing was chosen.
        """
        if levels is not None:
            records.put_on_levels(levels)
        for logger in records.loggers():
            theirs = [each for each in logger.handlers if type(each) is not logging.NullHandler]
            kept = levels is not None and logger.name in levels.apart
            if theirs:
                self._put_aside.append((logger, logger.handlers))
                logger.handlers = [each for each in logger.handlers if each not in theirs]
            if logger is logging.root or ((theirs or kept) and not logger.propagate):
                logger.handlers = [*logger.handlers, self._handler]
        logging.basicConfig = self._configure

    def _configure(self, *arguments: Any, **options: Any) -> None:
        """`logging.basicConfig`: where nothing but ours stands in its way, it does what it would do without us."""
        root = logging.root
        if root.handlers == [self._handler]:
            root.handlers = []
            try:
                self._basic_config(*arguments, **options)
            finally:
                if not root.handlers:
                    root.handlers = [self._handler]
        else:
            self._basic_config(*arguments, **options)

    def uninstall(self) -> None:
        """In the child of a task, which nobody hears: log as it would have without us."""
        for logger in records.loggers():
            if self._handler in logger.handlers:
                logger.handlers = [each for each in logger.handlers if each is not self._handler]
        for logger, handlers in self._put_aside:
            logger.handlers = handlers
        logging.basicConfig = self._basic_config

    def is_seen_here(self, record: logging.LogRecord) -> bool:
        """True if a handler that this worker's own code has added sees a record."""
        manager = logging.root.manager
        logger: Any = manager.loggerDict.get(record.name, logging.root)
        if not isinstance(logger, logging.Logger):
            logger = logging.root
        while logger is not None:
            for handler in logger.handlers:
                if handler is not self._handler and type(handler) is not logging.NullHandler:
                    if record.levelno >= handler.level:
                        return True
            logger = logger.parent if logger.propagate else None
        return False

    # On the way.

    def add(self, record: logging.LogRecord) -> None:
        """Send a record, or let it wait."""
        if os.getpid() != self._home:
            return
        data = records.pack(record, self._name)
        if len(self._waiting) >= MOST_WAITING or self._waiting_bytes + len(data) > MOST_WAITING_BYTES:
            self._dropped += 1
            return
        self._waiting_bytes += len(data)
        self._waiting.append(data)
        while self._waiting and self.lock.acquire(blocking=False):
            try:
                if not self._send_some(wait=False):
                    return
            finally:
                self.lock.release()

    def flush(self) -> None:
        """Send all that waits."""
        with self.lock:
            self.flush_locked()

    def flush_locked(self) -> None:
        """Send all that waits; the lock is ours."""
        while self._waiting or self._dropped:
            if not self._waiting:
                dropped, self._dropped = self._dropped, 0
                self._waiting.append(records.pack(_notice(dropped), self._name))
            self._send_some(wait=True)

    def _send_some(self, wait: bool) -> bool:
        """Send one frame; False if the channel does not take it now."""
        waiting, size = self._waiting, 0
        parts: list[bytes] = []
        for data in list(waiting)[:64] if len(waiting) > 1 else [waiting[0]]:
            if parts and size + len(data) > FRAME_BYTES:
                break
            parts.append(data)
            size += len(data)
        body = b"".join(parts)
        if wait:
            self._channel.send(Kind.RECORDS, body)
        elif size > FRAME_BYTES or not self._channel.try_send(Kind.RECORDS, body):
            return False
        for _ in parts:
            waiting.popleft()
        self._waiting_bytes = max(0, self._waiting_bytes - size)
        return True


class _NoLock:
    """Stands for the lock of a handler: ours needs none, and no record may wait for one."""

    def acquire(self) -> None: ...

    def release(self) -> None: ...

    def __enter__(self) -> None: ...

    def __exit__(self, *exception: object) -> None: ...


class _ToParent(logging.Handler):
    """Stands in a worker for all handlers of its parent."""

    def __init__(self, sender: Records) -> None:
        super().__init__()
        self._sender = sender

    def createLock(self) -> None:
        lock: Any = _NoLock()
        self.lock = lock

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if not self._sender.is_seen_here(record):
                self._sender.add(record)
        except Exception:
            self.handleError(record)


def _notice(dropped: int) -> logging.LogRecord:
    text = "%d log records of worker %d were dropped: the parent's handlers are slower than its items log"
    return logging.LogRecord("procession", logging.WARNING, __file__, 0, text, (dropped, os.getpid()), None)
