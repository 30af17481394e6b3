"""A worker's life, from the first line of its process to the last.

Knows: what a process of `multiprocessing` does at its begin and end.
Must not know: which start method gave birth to it.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable

from procession.model.light import Any
from procession.wire.channel import WorkerChannel
from procession.wire.counter import open_slot
from procession.worker import look, nesting
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
    os.close(counters)
    look.quiet_input()
    look.print_by_lines()
    loop = Loop(WorkerChannel(sock), tickets, counter)

    def serve() -> None:
        if loop.begin():
            loop.run()

    return _as_process(serve, name, parent, line)


def _as_process(serve: Callable[[], None], name: str, parent: int, line: int) -> int:
    """Run `serve` as a process of `multiprocessing`: with its name, its finalizers, its way of ending."""
    from multiprocessing import process

    class PoolWorker(process.BaseProcess):
        _start_method = None  # what children of this process use is left to its tasks

        def run(self) -> None:
            serve()

    worker: Any = PoolWorker(name=name)
    worker._parent_pid = parent  # the nursery is nobody's business
    worker._identity = (*worker._identity[:-1], int(name.rpartition("-")[2]))  # programs choose a GPU or a line by it
    status: int = worker._bootstrap(line)  # private, unchanged from 3.8 to 3.14
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass  # closed by a task; nothing is left to be written
    return status
