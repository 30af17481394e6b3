"""A worker's life, from the first line of its process to the last.

Knows: the parts of a worker, and in which order they are put together.
Must not know: which start method gave birth to it.
"""

from __future__ import annotations

import os
import socket
import sys

from procession.wire.channel import WorkerChannel
from procession.wire.counter import open_slot
from procession.worker import look, nesting, stacks
from procession.worker.care import Care
from procession.worker.identity import Identity
from procession.worker.loop import Loop


def live(
    sock: socket.socket, tickets: int, counters: int, line: int, slot: int, name: str, parent: int, workers: int
) -> int:
    """Serve the parent until it has nothing more to say; return the exit status.

    Args:
        sock: The worker's end of its channel.
        tickets: Descriptor of its ticket pipe.
        counters: Descriptor of the shared counters; it is closed here.
        line: Descriptor of the lifeline: it can be read when the nursery is gone.
        slot: The number of its counter.
        name: The name of the process.
        parent: The process id of the parent.
        workers: How many workers share this machine.
    """
    nesting.set_outer_workers(workers)
    counter = open_slot(counters, slot)
    os.set_inheritable(counters, False)
    look.quiet_input()
    look.print_by_lines()
    stacks.answer()
    identity = Identity(name, parent, line)
    channel = WorkerChannel(sock)
    care = Care(counter, channel, name)
    loop = Loop(channel, tickets, counter, care, counters)

    def serve() -> None:
        if loop.begin():
            loop.run()
            care.end()

    status = identity.live(serve)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass  # closed by a task; nothing is left to be written
    return status
