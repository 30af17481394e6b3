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
from procession.wire import codec
from procession.wire.counter import POSITION
from procession.wire.exceptions import Encoded, encode

Load = Callable[[Any], Any]
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


def star_plain(
    position: int, items: Iterator[Any], function: Callable[..., Any], counter: memoryview, out: list[Any]
) -> None:
    """function(*item)"""
    append = out.append
    for item in items:
        counter[POSITION] = position
        position += 1
        append(function(*item))


def call_pickled(load: Load) -> Step:
    """Make a step that runs function(item), each item being pickled by itself: rebuilding it is part of running it."""

    def step(
        position: int, items: Iterator[Any], function: Callable[..., Any], counter: memoryview, out: list[Any]
    ) -> None:
        append = out.append
        for item in items:
            counter[POSITION] = position
            position += 1
            append(function(load(item)))

    return step


def star_pickled(load: Load) -> Step:
    """Make a step that runs function(*item), each item being pickled by itself."""

    def step(
        position: int, items: Iterator[Any], function: Callable[..., Any], counter: memoryview, out: list[Any]
    ) -> None:
        append = out.append
        for item in items:
            counter[POSITION] = position
            position += 1
            append(function(*load(item)))

    return step


def apply_pickled(load: Load) -> Step:
    """Make a step whose items name their own functions: `function` looks one up; None: nobody wants the item."""

    def step(
        position: int, items: Iterator[Any], function: Callable[..., Any], counter: memoryview, out: list[Any]
    ) -> None:
        append = out.append
        for number, data in items:
            counter[POSITION] = position
            position += 1
            if number is None:
                append(None)
                continue
            args, kwargs = load(data)
            append(function(number)(*args, **kwargs))

    return step


# How items are run by themselves; those of BATCH and COLUMNS too, where each gets care.
PLAIN: dict[int, Step] = {
    Style.CALL: call_plain,
    Style.STAR: star_plain,
    Style.BATCH: call_plain,
    Style.COLUMNS: star_plain,
}
PICKLED: dict[int, Callable[[Load], Step]] = {
    Style.CALL: call_pickled, Style.STAR: star_pickled, Style.APPLY: apply_pickled, Style.BATCH: call_pickled,
    Style.COLUMNS: star_pickled,
}  # fmt: skip
IN_FRAMES = {style: make(codec.load) for style, make in PICKLED.items()}


def step_for(style: int, load: Load | None) -> Step:
    """Choose how items are run.

    Args:
        load: What rebuilds an item; None: they stand there as they are.
    """
    if load is None:
        return PLAIN[style]
    return IN_FRAMES[style] if load is codec.load else PICKLED[style](load)


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
