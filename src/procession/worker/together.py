"""Functions that take many items at once: `procession.chunked`, and how one call runs a whole batch.

Knows: such a function, the inputs of one batch.
Must not know: frames, groups, who decided how many they are.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from functools import partial, update_wrapper

from procession.model.errors import shorten
from procession.model.light import Any
from procession.model.task import Style
from procession.wire.counter import POSITION

TOGETHER = (Style.BATCH, Style.COLUMNS)

Ended = tuple[list[Any], dict[int, BaseException]]  # values, and errors by position


class Chunked:
    """A function of many items that is called with one: it makes a list of it, and takes the one result out.

    A pool calls `function` itself, with as many items as make up a batch.

    Args:
        function: Takes a list of items and returns a list with one result for each.
    """

    takes_many = True

    def __init__(self, function: Callable[..., Any]) -> None:
        if not callable(function):
            raise TypeError(f"chunked({shorten(function)}): must be callable")
        self.function = function
        update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return many(self.function(*([each] for each in args), **kwargs), 1, self.function)[0]

    def __reduce__(self) -> Any:
        name: str = getattr(self, "__qualname__", "")
        found: Any = sys.modules.get(self.__module__)
        for part in name.split("."):
            found = getattr(found, part, None)
        return name if found is self else (Chunked, (self.function,))  # by name where it is a decorator

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else Chunked(self.function.__get__(instance, owner))

    def __repr__(self) -> str:
        return f"chunked({shorten(self.function)})"


def unwrapped(function: Any) -> Callable[..., Any]:
    """Give the function that takes many items."""
    if isinstance(function, partial):
        return partial(unwrapped(function.func), *function.args, **function.keywords)
    return function.function  # type: ignore[no-any-return]


def alone(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function of one item of one that takes many."""
    return lambda *args: many(function(*([each] for each in args)), 1, function)[0]


def many(results: Any, count: int, function: object) -> list[Any]:
    """Check what a function returned for so many items.

    Raises:
        TypeError: It is nothing that has one result after the other.
        ValueError: They are more or less than there were items.
    """
    name = getattr(function, "__qualname__", None) or shorten(function)
    advice = "return a list with one result for each item"
    if isinstance(results, (str, bytes, Mapping, Set)) or not hasattr(results, "__iter__"):
        raise TypeError(f"the chunked function {name} returned {shorten(results)} for {count} items; {advice}")
    values = list(results)
    if len(values) != count:
        raise ValueError(f"the chunked function {name} returned {len(values)} results for {count} items; {advice}")
    return values


def run(function: Callable[..., Any], style: int, inputs: Sequence[Any]) -> Ended:
    """Call a function once for all inputs; what it raises is each one's error."""
    count = len(inputs)
    try:
        args = map(list, zip(*inputs, strict=True)) if style == Style.COLUMNS else (list(inputs),)
        return many(function(*args), count, function), {}
    except BaseException as error:
        if count > 1:
            _note(error, f"raised by one call for {count} items (procession.chunked)")
        return [None] * count, dict.fromkeys(range(count), error)


def _note(error: BaseException, text: str) -> None:
    try:
        error.add_note(text)
    except Exception:
        pass  # a class that refuses attributes keeps its text


def step(style: int, load: Callable[[Any], Any] | None) -> Callable[..., None]:
    """Make what runs all items that it is given, in one call: `Loop.step` calls it like one of `steps.py`."""

    def together(
        position: int, items: Iterator[Any], function: Callable[..., Any], counter: memoryview, out: list[Any]
    ) -> None:
        counter[POSITION] = position
        inputs, places, failures = [], [], {}
        for place, item in enumerate(items):
            try:
                inputs.append(item if load is None else load(item))
                places.append(place)
            except BaseException as error:  # it cannot be rebuilt: its own fault only
                failures[place] = error
        values: list[Any] = [None] * (len(inputs) + len(failures))
        if inputs:
            results, errors = run(function, style, inputs)
            for place, value in zip(places, results, strict=True):
                values[place] = value
            failures.update((places[index], error) for index, error in errors.items())
        out += [values, failures]

    return together
