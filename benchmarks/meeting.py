"""A meeting of all workers: proof that as many of them work at once, and who they are.

Knows: `tasks.meet` and its two pipes. Works with every peer, as it looks at no library's insides.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import tasks
from benchmarks.peers import Peer

LOOK_SECONDS = 0.01  # how often it is looked whether a call has failed, while nobody comes


class NotAllCame(Exception):
    """Not as many workers as were asked for worked at the same time."""


@contextmanager
def place(folder: Path) -> Iterator[Path]:
    """Make the pipes of a meeting in `folder`, which must have none yet."""
    os.mkfifo(folder / "here")
    os.mkfifo(folder / "go")
    yield folder


def hold(peer: Peer, workers: int, folder: Path, timeout: float = 30.0) -> tuple[list[int], float]:
    """Bring `workers` workers together; return their process ids and the time when the last one had come.

    `folder` is one that `place` made. Its pipes may be used again for the next meeting.
    """
    here = os.open(folder / "here", os.O_RDWR | os.O_CLOEXEC)
    go = os.open(folder / "go", os.O_RDWR | os.O_CLOEXEC)
    try:
        handles = [peer.later(tasks.meet, str(folder)) for _ in range(workers)]
        came = _wait_for_arrivals(peer, handles, here, timeout)
        os.write(go, b"." * workers)
        return [peer.result(handle) for handle in handles], came
    finally:
        os.close(here)
        os.close(go)


def _wait_for_arrivals(peer: Peer, handles: list[Any], here: int, timeout: float) -> float:
    end = time.perf_counter() + timeout
    arrived = 0
    while arrived < len(handles):
        ready, _, _ = select.select([here], [], [], LOOK_SECONDS)
        if ready:
            arrived += os.read(here, 65536).count(b"\n")
        elif failed := [handle for handle in handles if peer.ended(handle)]:
            peer.result(failed[0])  # nobody can leave before all have come: this raises
        elif time.perf_counter() > end:
            raise NotAllCame(f"{arrived} of {len(handles)} workers came within {timeout} s")
    return time.perf_counter()
