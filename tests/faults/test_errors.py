"""Errors arrive as what they are, with the worker's traceback; whatever users' classes do on the way."""

from __future__ import annotations

import traceback
from typing import Any, NoReturn

import pytest

import procession
from procession import RemoteError, RemoteTraceback
from procession.wire import codec, exceptions

pytestmark = pytest.mark.limit(30)


def divide(number: int) -> float:
    return 1 / number  # the line that fails


def divide_deeper(number: int) -> float:
    try:
        return divide(number)
    except ZeroDivisionError as error:
        raise ValueError("no such number") from error


@pytest.mark.parametrize("call", ["map", "apply", "imap"])
def test_cause_is_the_traceback_of_the_worker(call: str) -> None:
    with procession.Pool(1) as pool:
        with pytest.raises(ZeroDivisionError) as caught:
            {"map": pool.map, "apply": lambda f, x: pool.apply(f, x), "imap": lambda f, x: list(pool.imap(f, x))}[call](
                divide, (0,)
            )
    cause = caught.value.__cause__
    assert type(cause) is RemoteTraceback
    lines = str(cause).strip().splitlines()
    assert lines[:2] == ['"""', "Traceback (most recent call last):"]
    assert lines[2].startswith(f'  File "{__file__}", line ') and lines[2].endswith(", in divide")
    assert lines[3] == "    return 1 / number  # the line that fails"
    assert lines[-2:] == ["ZeroDivisionError: division by zero", '"""']
    printed = "".join(traceback.format_exception(caught.value))
    assert "\nThe above exception was the direct cause of the following exception:\n" in printed
    assert printed.count("# the line that fails") == 1


def test_traceback_tells_the_causes_in_the_worker_too() -> None:
    with procession.Pool(1) as pool:
        with pytest.raises(ValueError, match="no such number") as caught:
            pool.map(divide_deeper, [0])
    text = str(caught.value.__cause__)
    assert text.index("ZeroDivisionError: division by zero") < text.index("ValueError: no such number")


class Text(str):
    """A text that cannot be pickled."""

    def __reduce__(self) -> NoReturn:
        raise ValueError("no")


class StrangeText(Exception):
    def __init__(self, value: Any = None) -> None:
        self.value = value

    def __str__(self) -> str:
        return Text("strange")

    def __reduce__(self) -> NoReturn:
        raise SystemExit(1)


def raise_strange(item: int) -> NoReturn:
    raise StrangeText()


def test_class_that_returns_odd_texts_breaks_nothing() -> None:
    with procession.Pool(1) as pool:
        with pytest.raises(RemoteError, match="StrangeText: strange"):
            pool.apply(raise_strange, (1,))
        assert pool.map(divide, [1, 2]) == [1, 0.5]


def test_long_texts_are_cut_and_the_exception_travels_whole() -> None:
    record = exceptions.encode(ValueError("x" * 5_000_000))
    assert len(record[3]) < 300_000 and len(record[4]) < 300_000
    error = exceptions.decode(record)
    assert str(error) == "x" * 5_000_000
    assert "4800000 characters are left out here" in exceptions.decode((*record[:1], None, *record[2:])).args[0]


calls_of_rebuild = 0


def interrupt_once() -> int:
    global calls_of_rebuild
    calls_of_rebuild += 1
    if calls_of_rebuild == 1:
        raise KeyboardInterrupt
    return calls_of_rebuild


class Interrupted:
    def __reduce__(self) -> Any:
        return interrupt_once, ()


def interrupt_always() -> NoReturn:
    raise KeyboardInterrupt


class Interrupting:
    def __reduce__(self) -> Any:
        return interrupt_always, ()


def test_ctrl_c_while_a_result_is_rebuilt_is_not_taken_for_the_result_s_doing() -> None:
    global calls_of_rebuild
    calls_of_rebuild = 0
    with pytest.raises(KeyboardInterrupt):
        exceptions.rebuild(codec.dump(Interrupted()))
    value, error = exceptions.rebuild(codec.dump(Interrupting()))
    assert value is None and type(error) is KeyboardInterrupt


class NotesRaise(Exception):
    @property
    def __notes__(self) -> NoReturn:
        raise OSError("no notes")


class NoAttributes(Exception):
    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise SystemExit(name)


def raise_with_number_as_notes() -> NoReturn:
    error = ValueError("noted")
    error.__notes__ = 5  # type: ignore[assignment]
    raise error


def raise_with_raising_notes() -> NoReturn:
    raise NotesRaise("noted")


def raise_without_attributes() -> NoReturn:
    raise NoAttributes("noted")


class NoHash(type):
    """Classes that no set takes."""

    def __eq__(cls, other: object) -> bool:
        return cls is other

    __hash__ = None  # type: ignore[assignment]


class Unhashable(metaclass=NoHash):
    pass


def return_unhashable() -> object:
    return Unhashable()


def call_at_two(item: tuple[int, Any]) -> object:
    return item[1]() if item[0] == 2 else item[0]


@pytest.mark.parametrize(
    ("task", "kind"),
    [
        (raise_with_number_as_notes, ValueError),
        (raise_with_raising_notes, NotesRaise),
        (raise_without_attributes, RemoteError),
        (return_unhashable, procession.MaybeEncodingError),
    ],
)
def test_class_that_cannot_be_noted_or_hashed_costs_its_item_only(task: Any, kind: type[Exception]) -> None:
    items = [(index, task) for index in range(4)]
    with procession.Pool(2) as pool:
        with pytest.raises(kind) as caught:
            pool.map(call_at_two, items)
        failure = procession.failure(caught.value)
        assert failure is not None and failure.index == 2
        assert [each.result for each in failure.outcomes] == [0, 1, None, 3]
        results = pool.imap(call_at_two, iter(items))
        assert [next(results), next(results)] == [0, 1]
        with pytest.raises(kind):
            next(results)
        assert list(results) == [3]


def deep_tuple() -> object:
    value: tuple[Any, ...] = ()
    for _ in range(100_000):
        value = (value,)
    return value


def test_item_that_cannot_be_looked_at_costs_itself_only() -> None:
    for odd in (Unhashable(), deep_tuple()):
        with procession.Pool(2) as pool:
            for items in ([odd, 1, 2], [1, odd, 2]):
                outcomes = pool.map(type, items, outcomes=True)
                assert [each.ok for each in outcomes] == [type(each) is int for each in items]
                results = pool.imap_unordered(abs, iter([odd]))
                with pytest.raises(Exception, match=r"unhashable|recursion"):
                    next(results)
