"""Several input sources: combined, or side by side, as in GNU parallel."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from procession.cli import inputs, sources
from procession.cli.records import InputRefused


def rows(line: str, *, link: bool = False) -> tuple[list[str], int | None]:
    command, given = sources.split(line.split())
    assert command == ("cmd",)
    values, total = sources.open_all(given, null=False, link=link)
    return [" ".join(each) for each in values], total


# What GNU parallel 20221122 gave
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("cmd ::: 1 2", "1|2"),
        ("cmd ::: 1 2 ::: a b ::: x y", "1 a x|1 a y|1 b x|1 b y|2 a x|2 a y|2 b x|2 b y"),
        ("cmd ::: 1 2 :::+ a b c ::: x y", "1 a x|1 a y|2 b x|2 b y"),
        ("cmd ::: 1 2 ::: a b :::+ x y", "1 a x|1 b y|2 a x|2 b y"),
    ],
)
def test_combinations(line: str, expected: str) -> None:
    assert rows(line) == (expected.split("|"), expected.count("|") + 1)


@pytest.mark.parametrize(
    ("line", "expected"),
    [("cmd ::: 1 2 ::: a b c", "1 a|2 b|1 c"), ("cmd ::: 1 ::: a b c ::: x y", "1 a x|1 b y|1 c x")],
)
def test_link_begins_shorter_ones_again(line: str, expected: str) -> None:
    assert rows(line, link=True) == (expected.split("|"), expected.count("|") + 1)


def test_files(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("a\nb\n")
    assert rows(f"cmd ::: 1 2 :::: {tmp_path}/f") == (["1 a", "1 b", "2 a", "2 b"], None)
    assert rows(f"cmd ::: 1 2 ::::+ {tmp_path}/f") == (["1 a", "2 b"], None)
    assert rows(f"cmd :::: {tmp_path}/f", link=True) == (["a", "b"], None)


@pytest.mark.parametrize("line", ["cmd :::", "cmd ::: 1 :::", "cmd ::: ::: 1", "cmd ::: 1 :::+", "cmd ::::"])
def test_a_source_without_inputs_gives_nothing(line: str) -> None:
    assert rows(line) == ([], 0)
    assert rows(line, link=True)[0] == []


def test_the_first_source_is_read_as_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(descriptor: int, *, null: bool) -> Iterator[str]:
        return map(str, itertools.count())

    monkeypatch.setattr(inputs, "read_items", endless)
    for line, link in (("cmd ::: - ::: a b", False), ("cmd ::: - :::+ - ", False), ("cmd ::: - ::: a b", True)):
        values, total = sources.open_all(
            sources.split(line.replace("+ -", "+ a b c").split())[1], null=False, link=link
        )
        assert len(list(itertools.islice(values, 3))) == 3
        assert total is None


def test_standard_input_twice_is_refused() -> None:
    with pytest.raises(InputRefused, match="once only"):
        rows("cmd ::: - :::: -")
