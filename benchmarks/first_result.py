"""A user's whole script: start a pool of two, get one result, leave. Prints the time of the first result.

    python first_result.py PEER [main]

With `main` the function lives in this script and not in a module. Each branch is what a user would write, so that a
peer pays for its own imports and for no others.
"""

import sys
import time
from collections.abc import Callable


def increment_here(number: int) -> int:
    """Return the next number; lives in `__main__`."""
    return number + 1


def main(peer: str, function: Callable[[int], int]) -> None:
    """Give one result by the peer's shortest way and say when it came."""
    name, _, method = peer.partition(" ")
    if name == "bare":
        tell(function(1))
    elif name == "Pool":
        import multiprocessing

        with multiprocessing.get_context(method).Pool(2) as pool:
            tell(pool.apply(function, (1,)))
    elif name == "procession":
        import procession

        with procession.Pool(2, context=method or None) as pool:
            tell(pool.apply(function, (1,)))
    elif name == "ProcessPoolExecutor":
        import concurrent.futures
        import multiprocessing

        with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as executor:
            tell(executor.submit(function, 1).result())
    elif name == "loky":
        import loky

        with loky.ProcessPoolExecutor(2) as executor:
            tell(executor.submit(function, 1).result())
    elif name == "mpire":
        import mpire

        with mpire.WorkerPool(2) as pool:
            tell(pool.apply(function, (1,)))
    elif name == "pebble":
        import pebble

        with pebble.ProcessPool(2) as pool:
            tell(pool.schedule(function, args=[1]).result())


def tell(result: int) -> None:
    """Print the result and the time at which it was here."""
    print(result, time.perf_counter_ns(), flush=True)


if __name__ == "__main__":
    if sys.argv[2:] == ["main"]:
        main(sys.argv[1], increment_here)
    else:
        from benchmarks.tasks import increment

        main(sys.argv[1], increment)
