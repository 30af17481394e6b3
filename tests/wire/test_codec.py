"""Inputs and outcomes come out as they went in; what cannot be sent or rebuilt costs its own item."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procession.model.errors import MaybeEncodingError, RemoteError, TaskExit
from procession.wire import codec, exceptions

atoms = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary())
values = st.recursive(
    atoms, lambda inner: st.one_of(st.lists(inner), st.tuples(inner), st.dictionaries(st.text(), inner))
)


class Refusing:
    """Cannot be pickled, or cannot be rebuilt."""

    def __init__(self, error: type[BaseException], late: bool) -> None:
        self.error = error
        self.late = late

    def __reduce__(self) -> Any:
        if self.late:
            return raise_it, (self.error,)
        raise self.error("refused")


def raise_it(error: type[BaseException]) -> None:
    raise error("refused")


def send(
    results: list[Any], failures: dict[int, exceptions.Encoded] | None = None, durations: list[float] | None = None
) -> tuple[tuple[Any, ...], codec.Results]:
    body = codec.encode_results(7, 0.5, results, failures or {}, durations)
    head = codec.RESULTS_HEAD.unpack_from(body)
    return head, codec.decode_results(head[3], memoryview(body)[codec.RESULTS_HEAD.size :])


@pytest.mark.short
@given(st.lists(values, max_size=20), st.booleans())
@settings(deadline=None, max_examples=50)
def test_outcomes_come_out_as_they_went_in(results: list[Any], timed: bool) -> None:
    durations = [0.25] * len(results) if timed else None
    head, got = send(results, None, durations)
    assert head[:3] == (7, len(results), 0.5)
    assert got.values == results and list(map(type, got.values)) == list(map(type, results))
    assert got.failures is None and got.durations == durations


KINDS = [ValueError, KeyError, SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, MemoryError, RecursionError]


@given(st.lists(st.one_of(atoms, st.builds(Refusing, st.sampled_from(KINDS), st.booleans())), min_size=1, max_size=12))
@settings(deadline=None, max_examples=100)
def test_value_that_cannot_travel_costs_its_own_item(results: list[Any]) -> None:
    _, got = send(results)
    failures = got.failures or {}
    bad = {place for place, value in enumerate(results) if isinstance(value, Refusing)}
    if KeyboardInterrupt not in {results[place].error for place in bad if results[place].late}:
        assert set(failures) == bad
    for place, value in enumerate(results):
        if place not in bad:
            assert got.values[place] == value
            continue
        error = failures[place]
        assert got.values[place] is None and isinstance(error, Exception) and not isinstance(error, StopIteration)
        if not value.late:
            assert isinstance(error, MaybeEncodingError)


def test_results_do_not_share_objects() -> None:
    shared: list[int] = []
    _, got = send([shared, shared, [shared, shared]])
    assert got.values[0] is not got.values[1]
    assert got.values[2][0] is got.values[2][1]


@pytest.mark.parametrize(
    "items, expected",
    [
        ([], True), ([1, "a", b"b", None, 1.5, True, 1j], True), ([(1, "a"), (None,)], True), (range(5), True),
        ([(1, [2])], False), ([[1]], False), ([1, (2,)], False), ([object()], False),
        ([type("Int", (int,), {})(3)], False),
        ([bytearray(b"x")], False), ([type("T", (tuple,), {})()], False),
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_plain(items: Any, expected: bool) -> None:
    assert codec.plain(items) is expected


@given(st.lists(st.one_of(atoms, st.tuples(atoms, atoms)), min_size=1, max_size=30))
@settings(deadline=None, max_examples=100)
def test_guess_of_a_light_weight_is_near(items: list[Any]) -> None:
    for item in items:
        size = len(pickle.dumps(item, 5))
        guess = codec.guess_weight(item)
        assert guess * 4 + 64 >= size or isinstance(item, (int, tuple)) and size > 64
    assert codec.guess_weight([1]) == codec.guess_weight(object()) == codec.UNKNOWN_BYTES


# Exceptions.


class Picky(Exception):
    """Is made from other arguments than it keeps."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


class Mute(Exception):
    """Cannot be turned into text."""

    def __str__(self) -> str:
        raise SystemExit("no text")

    __repr__ = __str__


class Closed(Exception):
    """Takes no attributes: no cause, no notes."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(name)


def travel(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as raised:
        record = exceptions.encode(raised)
    return exceptions.decode(pickle.loads(pickle.dumps(record, 5)))


@pytest.mark.parametrize(
    "error", [ValueError("a", 1), KeyError("k"), OSError(2, "none", "f"), ZeroDivisionError()], ids=repr
)
def test_exception_arrives_as_itself_with_its_traceback(error: Exception) -> None:
    got = travel(error)
    assert type(got) is type(error) and got.args == error.args
    cause = got.__cause__
    assert (
        isinstance(cause, exceptions.RemoteTraceback)
        and "raise error" in cause.tb
        and str(cause) == f'\n"""\n{cause.tb}"""'
    )


def test_notes_and_chains_arrive() -> None:
    error = ValueError("outer")
    error.add_note("a note")
    error.__cause__ = KeyError("inner")
    got = travel(error)
    text = str(got.__cause__)
    assert got.__notes__ == ["a note"] and "a note" in text and "KeyError: 'inner'" in text


@pytest.mark.parametrize(
    "error", [Picky("a", "b"), ValueError(lambda: 1), type("Local", (Exception,), {})("x")], ids=repr
)
def test_exception_that_cannot_be_rebuilt_is_told_as_text(error: Exception) -> None:
    got = travel(error)
    assert isinstance(got, RemoteError)
    assert got.type_name.endswith(type(error).__qualname__) and got.message == str(error) and got.reason
    assert "raise error" in got.traceback and pickle.loads(pickle.dumps(got)).message == got.message


@pytest.mark.parametrize("kind", [KeyboardInterrupt, GeneratorExit, StopIteration])
def test_exception_that_must_not_be_raised_bare_is_wrapped(kind: type[BaseException]) -> None:
    got = travel(kind("x"))
    assert isinstance(got, RemoteError) and isinstance(got.cause, kind)


@pytest.mark.parametrize("code", [None, 0, 1, 300, "text", (1, 2)])
def test_sys_exit_arrives_as_task_exit(code: Any) -> None:
    got = travel(SystemExit(code))
    assert isinstance(got, TaskExit) and got.code == code


def test_odd_exceptions_never_break_the_channel() -> None:
    assert isinstance(travel(Mute()), Exception)
    assert isinstance(travel(Closed("x")), RemoteError)
    group = travel(ExceptionGroup("several", [ValueError(1), KeyError(2)]))
    assert isinstance(group, ExceptionGroup) and len(group.exceptions) == 2
    long = travel(ValueError("y" * 10_000_000))
    assert len(str(long)) == 10_000_000 and len(str(long.__cause__)) < 1_000_000


def test_own_frames_are_left_out_and_the_user_s_kept() -> None:
    namespace: dict[str, Any] = {"__name__": "procession.worker.loop"}
    exec("def ours(function):\n    function()", namespace)

    def theirs() -> None:
        raise ValueError("x")

    try:
        namespace["ours"](theirs)
    except ValueError as error:
        error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
        record = exceptions.encode(error)
    assert "in theirs" in record[4] and "in ours" not in record[4]
