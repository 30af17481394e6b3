"""Results as lines of JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from procession.cli import results, target


class Odd:
    def __repr__(self) -> str:
        return 'Odd("\udcff")'


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -1.5, 10**30, "", "a\nb\u2028\u20ac\x00", [], [1, [2]], {"b": 1, "a": {}}, "\ud800", "\udcff"],
)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    line = results.encode(value, as_repr=False)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert json.loads(line.decode("utf-8")) == value


def test_text_is_not_escaped_and_keys_keep_their_order() -> None:
    assert results.encode({"b": "ü", "a": 1}, as_repr=False) == '{"b": "ü", "a": 1}\n'.encode()


@pytest.mark.parametrize("value", [{1, 2}, b"x", float("nan"), [float("inf")], {(1,): 2}, Odd(), 1j])
def test_what_json_cannot_hold(value: Any) -> None:
    with pytest.raises(results.ResultNotJson, match=f"of type {type(value).__name__}, .*--repr"):
        results.encode(value, as_repr=False)
    assert json.loads(results.encode(value, as_repr=True)) == repr(value)


def test_repr_leaves_what_json_can_hold_alone() -> None:
    assert results.encode({"a": [1]}, as_repr=True) == b'{"a": [1]}\n'


def test_call() -> None:
    assert results.call(target.expression("lambda line: [line]"), False, "x") == b'["x"]\n'
