"""What runs in workers under limits, retries and rules; importable there under every start method."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from itertools import repeat
from pathlib import Path
from typing import Any

LONG = 60.0  # seconds: no test waits for them


def sleep_if_odd(number: int) -> int:
    """Even items end at once, odd ones never do by themselves."""
    if number % 2:
        time.sleep(LONG)
    return number


def sleep_at(item: tuple[int, int]) -> int:
    """The item whose number is the second of the pair does not end."""
    number, slow = item
    if number == slow:
        time.sleep(LONG)
    return number


def busy_in_c(seconds: float) -> float:
    """Run C code that neither returns to Python nor gives the interpreter's lock back."""
    if seconds:
        sum(repeat(0, 10**12))
    return seconds


def hash_long(_: Any) -> str:
    """Run C code without the interpreter's lock."""
    return hashlib.pbkdf2_hmac("sha256", b"x", b"y", 200_000_000).hex()


def start_child_and_sleep(path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    path.write_text(f"{child.pid} {os.getpid()}")
    time.sleep(LONG)


def note_and_sleep(item: tuple[Path, int, bool]) -> int:
    """Write a line that this item was begun."""
    folder, number, slow = item
    note(folder, number)
    if slow:
        time.sleep(LONG)
    return number


def note(folder: Path, number: int) -> int:
    """Note a begin of an item; return how many that makes."""
    with open(folder / str(number), "a+b", buffering=0) as file:
        file.write(b".")
        return os.fstat(file.fileno()).st_size


def begun(folder: Path, number: int) -> int:
    """How often an item was begun."""
    path = folder / str(number)
    return path.stat().st_size if path.exists() else 0


def fail_times(item: tuple[Path, int, int]) -> int:
    """Fail so often, then succeed."""
    folder, number, failures = item
    count = note(folder, number)
    if count <= failures:
        raise ValueError(f"attempt {count} of {number}")
    return number


def die_times(item: tuple[Path, int, int]) -> int:
    """Take the worker along so often, then succeed."""
    folder, number, deaths = item
    if note(folder, number) <= deaths:
        os.kill(os.getpid(), 9)
    return number


def fail_if_negative(number: int) -> int:
    if number < 0:
        raise ValueError(number)
    return number


def fail_or_pause(number: float) -> float:
    if number < 0:
        raise ValueError(number)
    time.sleep(number)
    return number


def time_of_begin(_: Any) -> float:
    return time.monotonic()


def spin(seconds: float) -> float:
    """Be busy in Python for so long, and return how long it took."""
    begin = time.perf_counter()
    while (took := time.perf_counter() - begin) < seconds:
        pass
    return took
