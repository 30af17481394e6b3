"""What each worker of a pool is doing right now.

Knows: what was sent to whom, what the counter says, when a worker was last heard.
Must not know: how that is shown.
"""

from __future__ import annotations

from time import monotonic

from procession.engine.calls import LazyCall, MapCall
from procession.engine.loop import Loop
from procession.engine.sent import Sent
from procession.engine.singles import Single
from procession.model.errors import shorten
from procession.model.light import Any


class Doing:
    """What one worker is doing.

    Args:
        number: The worker's.
        pid: The process that it lives in; 0: not known yet.
    """

    def __init__(self, number: int, pid: int) -> None:
        self.number = number
        self.pid = pid
        self.thread: str | None = None  # the name of the thread that it is, where it is one of this process
        self.ready = False
        self.leaving = False
        self.busy = False  # it has something to do
        self.item: str | None = None  # what runs, in words; None: nothing, or nobody can say what
        self.seconds = 0.0  # for how long, or since it was idle
        self.held = 0  # items that it holds beside that


def inspect(loop: Loop, timeout: float) -> list[Doing] | None:
    """See what each worker is doing, in the order of their numbers; None if the pool has no moment for that."""
    if not loop.lock.acquire(timeout=timeout):
        return None
    try:
        return [_doing(loop, number, loop.backend.links[number]) for number in sorted(loop.backend.links)]
    finally:
        loop.lock.release()


def _doing(loop: Loop, number: int, link: Any) -> Doing:
    doing = Doing(number, link.pid)
    doing.thread = getattr(link, "name", None)
    known = loop.scheduler.worker(number)
    doing.leaving = known is None or known.leaving
    doing.ready = known is None or known.ready
    if known is None or not known.ready:
        return doing
    doing.seconds = max(0.0, monotonic() - known.progress)
    sent = loop.sent.at(number)
    doing.busy = bool(sent)
    if not sent:
        return doing
    running = loop.backend.running(link)
    batch = next((each for each in sent if running and each[0] == running[0]), sent[0])[1]
    position = running[1] if running is not None and running[0] in dict(sent) else batch.done
    doing.held = sum(len(each.items) - each.done for _, each in sent) - 1
    if batch.call.options.together:
        doing.item = _group(batch)
        doing.held -= len(batch.items) - batch.done - 1
    elif position < len(batch.items):
        doing.item = _name(batch, position)
    return doing


def _name(sent: Sent, position: int) -> str:
    item = sent.items[position]
    if isinstance(item, Single):
        return item.name()
    if item is None and not isinstance(sent.call, (MapCall, LazyCall)):
        return "a call that was cancelled"
    return f"item {sent.start + position} ({shorten(item)})"


def _group(sent: Sent) -> str:
    first, last = sent.start + sent.done, sent.start + len(sent.items) - 1
    return f"items {first} to {last} in one call" if last > first else _name(sent, sent.done)
