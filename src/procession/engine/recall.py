"""Recall: single items that nobody wants any more, also those that are in workers' hands.

Knows: the loop, which batch an item went out in.
Must not know: what a caller is told of it, how a worker is ended.

How it works: what a worker has not claimed is taken back, as it is for idle workers. What it runs ends with it.
"""

from __future__ import annotations

from time import monotonic, sleep

from procession.engine.calls import LazyCall
from procession.engine.loop import Loop
from procession.engine.singles import Result, Single
from procession.scheduler import events

BEGIN_SECONDS = 1.0  # how long an item that was claimed may take to begin; microseconds are the rule
LOOK_SECONDS = 0.0005  # between two looks


def recall(loop: Loop, single: Single, end: bool) -> bool:
    """Let one item never run, or (`end`) end what runs it; False if it has ended, or runs on.

    Its result is told by `recalled`, under the lock.
    """
    until = monotonic() + BEGIN_SECONDS
    answers: list[bool | None] = []
    while True:
        loop.do(lambda: answers.append(attempt(loop, single, end)))
        answer = answers.pop()
        if answer is not None:
            return answer
        if monotonic() >= until:
            return False
        sleep(LOOK_SECONDS)  # its worker is just about to begin or to report it


def attempt(loop: Loop, single: Single, end: bool) -> bool | None:
    """Under the lock: try it once; None: it is between two states."""
    if not loop.singles.holds(single):
        return False
    place = loop.sent.find(single)
    if place is None:
        single.function = None
        return single.result.recalled()
    function, single.function = single.function, None  # whoever is sent it again need not run it
    loop.tell(events.Recalled(place[0]))
    place = loop.sent.find(single)
    if place is None:
        return single.result.recalled()
    single.function = function
    return _end(loop, single, *place) if end else False


def _end(loop: Loop, single: Single, worker: int, batch: int, position: int) -> bool | None:
    """End the worker that runs an item, if it runs this one."""
    link = loop.backend.links.get(worker)
    ended = None if link is None else loop.backend.end(link, batch, position)
    return single.result.recalled() if ended else ended


def recall_waiting(loop: Loop) -> list[Result]:
    """Let nothing begin any more of what has not; return whose items they were, all `recalled`.

    Lazy calls that have not ended end with CancelledError behind the outcomes that are there.
    """
    out: list[Result] = []
    loop.do(lambda: _recall_waiting(loop, out))
    return out


def _recall_waiting(loop: Loop, out: list[Result]) -> None:
    loop.draw()
    functions = {single: single.function for single in loop.singles.all()}
    for single in functions:
        single.function = None
    for worker in loop.sent.workers():
        loop.tell(events.Recalled(worker))
    for single in loop.sent.singles():
        single.function = functions.pop(single)
    out += [single.result for single, function in functions.items() if function and single.result.recalled()]
    for call in [each for each in loop.calls.values() if isinstance(each, LazyCall)]:
        _cancel(loop, call)


def _cancel(loop: Loop, call: LazyCall) -> None:
    from concurrent.futures import CancelledError

    del loop.calls[call.number]
    call.fail(CancelledError(), loop.after)
    loop.tell(events.Cancelled(call.number))
