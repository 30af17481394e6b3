"""What other processes do with what a manager holds."""

from __future__ import annotations

import os
import random
import signal
import time
from typing import Any


def append(held: Any, key: Any, value: Any) -> None:
    held[key].append(value)


def append_deep(held: Any, number: int) -> None:
    for turn in range(20):
        held["a"]["b"][1].append((number, turn))


def add_up(held: Any, key: Any, times: int) -> None:
    for _ in range(times):
        held[key] += [1]


def grow(inner: Any, value: Any) -> None:
    inner.append(value)


def length(word: str, returned: Any) -> None:
    returned[word] = len(word)


def take_and_wait(lock: Any, ready: Any) -> None:
    lock.acquire()
    ready.set()
    time.sleep(60)


def take(lock: Any) -> None:
    lock.acquire()


def call_and_wait(ready: Any, held: Any, method: str, *args: Any) -> None:
    if method == "wait" and hasattr(held, "acquire"):
        held.acquire()
    ready.set()
    getattr(held, method)(*args)
    os.write(1, b"came back\n")


def wait_for_event(event: Any) -> bool:
    return bool(event.wait(30))


def wait_at(barrier: Any, seen: Any) -> None:
    try:
        barrier.wait()
    except Exception as error:
        seen.append(type(error).__name__)
    else:
        seen.append("passed")


def have_one(shared: Any, name: str, ready: Any) -> None:
    shared["mine"] = shared[name]
    kept = shared[name]
    ready.set()
    time.sleep(60 if kept is not None else 0)


def hold_a_proxy(kept: Any, ready: Any) -> None:
    ready.set()
    time.sleep(60)
    kept.append(1)


def give(held: Any) -> Any:
    return held


def stir(number: int, lock: Any, counts: Any, queue: Any, rows: Any, semaphore: Any) -> None:
    """Work until killed."""
    source = random.Random(number)
    while True:
        with lock:
            before = counts["in"]
            counts["in"] = before + 1
            counts["out"] = before + 1
        with semaphore:
            rows[0].append(number)
        queue.put(queue.get())
        if source.random() < 0.1:
            time.sleep(source.random() / 500)


def kill_oneself_in(held: Any, method: str) -> None:
    """Ask, and be gone before the answer."""
    held._station.ask((held._id, "qsize", (), {})) if method == "get" else None
    line = held._station.local.line
    line.send_frame(line.dumps((held._id, method, (), {})))
    time.sleep(0.2)  # the answer lies there, unread
    os.kill(os.getpid(), signal.SIGKILL)
