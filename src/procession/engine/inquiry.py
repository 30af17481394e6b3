"""Inquiries: what a caller asks of an engine that must never wait for the answer, as one on an event loop.

Knows: how to leave word; calls and single items that nobody awaits any more.
Must not know: event loops.

How it works: what may take a moment, as ending the worker that runs an item, is done by the engine's thread. It looks
again a little later where an item is between two states, and hears its workers meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import monotonic, sleep

from procession.engine import recall
from procession.engine.calls import Call, Chunk, LazyCall
from procession.engine.engine import Engine
from procession.engine.loop import Loop
from procession.engine.singles import Single
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
    call.bring(call)
    with loop.lock:
        if call.ready:
            return call.ready.popleft()
        if call.finished:
            return None
        call.waiting = told
    raise NothingYet


def drop_single(engine: Engine, single: Single, end: bool) -> None:
    """Nobody awaits a single item any more: it never runs, if it has not begun.

    Args:
        single: Its result does not want it any more.
        end: If it runs, end it with its worker.
    """
    if single.asked:  # else its result will be asked
        _begin_trying(engine, lambda: recall.attempt(engine.loop, single, end) is not None)


def drop_call(engine: Engine, call: Call, end: bool) -> None:
    """Nobody awaits a call any more: what has not begun never will.

    Args:
        end: What of it runs, end with its workers.
    """
    engine.cancel(call)
    if end:
        _begin_trying(engine, lambda: _end_all(engine.loop, call))


def _begin_trying(engine: Engine, step: Callable[[], bool]) -> None:
    """Have the engine's thread try something under the lock until it says that it is done, or it takes too long."""
    engine.later(partial(_try, engine, step, monotonic() + recall.BEGIN_SECONDS))


def _try(engine: Engine, step: Callable[[], bool], until: float) -> None:
    answers: list[bool] = []
    engine.loop.do(lambda: answers.append(step()))
    if answers != [True] and monotonic() < until:
        sleep(recall.LOOK_SECONDS)
        engine.later(partial(_try, engine, step, until))


def _end_all(loop: Loop, call: Call) -> bool:
    """End the workers that run items of a call; True if none is left that may."""
    answers = []
    for worker, batch in loop.sent.of(call):
        link = loop.backend.links.get(worker)
        answers.append(link is None or loop.backend.end(link, batch, None) is not None)
    return all(answers)
