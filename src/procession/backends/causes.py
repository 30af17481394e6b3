"""What may have ended a worker process, for who reads that it died.

Knows: exit codes, the count of processes that the kernel killed for want of memory.
Must not know: what becomes of its items.
"""

from __future__ import annotations

import signal

from procession.backends.link import Link
from procession.launcher import host
from procession.wire.channel import CHANNEL_LOST


class Causes:
    """Tells causes of death, for one pool.

    Args:
        root: The root of the file system.
    """

    def __init__(self, root: str = "/") -> None:
        self._counter = host.oom_counter(root)
        self._count = None if self._counter is None else self._counter.read()  # of it, what no death accounts for yet

    def of(self, link: Link) -> tuple[str | None, bool | None]:
        """Say what may have ended a worker, and whether want of memory did; None each where nobody can say."""
        if link.mute or link.exitcode == CHANNEL_LOST:
            return "it closed the descriptors of its worker, or became another program", None
        if link.exitcode == -signal.SIGKILL:
            return self._killed()
        return link.why, None

    def _killed(self) -> tuple[str, bool | None]:
        before, counter = self._count, self._counter
        now = None if counter is None else counter.read()
        if counter is None or before is None or now is None:
            return "out of memory, or killed from outside? this system does not count whom it kills for memory", None
        if now <= before:
            return f"killed from outside? the {counter.whose}'s oom_kill count is {now} as before", False
        self._count = before + 1  # others may have been killed with it: each accounts for one
        rose = f"the {counter.whose}'s oom_kill count rose from {before} to {now}"
        return f"out of memory: the kernel's OOM killer ended it ({rose})", True
