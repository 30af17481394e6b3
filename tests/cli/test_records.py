"""JSON lines and CSV as inputs: what becomes an item, and what becomes of a bad line."""

from __future__ import annotations

import pytest

from procession.cli.records import InputRefused, csv_rows, json_values
from procession.cli.results import BadLine


def csv_items(text: str, columns: tuple[str, ...] | None = None) -> list[object]:
    return list(csv_rows(iter(text.splitlines(keepends=True)), "f", columns))


def test_json_values() -> None:
    lines = ['{"a": 1}', "", "  ", "[2]", "nul", '"\u20ac"', "NaN", "[" * 100_000]
    first, second, bad, text, number, deep = json_values(lines, "f")
    assert (first, second, text) == ({"a": 1}, [2], "\u20ac")
    assert isinstance(bad, BadLine) and (bad.name, bad.number) == ("f", 5) and "'nul' is not JSON" in bad.reason
    assert isinstance(number, BadLine) and "NaN is no number of JSON" in number.reason
    assert isinstance(deep, BadLine) and len(deep.reason) < 300


def test_csv_rows() -> None:
    assert csv_items('a,b\n1,"x\ny"\n\n2,"say ""no"""\n') == [{"a": "1", "b": "x\ny"}, {"a": "2", "b": 'say "no"'}]
    assert csv_items("\ufeffa,b\n1,2\n") == [{"a": "1", "b": "2"}]
    assert csv_items("a,b,c\n1,2,3\n", ("c", "a")) == [{"c": "3", "a": "1"}]


def test_bad_rows_cost_no_other() -> None:
    good, short, quoted, last = csv_items('a,b\n1,2\n3\n"x"y,1\n5,6\n')
    assert good == {"a": "1", "b": "2"} and last == {"a": "5", "b": "6"}
    assert isinstance(short, BadLine) and (short.number, short.reason) == (3, "'3' has 1 fields, the header 2")
    assert isinstance(quoted, BadLine) and quoted.number == 4 and "is not CSV" in quoted.reason


@pytest.mark.parametrize(
    ("text", "columns", "said"),
    [
        ("", None, "f: has no header"),
        ("a,a\n", None, "f: has two columns 'a'"),
        ("a,b\n", ("c",), "f: has no column 'c'; its columns are a, b"),
        ('"a"b\n', None, "f: line 1, the header, is not CSV"),
    ],
)
def test_headers_that_are_refused(text: str, columns: tuple[str, ...] | None, said: str) -> None:
    with pytest.raises(InputRefused, match=said):
        csv_items(text, columns)


def test_a_large_field() -> None:
    assert csv_items(f"a\n{'x' * 1_000_000}\n") == [{"a": "x" * 1_000_000}]
