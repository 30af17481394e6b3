"""`dump`: print what the workers of a pool are doing.

Knows: how that reads.
Must not know: how it is found out.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from time import monotonic

from procession.engine import inspection
from procession.engine.engine import Engine
from procession.engine.inspection import Doing
from procession.launcher.stacks import Question, stacks
from procession.model.light import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import TextIO

OURS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")  # frames of these files lead to the task
FROZEN = ("<frozen runpy>", "<string>")  # and these to them
_INSIDE = ("_engine", "_pool", "_stream")  # what leads from what users hold to the engine


def dump(pool: Any, file: TextIO | None = None, *, timeout: float = 2.0) -> None:
    """Print what each worker is running: its process id, the item or call, since when, and its Python stack.

    No task is disturbed; a worker in the midst of C code answers too. Of one that cannot the reason is told. The time
    runs from the worker's last report, which the item's beginning follows within milliseconds.

    Args:
        pool: A `Pool`, a `ProcessPoolExecutor`, a `procession.aio.Pool` or a `Stream`.
        file: Where to; None: standard error.
        timeout: Seconds to wait for answers.

    Raises:
        TypeError: `pool` is nothing of that kind.
    """
    out = sys.stderr if file is None else file
    until = monotonic() + timeout
    found = look(pool, timeout)
    if found is None:
        print(f"procession: the pool did nothing else for {timeout:g} s than what it is at; try again", file=out)
        return
    pids = [each.pid for each in found if each.pid and each.ready and each.pid != os.getpid()]
    answers = stacks(pids, max(0.1, until - monotonic()))
    lines = [f"procession: {len(found)} worker{'s' * (len(found) != 1)} of process {os.getpid()}"]
    for doing in found:
        lines += _describe(doing, answers.get(doing.pid))
    if out is not None:
        print("\n".join(lines), file=out, flush=True)


def look(pool: Any, timeout: float) -> list[Doing] | None:
    """See what each worker is doing, in the order of their numbers; None if the pool has no moment for that.

    Args:
        pool: As `dump` has it, or a durable run at work.
        timeout: Seconds to wait for the pool.

    Raises:
        TypeError: `pool` is nothing of that kind.
    """
    return inspection.inspect(_engine(pool).loop, timeout)


def _engine(pool: Any) -> Engine:
    seen = pool
    for _ in range(4):
        if isinstance(seen, Engine):
            return seen
        seen = next((inner for name in _INSIDE if (inner := getattr(seen, name, None)) is not None), None)
    raise TypeError(f"dump({type(pool).__name__}): must be a Pool, an executor or a Stream of procession")


def _describe(doing: Doing, answer: Question | None) -> list[str]:
    name = f"worker {doing.number}, pid {doing.pid or 'not known yet'}"
    if not doing.ready:
        return [f"{name}: is starting"]
    if doing.item is None and not doing.busy:
        return [f"{name}: is ending" if doing.leaving else f"{name}: idle for {doing.seconds:.1f} s"]
    held = f", {doing.held} more wait for it" if doing.held else ""
    lines = [f"{name}: {doing.item or 'between two items'}, for {doing.seconds:.1f} s{held}"]
    if answer is None:
        return lines + _stack_here(doing)
    if answer.answer is None:
        return [*lines, f"  no stack: {answer.reason}"]
    return lines + _shown(answer.answer)


def _shown(text: str) -> list[str]:
    """Leave out the frames that lead to the task."""
    kept: list[str] = []
    for line in text.splitlines():
        place = line.strip().removeprefix('File "')
        if not (line.startswith("  File") and place.startswith((OURS, *FROZEN))):
            kept.append(f"  {line}")
    return kept


def _stack_here(doing: Doing) -> list[str]:
    """The stack of a worker that is a thread of this process."""
    frames = sys._current_frames()
    for thread in threading.enumerate():
        if thread.name == doing.thread and thread.ident in frames:
            walk = traceback.extract_stack(frames[thread.ident])[::-1]  # as the other processes tell it
            inner = [each for each in walk if not each.filename.startswith(OURS)]
            return [f'    File "{each.filename}", line {each.lineno} in {each.name}' for each in inner]
    return ["  no stack: it runs in the thread of its caller"]
