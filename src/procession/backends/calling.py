"""One item of a task in this process: how it is called, and what becomes of its error.

Knows: portions, errors, children that a task forks.
Must not know: workers, batches, threads.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial

from procession.backends.base import Portion
from procession.model.light import Any
from procession.model.task import Style
from procession.wire import exceptions
from procession.worker.coroutines import Coroutines

OURS = "procession.backends."  # frames of these modules are left out of the tracebacks of tasks


def caller(portion: Portion, coroutines: Coroutines) -> Callable[[Any], Any]:
    """Make what is called with each item; `coroutines` run the coroutine functions."""
    if portion.style == Style.APPLY:
        return partial(_apply, coroutines)
    assert portion.function is not None
    function: Callable[..., Any] = coroutines.plain(portion.function.value)
    return function if portion.style == Style.CALL else lambda item: function(*item)


def _apply(coroutines: Coroutines, single: Any) -> Any:
    if single is None:  # nobody wants it
        return None
    function, args, kwds = single.call
    return coroutines.plain(function)(*args, **kwds)


def weight(value: object) -> int:
    """Guess what a value keeps of memory, in bytes: what is read ahead of a slow caller is bounded by it."""
    try:
        return sys.getsizeof(value)
    except Exception:  # a class that answers nonsense
        return 0


def failure(error: BaseException) -> BaseException:
    """Give what the caller gets for what a task raised, without the frames of ours that lead to the task."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get("__name__", "").startswith(OURS):
        trace = trace.tb_next
    arrives = exceptions.as_it_arrives(error, OURS)
    if arrives is error:
        error.__traceback__ = trace
    return arrives


def quits(error: BaseException) -> bool:
    """True if somebody has left the debugger: that ends the call, not the item."""
    bdb = sys.modules.get("bdb")
    return bdb is not None and isinstance(error, bdb.BdbQuit)


def end_forked(home: int, error: BaseException | None) -> None:
    """End this process if it is a child that a task forked, as a child ends that has nothing more to do."""
    if os.getpid() == home:
        return
    status = 0
    if isinstance(error, SystemExit) and (error.code is None or isinstance(error.code, int)):
        status = (error.code or 0) & 0xFF
    elif error is not None:
        import traceback

        traceback.print_exception(error)
        status = 1
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass  # closed, or none: nothing is left to be written
    os._exit(status)
