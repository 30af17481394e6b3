"""Run items: the innermost loops of a worker.

Knows: functions, inputs, the counter slot.
Must not know: frames and channels.

How it works: a step runs a few items without looking at the clock. Before each item its position is stored in the
counter; that store is all that an item costs beside the call itself (some 20 ns of 45).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from procession.model.light import Any
from procession.model.task import Style
from procession.wire.codec import load
from procession.wire.counter import POSITION
from procession.wire.exceptions import Encoded, encode

# position of the first item, at most so many items, the inputs, what to call, the counter, where values go
Step = Callable[[int, Iterator[Any], Callable[..., Any], memoryview, list[Any]], None]


def call_plain(
    position: int, items: Iterator[Any], function: Callable[..., Any], counter: memoryview, out: list[Any]
) -> None:
    """function(item)"""
    append = out.append
    for item in items:
        counter[POSITION] = position
        position += 1
        append(function(item))


def call_pickled(
    position: int, items: Iterator[Any], function: Callable[..., Any], counter: memoryview, out: list[Any]
) -> None:
    """function(item), the item being pickled by itself: rebuilding it is part of running it."""
    append = out.append
    for item in items:
        counter[POSITION] = position
        position += 1
        append(function(load(item)))


def star_plain(
    position: int, items: Iterator[Any], function: Callable[..., Any], counter: memoryview, out: list[Any]
) -> None:
    """function(*item)"""
    append = out.append
    for item in items:
        counter[POSITION] = position
        position += 1
        append(function(*item))


def star_pickled(
    position: int, items: Iterator[Any], function: Callable[..., Any], counter: memoryview, out: list[Any]
) -> None:
    """function(*item), the item being pickled by itself."""
    append = out.append
    for item in items:
        counter[POSITION] = position
        position += 1
        append(function(*load(item)))


def apply_pickled(
    position: int, items: Iterator[Any], function: Callable[..., Any], counter: memoryview, out: list[Any]
) -> None:
    """Each item names its own function: `function` looks it up; a number of None means that nobody wants the item."""
    append = out.append
    for number, data in items:
        counter[POSITION] = position
        position += 1
        if number is None:
            append(None)
            continue
        args, kwargs = load(data)
        append(function(number)(*args, **kwargs))


STEPS: dict[tuple[int, bool], Step] = {
    (Style.CALL, True): call_plain,
    (Style.CALL, False): call_pickled,
    (Style.STAR, True): star_plain,
    (Style.STAR, False): star_pickled,
    (Style.APPLY, False): apply_pickled,
    (Style.BATCH, True): call_plain,  # these four where every item is run by itself all the same
    (Style.BATCH, False): call_pickled,
    (Style.COLUMNS, True): star_plain,
    (Style.COLUMNS, False): star_pickled,
}


def failing(error: Encoded) -> Step:
    """Make a step in which every item fails with an error that stands already."""

    def fail(position: int, items: Iterator[Any], function: Any, counter: memoryview, out: list[Any]) -> None:
        raise Prepared(error)

    return fail


class Prepared(Exception):
    """Carries an error that was encoded before."""

    def __init__(self, record: Encoded) -> None:
        self.record = record


def encode_failure(error: BaseException) -> Encoded:
    """Encode what an item raised."""
    return error.record if isinstance(error, Prepared) else encode(error)
