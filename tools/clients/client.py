"""What every client's script does: its serial answer, the same in other processes, and the proof that it was so.

    python SCRIPT FACE METHOD

Knows: the faces of procession, who has worked and who is still there.
Must not know: the clients.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import procession

WORKERS = 2
GONE_SECONDS = 10.0  # how long workers may take to vanish after their pool has ended
WITNESSES = Path(os.environ["CLIENTS_WITNESSES"])

faulthandler.register(signal.SIGUSR1, all_threads=True)  # in workers too: their functions import this file


def witness() -> None:
    """Leave word of the process that runs this: every function that a client calls does it."""
    (WITNESSES / str(os.getpid())).touch()


def context(method: str) -> Any:
    """The context of a start method; None for "default"."""
    return None if method == "default" else procession.get_context(method)


@contextmanager
def workers(face: str, method: str) -> Iterator[Any]:
    """Two workers behind one face: a pool, an executor; or joblib, which finds them by its configuration."""
    if face == "pool":
        with procession.Pool(WORKERS, context=context(method)) as pool:
            yield pool
            pool.close()
            pool.join()
    elif face == "executor":
        with procession.ProcessPoolExecutor(WORKERS, mp_context=context(method)) as executor:
            yield executor
    else:
        import joblib

        from procession import joblib as backend

        with joblib.parallel_config(
            backend="procession", n_jobs=WORKERS, context="nursery" if method == "default" else method
        ):
            yield joblib
        backend.close()


def same(one: Any, other: Any) -> bool:
    """Compare answers: numbers and arrays exactly, also inside of lists, tuples and dictionaries."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    equal: Any = one == other
    return bool(equal.all()) if hasattr(equal, "all") else bool(equal)


def _running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def main(serial: Callable[[], Any], parallel: Callable[[Any, str], Any]) -> None:
    """Compute both answers; exit with a text if they differ, if nobody else has worked, or if a worker is left.

    Args:
        serial: Computes the answer in this process.
        parallel: The same with what `workers` gives, and the name of the face.
    """
    face, method = sys.argv[1:]
    expected = serial()
    for path in WITNESSES.iterdir():
        path.unlink()
    with workers(face, method) as given:
        found = parallel(given, face)
    if not same(expected, found):
        sys.exit(f"the answers differ: {expected!r} in line, {found!r} in other processes")
    others = [int(path.name) for path in WITNESSES.iterdir() if path.name != str(os.getpid())]
    if not others:
        sys.exit("no other process has worked")
    end = time.monotonic() + GONE_SECONDS
    while left := [pid for pid in others if _running(pid)]:
        if time.monotonic() > end:
            sys.exit(f"workers {left} are still there {GONE_SECONDS} s after the end of their pool")
        time.sleep(0.01)
