"""Inputs of `procession map`: lines as they are written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from procession.cli import inputs


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """The reading and the writing end of a pipe."""
    reading, writing = os.pipe()
    yield reading, writing
    for end in (reading, writing):
        try:
            os.close(end)
        except OSError:
            continue


def read(path: Path, data: bytes, *, null: bool = False) -> list[str]:
    path.write_bytes(data)
    items, total = inputs.open_inputs((), (str(path),), null=null)
    assert total is None
    return list(items)


@pytest.mark.parametrize(
    ("data", "items"),
    [
        (b"", []),
        (b"a\nb\n", ["a", "b"]),
        (b"a\nb", ["a", "b"]),
        (b"\n\na\n", ["", "", "a"]),
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"a b\t\x0bc\x0c\xe2\x80\xa8d\r e\n", ["a b\t\x0bc\x0c\u2028d\r e"]),
        (b"\xff\xc3\xbc\n", ["\udcff\xfc"]),
    ],
)
def test_lines(tmp_path: Path, data: bytes, items: list[str]) -> None:
    assert read(tmp_path / "lines", data) == items


@pytest.mark.parametrize(
    ("data", "items"), [(b"a\nb\0c\0", ["a\nb", "c"]), (b"a\0\0b", ["a", "", "b"]), (b"a\r\n\0", ["a\r\n"])]
)
def test_items_that_end_with_nul(tmp_path: Path, data: bytes, items: list[str]) -> None:
    assert read(tmp_path / "items", data, null=True) == items


def test_long_lines_and_characters_across_reads(tmp_path: Path) -> None:
    lines = ["\u20ac" * length for length in (65535, 3, 200000, 1)]
    assert read(tmp_path / "lines", "\n".join(lines).encode()) == lines


def test_a_line_is_an_item_as_soon_as_it_is_whole(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    items = inputs.read_items(reading, null=False)
    os.write(writing, b"first\nsec")
    assert next(items) == "first"
    os.write(writing, b"ond\n")
    assert next(items) == "second"
    os.close(writing)
    assert list(items) == []


def test_arguments_and_their_number() -> None:
    items, total = inputs.open_inputs(("a", "", "b c"), (), null=False)
    assert (list(items), total) == (["a", "", "b c"], 3)


def test_files_come_after_the_arguments(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("1\n2\n")
    items, total = inputs.open_inputs(("a",), (str(tmp_path / "x"), str(tmp_path / "x")), null=False)
    assert (list(items), total) == (["a", "1", "2", "1", "2"], None)


def test_a_file_that_cannot_be_read_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(inputs.InputRefused, match="'.*none': cannot be read: No such file"):
        inputs.open_inputs(("a",), (str(tmp_path / "none"),), null=False)
