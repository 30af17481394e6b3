"""What runs in workers; a module of its own, so that it can be imported there under every start method."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn


def square(number: int) -> int:
    return number * number


def add(*numbers: int, **more: int) -> int:
    return sum(numbers) + sum(more.values())


def capture(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
    return args, kwargs


def pid(_: Any = None) -> int:
    return os.getpid()


def wait_for(path: Path, started: Path | None = None) -> str:
    """Run until the caller has made this file; make the other one first."""
    if started is not None:
        started.touch()
    end = time.monotonic() + 60
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.002)
    return path.name


def deafly_wait_for(path: Path, started: Path) -> str:
    """As `wait_for`, without regard to SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return wait_for(path, started)


def with_child(child: Path, path: Path) -> None:
    """Start a process that lives long, tell its number, and wait."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    child.with_suffix(".new").write_text(str(process.pid))
    child.with_suffix(".new").rename(child)
    wait_for(path)


def note_and_square(number: int, path: Path) -> int:
    """Leave a line in a file for each time that this runs."""
    with open(path, "a") as file:
        file.write(f"{number}\n")
    return number * number


def die(number: int) -> NoReturn:
    os.kill(os.getpid(), number)
    time.sleep(60)
    raise AssertionError


def die_at(item: int, deadly: int) -> int:
    if item == deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def leave(code: int) -> None:
    os._exit(code)


def throw(error: type[BaseException], *args: Any) -> NoReturn:
    raise error(*args)


class Unpicklable:
    """Pickling it raises."""

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    def __reduce__(self) -> Any:
        raise self.error("not this one")


def make(error: type[BaseException]) -> Unpicklable:
    return Unpicklable(error)


class Late:
    """Rebuilding it raises."""

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    def __reduce__(self) -> Any:
        return throw, (self.error, "not here")


def make_late(error: type[BaseException]) -> Late:
    return Late(error)


class Thing:
    """Something that can be referred to weakly."""


def thing(_: Any = None) -> Thing:
    return Thing()


STATE: Any = None


def set_state(value: Any) -> None:
    global STATE
    STATE = value


def begin() -> None:
    set_state("begun")


def state(_: Any = None) -> Any:
    return STATE


def fail_to_begin(log: Path) -> NoReturn:
    logger = logging.getLogger("concurrent.futures")
    logger.addHandler(logging.FileHandler(log))
    raise LookupError("no such database")
