"""Inquiries: what a caller asks of an engine that must never wait for the answer, as one on an event loop.

Knows: one lazy call, and how to leave word.
Must not know: event loops.
"""

from __future__ import annotations

from collections.abc import Callable

from procession.engine.calls import Chunk, LazyCall
from procession.engine.engine import Engine
from procession.engine.waits import NothingYet
from procession.scheduler import events


def ask(engine: Engine, call: LazyCall, taken: int, told: Callable[[], None]) -> Chunk | None:
    """Give the next outcomes of a lazy call, as `Engine.next_chunk`, but do not wait for them.

    Args:
        taken: How many outcomes its caller has used up since it asked last.
        told: Called when it is worth asking again, in any thread and under the engine's lock.

    Raises:
        NothingYet: Nothing is there; `told` will be called, unless somebody else asks before.
    """
    engine.may_wait()
    loop = engine.loop
    if taken and not call.finished:
        loop.do(lambda: loop.tell(events.Consumed(call.number, taken)))
    with loop.lock:
        if call.ready:
            return call.ready.popleft()
        if call.finished:
            return None
        call.waiting = told
    raise NothingYet
