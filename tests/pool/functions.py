"""What runs in workers; a module of its own, so that it can be imported there under every start method."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any


def square(number: int) -> int:
    return number * number


def same(value: Any) -> Any:
    return value


def add(*numbers: int, **more: int) -> int:
    return sum(numbers) + sum(more.values())


def fail(value: Any) -> Any:
    raise ValueError(value)


def fail_at_three(number: int) -> int:
    if number == 3:
        raise ValueError(number)
    return number


def fail_if_odd(number: int) -> int:
    if number % 2:
        raise KeyError(number)
    return number


def pause(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def pid(_: Any = None) -> int:
    return os.getpid()


def pid_after_pause(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def wait_for_file(path: Path) -> str:
    """Run until the caller has made this file."""
    end = time.monotonic() + 60
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.002)
    return path.name


def wait_if_path(item: Any) -> Any:
    return wait_for_file(item) if isinstance(item, Path) else item


def die_at_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), 9)
    return number


def type_name(value: Any) -> str:
    return type(value).__name__


def append_and_return(values: list[int]) -> list[int]:
    values.append(0)
    return values


def twice_in_one(value: Any) -> list[Any]:
    shared = [value]
    return [shared, shared]


class Unpicklable:
    """An instance cannot be pickled, since it says so."""

    def __reduce__(self) -> Any:
        raise RuntimeError("not this one")


def make_unpicklable(_: Any) -> Unpicklable:
    return Unpicklable()


class Fatal:
    """Pickling it exits."""

    def __reduce__(self) -> Any:
        raise SystemExit(4)


def set_state(value: Any) -> None:
    global STATE
    STATE = value


STATE: Any = None


def state(_: Any = None) -> Any:
    return STATE


def fail_to_begin() -> None:
    raise LookupError("no such database")


def span_of_a_pause(seconds: float) -> tuple[float, float]:
    """When it began and ended, by a clock that all processes share."""
    begin = time.monotonic()
    time.sleep(seconds)
    return begin, time.monotonic()
