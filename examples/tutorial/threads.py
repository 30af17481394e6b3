"""The same interface with threads: `ThreadPool`, for work that waits more than it computes."""

import os

from procession.dummy import Pool as DummyPool
from procession.pool import ThreadPool


def where(text):
    return text.upper(), os.getpid()


if __name__ == "__main__":
    for make in (ThreadPool, DummyPool):
        with make(4) as pool:
            results = pool.map(where, ["a", "b", "c"])
        print([text for text, _ in results], "all here:", {pid for _, pid in results} == {os.getpid()})
