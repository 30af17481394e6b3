"""Ending the one worker process that runs an item, and no other item with it.

Knows: how a process is held still, the counter that says what it runs.
Must not know: why.

How it works: between a look at its counter and its death a worker could begin the next item, which would then be
charged. So it is stopped first, looked at while it stands still, and goes on if it runs something else.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from time import monotonic

from procession.backends.link import Link
from procession.launcher import child, nursery
from procession.wire.counter import Counters

STILL_SECONDS = 0.2  # how long it may take to stop: it does when it next runs, or ends a system call


def end(link: Link, counters: Counters, batch: int, position: int | None, since: float | None = None) -> bool:
    """Kill a worker, and what its task has started, if it runs this item (None: any of its batch); say if it did.

    Args:
        since: When that item began, where that is known.
    """
    if not link.pid or link.exitcode is not None:
        return False
    with suppress(ProcessLookupError):
        os.kill(link.pid, signal.SIGSTOP)
    until = monotonic() + STILL_SECONDS
    while not child.holds_still(link.pid) and monotonic() < until:
        os.sched_yield()
    state = counters.read(link.slot)
    runs = state is not None and state[0] == batch and state[2] and position in (None, state[1])
    if since is not None and counters.running_since(link.slot) != (batch, position, since):
        runs = False
    if runs:
        nursery.signal_group(link.pid, signal.SIGKILL)
    else:
        with suppress(ProcessLookupError):
            os.kill(link.pid, signal.SIGCONT)
    return runs
