"""What may have ended a worker process, for who reads that it died.

Knows: exit codes, the cgroup's count of processes that were killed for memory.
Must not know: what becomes of its items.
"""

from __future__ import annotations

import signal

from procession.backends.link import Link
from procession.launcher import host
from procession.wire.channel import CHANNEL_LOST


def hint(link: Link) -> str | None:
    """Say what may have ended a worker; None if nothing is known."""
    if link.mute or link.exitcode == CHANNEL_LOST:
        return "it closed the descriptors of its worker, or became another program"
    if link.exitcode == -signal.SIGKILL:
        count = host.oom_kill_count()
        killed = f"? the cgroup counts {count} of them" if count else ", or killed from outside?"
        return f"out of memory{killed}"
    return link.why
