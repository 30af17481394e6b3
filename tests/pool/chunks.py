"""Functions that take many items at once; a module of its own, so that it can be imported in workers."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

import procession


def squares(numbers: list[int]) -> list[int]:
    return [number * number for number in numbers]


def sizes(items: list[Any]) -> list[int]:
    """How many came together, for each of them."""
    return [len(items)] * len(items)


@procession.chunked
def decorated(numbers: list[int], add: int = 0) -> list[int]:
    assert isinstance(numbers, list)
    return [number + add for number in numbers]


class Model:
    """A method may be one, too."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    @procession.chunked
    def predict(self, numbers: list[int]) -> list[int]:
        return [number * self.factor for number in numbers]


def sums(first: list[int], second: list[int]) -> list[int]:
    assert isinstance(first, list) and isinstance(second, list)
    return [one + two for one, two in zip(first, second, strict=True)]


def fail_with_three(numbers: list[int]) -> list[int]:
    if 3 in numbers:
        raise ValueError("three")
    return numbers


def die_with_three(numbers: list[int]) -> list[int]:
    if 3 in numbers:
        os.kill(os.getpid(), 9)
    return numbers


def drop_one(numbers: list[int]) -> list[int]:
    return numbers[:-1]


def forget_to_return(numbers: list[int]) -> None:
    return None


def slow_to_begin(items: list[Any]) -> list[int]:
    time.sleep(0.005)
    return sizes(items)


def scaled(numbers: list[int], *, factor: int) -> list[int]:
    return [number * factor for number in numbers]


async def later(numbers: list[int]) -> list[int]:
    return [number + 1 for number in numbers]


def generator(numbers: Sequence[int]) -> Any:
    yield from numbers


def random_numbers(items: list[Any]) -> list[float]:
    import random

    return [random.random() for _ in items]


class RefusesToBeRebuilt:
    """It travels, and does not arrive."""

    def __reduce__(self) -> Any:
        return refuse, ()


def refuse() -> None:
    raise LookupError("not in this process")


def type_names(items: list[Any]) -> list[str]:
    return [type(item).__name__ for item in items]
