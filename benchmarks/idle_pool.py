"""A script whose pool is idle: `python -m benchmarks.idle_pool PEER`. It is watched from outside.

Prints a line when both workers have worked, then waits for its standard input to end.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks import meeting, peers, tasks


def main(name: str) -> None:
    """Open a pool of two, use it, leave it idle."""
    peer = peers.make(name)
    peer.open(2)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, meeting.place(Path(folder)) as place:
        meeting.hold(peer, 2, place)
    peer.map(tasks.increment, range(100))
    print("idle", flush=True)
    sys.stdin.buffer.read()
    peer.close()


if __name__ == "__main__":
    main(sys.argv[1])
