"""What runs in workers, by name."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed


def square(number: int) -> int:
    return number * number


def pid(_: Any = None) -> int:
    return os.getpid()


def fail_at_three(number: int) -> int:
    if number == 3:
        raise KeyError(number)
    return number


def die_at_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def begin_and_wait(folder: Path, number: int) -> None:
    (folder / f"{number}-{os.getpid()}").touch()
    time.sleep(60)


def wait_for_file(path: Path) -> int:
    while not path.exists():
        time.sleep(0.005)
    return os.getpid()


def variable(name: str) -> str | None:
    return os.environ.get(name)


def add_file(folder: Path, number: int) -> int:
    (folder / f"{number}-{time.monotonic_ns()}").touch()
    return number * number


def where(_: Any = None) -> tuple[int, int]:
    return os.getpid(), threading.get_ident()


def nested(backend: str | None, levels: int = 1) -> tuple[int, Any]:
    """Run a `Parallel` inside of a task: give the task's process, and where the inner calls ran."""
    if levels == 0:
        return where()
    inner = Parallel(n_jobs=2, backend=backend)(delayed(nested)(backend, levels - 1) for _ in range(4))
    return os.getpid(), inner


marks: list[int] = []


def mark(number: int) -> None:
    marks.append(number)


def read_marks(_: Any = None) -> list[int]:
    return marks
